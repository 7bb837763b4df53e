# SPDX-License-Identifier: GPL-3.0-or-later
"""Bounds on W2^2 between two densities as functions of their arrays, on the host."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NoReturn

import numpy as np

from sdot.cached_property import cached_property
from sdot.content import array_digest
from sdot.derivatives.density_bounds import lower_gradients, upper_gradients
from sdot.distributions.density import Density
from sdot.driver import driver
from sdot.errors import NotDifferentiableError
from sdot.execution import SERIAL
from sdot.quantisation.density_bounds import GluedBounds, glued_bounds
from sdot.quantisation.partition import partition_of
from sdot.results import ResultFormat
from sdot.solution_map import SolutionMap
from sdot.solved_problems import SolvedProblems
from sdot.solver.solve import Options
from sdot.validation import FloatArray

__all__ = ["BoundsMap", "BoundsOptions", "TwoSided", "Which", "bounds_of", "check_same_mass"]

Which = Literal["lower", "upper", "estimate"]


@dataclass(frozen=True)
class BoundsOptions:
    """See `sdot.distance_bounds`."""

    sites: int
    quantised: str | None
    tol: float
    seed: int


@dataclass(frozen=True, eq=False)
class TwoSided:
    """The best of the bounds from one density to the other and, if asked for, back.

    Attributes
    ----------
    sides : bounds, and whether they go from the second of the two densities to the first.
    """

    sides: tuple[tuple[GluedBounds, bool], ...]

    def value(self, which: Which) -> float:
        """One of the bounds, or the mean of both."""
        if which == "estimate":
            return 0.5 * (self.value("lower") + self.value("upper"))
        best = self._best(which)[0]
        return best.lower if which == "lower" else best.upper

    def gradients(self, which: Which) -> list[FloatArray]:
        """Its gradients by the arrays of both densities in order."""
        if which == "estimate":
            lower, upper = self.gradients("lower"), self.gradients("upper")
            return [0.5 * (one + other) for one, other in zip(lower, upper, strict=True)]
        bounds, is_swapped = self._best(which)
        found = (lower_gradients if which == "lower" else upper_gradients)(bounds)
        count = len(bounds.first.arrays)
        return [*found[count:], *found[:count]] if is_swapped else found

    def _best(self, which: Which) -> tuple[GluedBounds, bool]:
        if which == "lower":
            return max(self.sides, key=lambda side: side[0].lower)
        return min(self.sides, key=lambda side: side[0].upper)


def bounds_of(
    f: Density,
    g: Density,
    options: BoundsOptions,
    place: tuple[int, ...] | None = None,
) -> TwoSided:
    """Return the bounds for densities whose arrays have values, and are snapshots."""
    execution = driver.execution if place is None else SERIAL
    check_same_mass(f, g)
    pairs = {"first": [(f, g, False)], "second": [(g, f, True)]}
    pairs["both"] = pairs["first"] + pairs["second"]
    sides = []
    for quantised, other, is_swapped in pairs[options.quantised or _better(f, g)]:
        partition = partition_of(quantised, options.sites, options.seed, execution)
        bounds = glued_bounds(quantised, other, partition, options.tol, execution)
        sides.append((bounds, is_swapped))
    return TwoSided(tuple(sides))


def _better(f: Density, g: Density) -> str:
    """Which to quantise: the lower bound is better if the other one has a bounded domain."""
    return "second" if g.domain is None and f.domain is not None else "first"


def check_same_mass(f: Density, g: Density) -> None:
    """Refuse densities of unlike total mass."""
    masses = f.total_mass, g.total_mass
    if abs(masses[0] - masses[1]) > 1e-6 * masses[1]:
        raise ValueError(
            f"expected two densities of the same total mass, not {masses[0]:g} and {masses[1]:g}; "
            "give both the same mass="
        )


class BoundsMap(SolutionMap):
    """One of the bounds, or their mean, as a function of arrays of both densities.

    Parameters
    ----------
    f, g : Density
    options : BoundsOptions
    result : ResultFormat
    moving : which of ``(*f.arrays, *g.arrays)`` are the map's arguments.
    which : what the map gives.
    solved : problems that several maps have in common.
    """

    def __init__(
        self,
        f: Density,
        g: Density,
        options: BoundsOptions,
        result: ResultFormat,
        *,
        moving: Sequence[int],
        which: Which,
        solved: SolvedProblems[TwoSided],
    ) -> None:
        first: Any = f  # in place of Diracs, which are only taken apart
        no_solve: Any = None
        super().__init__(first, g, Options(), result, moving=moving, solve=no_solve)
        self._bounds_options, self._which, self._bounds = options, which, solved

    def value(self, arrays: Sequence[FloatArray]) -> float:
        """Return the bound."""
        return self._bounds_at(arrays).value(self._which)

    def gradients(self, arrays: Sequence[FloatArray], needed: Sequence[bool]) -> list[FloatArray]:
        """Return its gradients in those of the arrays that are needed."""
        found = self._bounds_at(arrays).gradients(self._which)
        places = [place for place, wanted in zip(self._moving, needed, strict=True) if wanted]
        return [np.ascontiguousarray(found[place]) for place in places]

    def hessian_product(self, *_: Any) -> NoReturn:
        """Refuse second derivatives."""
        raise NotDifferentiableError(
            "distance_bounds: expected one derivative of the bounds, not two; second derivatives "
            "are those of distance, with a quantisation of one of the densities"
        )

    def prepare(self, arrays: Sequence[FloatArray], place: tuple[int, ...]) -> None:
        """Compute one element of a batch on one core."""
        self._bounds_at(arrays[: self.arguments], place)

    def _bounds_at(
        self, arrays: Sequence[FloatArray], place: tuple[int, ...] | None = None
    ) -> TwoSided:
        key = tuple(array_digest(array) for array in arrays)
        known = self._bounds.get(key)
        if known is None:
            known = bounds_of(*self._pair(arrays, key), self._bounds_options, place)
            self._bounds.put(key, known, self._bounds_options.sites)
        return known

    @cached_property
    def _key(self) -> Hashable:
        return super()._key, self._bounds_options, self._which
