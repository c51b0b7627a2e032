"""What the data path knows of services and backends beside steering: each concern extends it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from accel.model.placement import PlacedService


class Extension:
    """Steering calls it as services and backends come, change and go. Here nothing is done."""

    def marks(self, index: int) -> int:
        """Bits that the index of a service bears in its entry."""
        return 0

    def keep(self, indices: Collection[int]) -> None:
        """All services but these are gone."""

    def drop(self, indices: Collection[int]) -> None:
        """These services are gone."""

    def refresh(self, touched: Iterable[PlacedService]) -> int:
        """The entries of these services were written, or taken away. Returns how many writes."""
        return 0

    def forget(self, numbers: Collection[int]) -> None:
        """The generations of these backends' numbers begin anew."""

    def reset_service(self, index: int) -> None:
        """That index is another service's from now on."""

    def reset_backend(self, number: int) -> None:
        """That number is another backend's from now on."""

    def second(self, services: Mapping[int, PlacedService]) -> None:
        """Once a second, with the services that there are, by index."""
