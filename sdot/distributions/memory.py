# SPDX-License-Identifier: GPL-3.0-or-later
"""What solves leave with a distribution, for later ones to start from."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock
from typing import Any

__all__ = ["Memory"]

_REMEMBERED = 4  # solutions of unlike numbers of sites
_MAX_ELEMENTS = 4096  # of batches


class Memory:
    """The last solutions for one distribution; any number of threads may use it at once.

    What they are is the solver's business: see `sdot.solver.warm_start`.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._solutions: OrderedDict[int, Any] = OrderedDict()
        self._elements: OrderedDict[Hashable, Memory] = OrderedDict()

    def of_element(self, place: Hashable) -> Memory:
        """Return the memory of the element at a place in batches of this distribution."""
        with self._lock:
            element = self._elements.setdefault(place, Memory())
            self._elements.move_to_end(place)
            if len(self._elements) > _MAX_ELEMENTS:
                self._elements.popitem(last=False)
            return element

    def __reduce__(self) -> Any:
        return Memory, ()  # what is remembered does not travel

    def store(self, count: int, solution: Any) -> None:
        """Remember a solution with so many sites, which must not change."""
        with self._lock:
            self._solutions[count] = solution
            self._solutions.move_to_end(count)
            if len(self._solutions) > _REMEMBERED:
                self._solutions.popitem(last=False)

    def last(self, count: int) -> Any:
        """Return the last solution with so many sites, or None."""
        with self._lock:
            return self._solutions.get(count)
