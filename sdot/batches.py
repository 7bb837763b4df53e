# SPDX-License-Identifier: GPL-3.0-or-later
"""Many problems in one call: lists of Diracs, of densities, or of both.

They are solved on all cores that `sdot.driver` allows, one to a core, and to the bits of single
calls. Each element starts warm from its own last solution.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple, TypeVar

import numpy as np

from sdot.distributions.density import Density
from sdot.distributions.distribution import Distribution
from sdot.distributions.sum_of_diracs import SumOfDiracs
from sdot.driver import driver
from sdot.errors import ConvergenceError
from sdot.frameworks import needs_derivative, to_numpy
from sdot.progress import counting
from sdot.results import ResultFormat, result_format
from sdot.solution_map import SolutionMap
from sdot.solver.solution import Solution
from sdot.solver.solve import Options
from sdot.solving import map_of, ordered_pair, solve_or_raise

__all__ = [
    "Failure",
    "Pair",
    "batched_distance",
    "is_batch",
    "mapped",
    "pair_at",
    "paired",
    "prepare_all",
    "renamed",
    "run_batch",
    "solve_all",
]

T = TypeVar("T")

Failure = ConvergenceError | ValueError | ArithmeticError


class Pair(NamedTuple):
    """One problem of a batch."""

    diracs: SumOfDiracs
    density: Density

    @property
    def leaves(self) -> tuple[Any, ...]:
        """The arrays of both."""
        return (*self.diracs.arrays, *self.density.arrays)


def is_batch(*arguments: Any) -> bool:
    """Tell whether one of the arguments is a list of distributions."""
    return any(
        isinstance(x, list | tuple) and (not x or any(isinstance(y, Distribution) for y in x))
        for x in arguments
    )


def paired(f: Any, g: Any) -> list[Pair]:
    """Return the problems of a batch; what is no list belongs to all of them."""
    counts = [len(x) for x in (f, g) if isinstance(x, list | tuple)]
    if len(set(counts)) > 1 or 0 in counts:
        raise ValueError(
            "expected lists of as many Diracs as densities, at least one, or one density for all, "
            f"not of {' and '.join(map(str, counts))}"
        )
    size = counts[0]
    firsts, seconds = ([x] * size if not isinstance(x, list | tuple) else x for x in (f, g))
    return [pair_at(k, *pair) for k, pair in enumerate(zip(firsts, seconds, strict=True))]


def pair_at(index: int, f: Any, g: Any) -> Pair:
    """Return a problem of a batch."""
    try:
        return Pair(*ordered_pair(f, g))
    except TypeError as error:
        raise TypeError(f"element {index}: {error}") from error


def batched_distance(f: Any, g: Any, options: Options) -> Any:
    """Return the distances (B,) of the problems of a batch."""
    pairs = paired(f, g)
    result = result_format(*(leaf for pair in pairs for leaf in pair.leaves))
    if not any(needs_derivative(leaf) for pair in pairs for leaf in pair.leaves):
        found = solve_all(pairs, options, result)
        return result.convert(np.array([solution.value for solution in found]))
    maps, arguments = mapped(pairs, options, result)
    return result.adapter.differentiable_distances(maps, arguments, result)


def solve_all(pairs: Sequence[Pair], options: Options, result: ResultFormat) -> list[Solution]:
    """Solve problems whose arrays have values on all cores; raise what the first one raises."""
    tasks = [
        partial(solve_or_raise, d.snapshot, g.snapshot, options, result, (k,))
        for k, (d, g) in enumerate(pairs)
    ]
    return _all_or_raise(run_batch(tasks, options.progress))


def mapped(
    pairs: Sequence[Pair], options: Options, result: ResultFormat
) -> tuple[list[SolutionMap], list[list[Any]]]:
    """Return problems as functions of those arrays that may be differentiated, and these arrays."""
    maps, arguments = [], []
    for pair in pairs:
        moving = [k for k, leaf in enumerate(pair.leaves) if needs_derivative(leaf)]
        maps.append(map_of(pair.diracs, pair.density, options, result, moving))
        arguments.append([pair.leaves[k] for k in moving])
    return maps, arguments


def prepare_all(maps: Sequence[SolutionMap], arguments: Sequence[Sequence[Any]]) -> None:
    """Solve problems on all cores, so that what follows finds the solutions; raise if one fails."""
    arrays = [[to_numpy(array).astype(np.float64) for array in own] for own in arguments]
    tasks = [
        partial(solution_map.prepare, own, (k,))
        for k, (solution_map, own) in enumerate(zip(maps, arrays, strict=True))
    ]
    _all_or_raise(run_batch(tasks, any(one.shows_progress for one in maps)))


def run_batch(tasks: Sequence[Callable[[], T]], progress: bool = False) -> list[T | Failure]:
    """Run tasks on all cores that the driver allows; return their results or how they failed."""
    threads = min(driver.threads, len(tasks))
    with counting(len(tasks), progress) as count_one:
        if threads < 2:
            return _counted(map(_result_or_failure, tasks), count_one)
        with ThreadPoolExecutor(threads) as pool:
            return _counted(pool.map(_result_or_failure, tasks), count_one)


def _counted(items: Iterable[T], count_one: Callable[[], None]) -> list[T]:
    found = []
    for item in items:
        found.append(item)
        count_one()
    return found


def _result_or_failure(task: Callable[[], T]) -> Any:
    try:
        return task()
    except (ConvergenceError, ValueError, ArithmeticError) as failure:
        return failure


def _all_or_raise(found: Sequence[T | Failure]) -> list[T]:
    """Return results, or raise the first failure, naming all elements that failed."""
    failed = [k for k, item in enumerate(found) if isinstance(item, Exception)]
    if not failed:
        return list(found)  # type: ignore[arg-type]
    first: Any = found[failed[0]]
    others = f"; so did {', '.join(map(str, failed[1:]))}" if failed[1:] else ""
    message = f"element {failed[0]} of {len(found)} failed{others}. It says: {first}"
    raise renamed(first, message) from first


def renamed(failure: Failure, message: str) -> Failure:
    """Return the same failure with a message that says where."""
    if isinstance(failure, ConvergenceError):
        return ConvergenceError(message, failure.plan)
    return type(failure)(message)
