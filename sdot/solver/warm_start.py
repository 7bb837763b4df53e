"""Reuse of the last solution for nearby sites, as in an optimisation loop.

Every density and every sum of Diracs remembers its last few solutions, one per number of sites. A
new solve starts
from the remembered potentials, moved with their sites,

    w_i <- w_i + |b_i - y_i'|**2 - |b_i - y_i|**2,

so that each site keeps its value at the barycentre b_i of its old cell. It is only a start: the
solve ends with the same test on the cell masses, so the answer depends on the past by less than
the tolerance, and a start that leaves a cell too small is dropped for a cold one.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

from sdot.validation import FloatArray

__all__ = ["Memory"]

_REMEMBERED = 4  # solutions of unlike numbers of sites


@dataclass(frozen=True, eq=False)
class _Remembered:
    positions: FloatArray
    barycenters: FloatArray
    potentials: FloatArray


class Memory:
    """The last solutions for one distribution; any number of threads may use it at once."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._solutions: OrderedDict[int, _Remembered] = OrderedDict()

    def store(self, positions: FloatArray, barycenters: FloatArray, potentials: FloatArray) -> None:
        """Remember a solution; the arrays are kept, not copied, and must not change."""
        with self._lock:
            self._solutions[len(positions)] = _Remembered(positions, barycenters, potentials)
            self._solutions.move_to_end(len(positions))
            if len(self._solutions) > _REMEMBERED:
                self._solutions.popitem(last=False)

    def predict(self, positions: FloatArray) -> FloatArray | None:
        """Return potentials for these positions (n,), or None if nothing is remembered."""
        with self._lock:
            last = self._solutions.get(len(positions))
        if last is None:
            return None
        step = positions - last.positions
        # |b - y'|**2 - |b - y|**2, without the cancellation
        moved: FloatArray = last.potentials + (
            step * (positions + last.positions - 2 * last.barycenters)
        ).sum(axis=1)
        return moved
