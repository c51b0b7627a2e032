"""What proxies report of their warm connections, checked."""

from __future__ import annotations

from typing import Any

from accel.control.state.state import State
from accel.errors import HostError


def budgets_of(report: Any, state: State) -> dict[int, int]:
    """Of a ReportWarmRequest, by the backends' numbers.

    Raises NotFoundError, and HostError for a service that makes no use of it.
    """
    service = state.service(report.service)
    if not service.hints.warm:
        raise HostError(
            f"service {service.name!r} makes no use of warm connections",
            hint=f"accel hint set {service.name} --warm",
        )
    keys = [state.backend(service.name, budget.backend).key for budget in report.budgets]
    taken = state.placement.backends.taken
    numbers = (taken[key].number for key in keys)
    return dict(zip(numbers, (budget.connections for budget in report.budgets), strict=True))
