# SPDX-License-Identifier: GPL-3.0-or-later
"""Reuse of the last solution for nearby sites, as in an optimisation loop.

Every density and every sum of Diracs remembers its last few solutions, one per number of sites. A
new solve starts from the remembered potentials, moved with their sites,

    w_i <- w_i + |b_i - y_i'|**2 - |b_i - y_i|**2,

so that each site keeps its value at the barycentre b_i of its old cell. It is only a start: the
solve ends with the same test on the cell masses, so the answer depends on the past by less than
the tolerance, and a start that leaves a cell too small is dropped for a cold one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sdot.distributions.memory import Memory
from sdot.periodic_diagrams import Torus
from sdot.validation import FloatArray

__all__ = ["Remembered", "predicted_potentials", "remember"]


@dataclass(frozen=True, eq=False)
class Remembered:
    """What is kept of a solution: sites and barycentres (n, 2), and potentials (n,)."""

    positions: FloatArray
    barycenters: FloatArray
    potentials: FloatArray

    def moved_to(self, positions: FloatArray, torus: Torus | None) -> FloatArray:
        """Return potentials for other positions of the sites (n,)."""
        step = positions - self.positions
        if torus is not None:
            step = torus.nearest(step)
            positions = self.positions + step
        # |b - y'|**2 - |b - y|**2, without the cancellation
        moved: FloatArray = self.potentials + (
            step * (positions + self.positions - 2 * self.barycenters)
        ).sum(axis=1)
        return moved


def predicted_potentials(
    positions: FloatArray, memories: Iterable[Memory], torus: Torus | None = None
) -> FloatArray | None:
    """Return potentials (n,) from the first of the memories that has a solution, else None."""
    for memory in memories:
        last: Remembered | None = memory.last(len(positions))
        if last is not None:
            return last.moved_to(positions, torus)
    return None


def remember(solution: Remembered, memories: Iterable[Memory]) -> None:
    """Leave a solution with all of the memories; its arrays must not change."""
    for memory in memories:
        memory.store(len(solution.positions), solution)
