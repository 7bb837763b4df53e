# SPDX-License-Identifier: GPL-3.0-or-later
"""The map from arrays to the optimal transport between what they describe, on the host.

It is all that the frameworks' adapters see of the core: NumPy arrays in, NumPy arrays out. Two maps
are equal if they are of equal content, so that what a framework compiles for one serves the other.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

import numpy as np
import numpy.typing as npt

from sdot.cached_property import cached_property
from sdot.content import array_digest, content_key
from sdot.derivatives import (
    Linearisation,
    PlanOutputs,
    gradients,
    hessian_product,
    pull_back,
    push_forward,
    refuse_second_order_of_a_part,
)
from sdot.distributions.density import Density
from sdot.distributions.distribution import Distribution
from sdot.distributions.sum_of_diracs import SumOfDiracs
from sdot.frameworks import framework_of, to_numpy
from sdot.memo import Latest
from sdot.plan_cells import PlanLocation
from sdot.results import ResultFormat
from sdot.solved_problems import SolvedProblems
from sdot.solver.solution import Solution
from sdot.solver.solve import Options
from sdot.validation import FloatArray

__all__ = ["SolutionMap", "refuse_third_order"]

_NOTHING = np.empty(0)

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class _Solved:
    """A problem of concrete arrays, and its solution."""

    diracs: SumOfDiracs
    density: Density
    solution: Solution

    @cached_property
    def linearisation(self) -> Linearisation:
        return Linearisation(self.diracs, self.density, self.solution)

    @cached_property
    def location(self) -> PlanLocation:
        return PlanLocation(self.solution)


class SolutionMap:
    """The transport between Diracs and a density as a function of some of their arrays.

    Every method takes these arrays, float64, and solves the problem unless it was among the last
    ones. Each raises `ConvergenceError`, or `ValueError` for values that are not allowed.

    Parameters
    ----------
    diracs, density : SumOfDiracs and Density
        Their arrays at the places that move are not looked at, and not kept.
    options : Options
    result : ResultFormat
        Of the plan that an error carries.
    moving : sequence of int
        Which of ``(*diracs.arrays, *density.arrays)`` are the map's arguments.
    solve : callable
        From concrete Diracs, density, options, the format, and the place in a batch or None, to
        the solution; it raises what is to be raised.
    """

    def __init__(
        self,
        diracs: SumOfDiracs,
        density: Density,
        options: Options,
        result: ResultFormat,
        *,
        moving: Sequence[int],
        solve: Callable[..., Solution],
    ) -> None:
        self._options, self._result, self._moving = options, result, tuple(moving)
        self._solve = solve
        count = len(diracs.arrays)
        self._moving_diracs = [k for k in self._moving if k < count]
        self._moving_density = [k - count for k in self._moving if k >= count]
        self._diracs = _without(diracs, self._moving_diracs)
        self._density = _without(density, self._moving_density)
        self._solved: SolvedProblems[_Solved] = SolvedProblems()
        self._latest_density: Latest[Density] = Latest()
        self._failures = itertools.count()

    @property
    def arguments(self) -> int:
        """The number of arrays that move."""
        return len(self._moving)

    @property
    def shows_progress(self) -> bool:
        """Whether to show how far a solve is."""
        return self._options.progress

    def is_first_failure(self) -> bool:
        """Tell, whoever asks after a failure, whether nobody has asked before."""
        return next(self._failures) == 0

    def check_second_order(self) -> None:
        """Refuse second derivatives of partial transport."""
        if self._options.partial:
            refuse_second_order_of_a_part()

    def sites(self, shapes: Sequence[tuple[int, ...]]) -> int:
        """Return the number of sites for arrays of these shapes."""
        return shapes[0][0] if 0 in self._moving else len(self._diracs)

    def prepare(self, arrays: Sequence[FloatArray], place: tuple[int, ...]) -> None:
        """Solve one problem of a batch on one core, so that what follows finds the solution.

        It starts from the last solution at this place. Threads may do this at once.
        """
        self._solved_at(arrays[: self.arguments], place)

    def solution(self, arrays: Sequence[FloatArray]) -> Solution:
        """Return the whole solution."""
        return self._solved_at(arrays).solution

    def value(self, arrays: Sequence[FloatArray]) -> float:
        """Return W2^2."""
        return self._solved_at(arrays).solution.value

    def gradients(self, arrays: Sequence[FloatArray], needed: Sequence[bool]) -> list[FloatArray]:
        """Return the gradients of W2^2 in those of the arrays that are needed."""
        solved = self._solved_at(arrays)
        wanted = self._everywhere(needed, False)
        found = gradients(solved.diracs, solved.density, solved.solution, wanted)
        return _needed(found, wanted)

    def hessian_product(
        self,
        arrays: Sequence[FloatArray],
        directions: Sequence[FloatArray | None],
        needed: Sequence[bool],
    ) -> list[FloatArray]:
        """Return how the needed gradients change along directions; None is zero."""
        linearisation = self._solved_at(arrays).linearisation
        wanted = self._everywhere(needed, False)
        found = hessian_product(linearisation, self._everywhere(directions, None), wanted)
        return _needed(found, wanted)

    def outputs(self, arrays: Sequence[FloatArray]) -> PlanOutputs:
        """Return what a plan says: value, potentials, barycentres, cell masses."""
        solution = self._solved_at(arrays).solution
        return PlanOutputs(
            solution.value, solution.potentials, solution.barycenters, solution.cell_masses
        )

    def located(
        self, arrays: Sequence[FloatArray], points: FloatArray
    ) -> tuple[npt.NDArray[np.int64], FloatArray]:
        """Return the sites (...) in whose cells points (..., 2) are, and the potential there."""
        return self._solved_at(arrays).location.located((), points)

    def push_forward(
        self, arrays: Sequence[FloatArray], directions: Sequence[FloatArray | None]
    ) -> PlanOutputs:
        """Return how the outputs change along directions."""
        linearisation = self._solved_at(arrays).linearisation
        return push_forward(linearisation, self._everywhere(directions, None))

    def pull_back(
        self, arrays: Sequence[FloatArray], cotangents: PlanOutputs, needed: Sequence[bool]
    ) -> list[FloatArray]:
        """Return the needed gradients of a combination of outputs."""
        linearisation = self._solved_at(arrays).linearisation
        wanted = self._everywhere(needed, False)
        return _needed(pull_back(linearisation, cotangents, wanted), wanted)

    def _everywhere(self, items: Sequence[T], rest: T) -> list[T]:
        """Return items at the places that move, and the same at all others."""
        result = [rest] * (len(self._diracs.arrays) + len(self._density.arrays))
        for place, item in zip(self._moving, items, strict=True):
            result[place] = item
        return result

    def _solved_at(
        self, arrays: Sequence[FloatArray], place: tuple[int, ...] | None = None
    ) -> _Solved:
        key = tuple(array_digest(array) for array in arrays)
        known = self._solved.get(key)
        if known is None:
            known = self._new(arrays, key, place)
            self._solved.put(key, known, len(known.diracs))
        return known

    def _new(
        self,
        arrays: Sequence[FloatArray],
        key: tuple[Hashable, ...],
        place: tuple[int, ...] | None,
    ) -> _Solved:
        diracs, density = self._pair(arrays, key)
        solution = self._solve(diracs, density, self._options, self._result, place)
        return _Solved(diracs, density, solution)

    def _pair(self, arrays: Sequence[FloatArray], key: tuple[Hashable, ...]) -> tuple[Any, Density]:
        """Both distributions, with these arrays at the places that move."""
        count = len(self._moving_diracs)
        diracs = _with(self._diracs, self._moving_diracs, arrays[:count])
        # A density that is an argument often stays the same, and has kernels that are kept.
        return diracs, self._latest_density.get(
            key[count:], lambda: _with(self._density, self._moving_density, arrays[count:])
        )

    @cached_property
    def _key(self) -> Hashable:
        return (
            self._moving,
            self._options,
            self._result,
            self._solve,
            _structure(self._diracs),
            _structure(self._density),
        )

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return self._key == other._key if isinstance(other, SolutionMap) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key)


def refuse_third_order() -> NoReturn:
    """Raise an error: what is differentiated here is a derivative that is the last one."""
    raise NotImplementedError(
        "expected at most two derivatives of the distance, and one of a plan's barycenters, "
        "potentials and cell_masses; take differences of these for more"
    )


def _needed(items: Sequence[FloatArray | None], wanted: Sequence[bool]) -> list[FloatArray]:
    return [
        item
        for item, is_wanted in zip(items, wanted, strict=True)
        if is_wanted and item is not None
    ]


def _without(distribution: Any, places: Sequence[int]) -> Any:
    """Return a distribution with nothing in place of some arrays, and the rest as it is now."""
    if not places:
        return distribution.snapshot
    arrays = [_NOTHING if k in places else _now(a) for k, a in enumerate(distribution.arrays)]
    return distribution.with_arrays(arrays)


def _now(array: Any) -> Any:
    return to_numpy(array).copy() if framework_of(array) == "torch" else array


def _with(distribution: Any, places: Sequence[int], values: Sequence[FloatArray]) -> Any:
    """Return a distribution with other arrays at places; itself, with its kernels, if at none."""
    if not places:
        return distribution
    arrays = list(distribution.arrays)
    for place, value in zip(places, values, strict=True):
        arrays[place] = value
    return distribution.with_arrays(arrays)


def _structure(distribution: Distribution) -> Hashable:
    """Return a key of the class, the options and the arrays of a distribution."""
    parameters = [
        (name, _structure(value) if isinstance(value, Distribution) else _leaf_key(value))
        for name, value in distribution.parameters.items()
    ]
    return type(distribution), tuple(parameters), content_key(distribution.options)


def _leaf_key(value: Any) -> Hashable:
    return None if value is None else array_digest(value)
