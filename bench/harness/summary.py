"""What the times of many rounds come to. Nothing is measured here.

`costs` are ns per packet, a row for each program and a column for each round.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from itertools import islice

import numpy as np
import numpy.typing as npt

Costs = npt.NDArray[np.float64]


def ratio(costs: Costs, usual: Costs) -> float:
    """The median of the ratios of each round: what disturbs one side disturbs the other."""
    return float(np.median(costs / usual))


def of_the_middle(costs: Costs) -> Costs:
    """What each program costs of its round's own middle, the median over all rounds.

    A moment of rest or noise is then one for all programs of a round.
    """
    off: Costs = np.median(costs / np.median(costs, axis=0), axis=1)
    return off


def percent_off_the_middle(off: Costs) -> float:
    """How far the dearest and the cheapest are from the middle between them."""
    return 100 * float((off.max() - off.min()) / (off.max() + off.min()))


def quiet_medians(turns: Sequence[Sequence[float]]) -> list[float]:
    """The median of each program, of the least disturbed quarter of all turns.

    A turn counts as a whole: a moment of rest that only one of the programs had would look like a
    difference.
    """
    quiet = sorted(turns, key=sum)[: len(turns) // 4]
    return [statistics.median(costs) for costs in zip(*quiet, strict=True)]


def means(costs: Iterable[float], copies: Iterable[int]) -> list[float]:
    """The mean of each side, of whose program so many copies stand one after the other."""
    left = iter(costs)
    return [statistics.mean(islice(left, count)) for count in copies]
