"""The map from arrays to the optimal transport between what they describe, on the host.

It is all that the frameworks' adapters see of the core: NumPy arrays in, NumPy arrays out. Two maps
are equal if they are of equal content, so that what a framework compiles for one serves the other.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import cached_property
from typing import Any, NamedTuple, NoReturn

import numpy as np

from sdot.content import array_digest, content_key
from sdot.derivatives import gradients
from sdot.distributions.density import Density
from sdot.distributions.distribution import Distribution
from sdot.distributions.sum_of_diracs import SumOfDiracs
from sdot.plan import check_converged, check_pair, solve_numpy
from sdot.results import ResultFormat
from sdot.solved_problems import SolvedProblems
from sdot.solver.solution import Solution
from sdot.solver.solve import Options
from sdot.validation import FloatArray

__all__ = ["SolutionMap", "refuse_second_order"]

_NOTHING = np.empty(0)


class _Solved(NamedTuple):
    """A problem of concrete arrays, and its solution."""

    diracs: SumOfDiracs
    density: Density
    solution: Solution


class SolutionMap:
    """W2^2 between Diracs and a density as a function of some of their arrays.

    Parameters
    ----------
    diracs, density : SumOfDiracs and Density
        Their arrays at the places that move are not looked at, and not kept.
    options : Options
    result : ResultFormat
        Of the plan that an error carries.
    moving : sequence of int
        Which of ``(*diracs.arrays, *density.arrays)`` are the map's arguments.
    """

    def __init__(
        self,
        diracs: SumOfDiracs,
        density: Density,
        options: Options,
        result: ResultFormat,
        moving: Sequence[int],
    ) -> None:
        self._options, self._result, self._moving = options, result, tuple(moving)
        count = len(diracs.arrays)
        self._moving_diracs = [k for k in self._moving if k < count]
        self._moving_density = [k - count for k in self._moving if k >= count]
        self._diracs = _without(diracs, self._moving_diracs)
        self._density = _without(density, self._moving_density)
        self._solved: SolvedProblems[_Solved] = SolvedProblems()

    def value(self, arrays: Sequence[FloatArray]) -> float:
        """Return W2^2 for float64 arrays; raises `ConvergenceError` and `ValueError`."""
        return self._solution(arrays).solution.value

    def gradients(self, arrays: Sequence[FloatArray], needed: Sequence[bool]) -> list[FloatArray]:
        """Return the gradients in those of the arrays that are needed."""
        solved = self._solution(arrays)
        wanted = [False] * (len(self._diracs.arrays) + len(self._density.arrays))
        for place, is_needed in zip(self._moving, needed, strict=True):
            wanted[place] = is_needed
        found = gradients(*solved, wanted)
        return [gradient for gradient in found if gradient is not None]

    def _solution(self, arrays: Sequence[FloatArray]) -> _Solved:
        key = tuple(array_digest(array) for array in arrays)
        known = self._solved.get(key)
        if known is None:
            known = self._solve(arrays)
            self._solved.put(key, known, len(known.diracs))
        return known

    def _solve(self, arrays: Sequence[FloatArray]) -> _Solved:
        rest = iter(arrays)
        diracs = _with(self._diracs, self._moving_diracs, [next(rest) for _ in self._moving_diracs])
        density = _with(self._density, self._moving_density, list(rest))
        check_pair(diracs, density)
        solution = solve_numpy(diracs, density, self._options)
        return _Solved(diracs, density, check_converged(solution, density, self._result))

    @cached_property
    def _key(self) -> Hashable:
        return (
            self._moving,
            self._options,
            self._result,
            _structure(self._diracs),
            _structure(self._density),
        )

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return self._key == other._key if isinstance(other, SolutionMap) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key)


def refuse_second_order() -> NoReturn:
    """Raise an error: the distance is differentiated once."""
    raise NotImplementedError(
        "distance: second derivatives are not available; differentiate once, or take "
        "differences of gradients"
    )


def _without(distribution: Any, places: Sequence[int]) -> Any:
    """Return a distribution with nothing in place of some arrays."""
    return _with(distribution, places, [_NOTHING] * len(places))


def _with(distribution: Any, places: Sequence[int], values: Sequence[FloatArray]) -> Any:
    """Return a distribution with other arrays at places; itself, with its kernels, if at none."""
    if not places:
        return distribution.present
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
