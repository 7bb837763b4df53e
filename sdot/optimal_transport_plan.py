# SPDX-License-Identifier: GPL-3.0-or-later
"""The public function that returns a whole plan."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import numpy.typing as npt

from sdot.batches import Pair, is_batch, mapped, paired, prepare_all, solve_all
from sdot.distributions.density import Density
from sdot.distributions.sum_of_diracs import SumOfDiracs
from sdot.frameworks import needs_derivative, to_numpy
from sdot.plan import OtPlan
from sdot.results import PlanArrays, ResultFormat, result_format
from sdot.solution_map import SolutionMap
from sdot.solver.newton import NewtonProgress
from sdot.solver.solution import Solution
from sdot.solver.solve import Options
from sdot.solving import check_options, map_of, ordered_pair, solve_or_raise
from sdot.streams import is_stream, streamed
from sdot.transport_map import TransportMap

if TYPE_CHECKING:  # for the types of results
    import jax
    import torch

    from sdot.array_types import NumpyArray
    from sdot.distributions.distribution import Distribution

__all__ = ["optimal_transport_plan"]


@overload
def optimal_transport_plan(  # type: ignore[overload-overlap, unused-ignore]
    f: Distribution[NumpyArray],
    g: Distribution[NumpyArray],
    *,
    tol: float = ...,
    max_iterations: int = ...,
    warm_start: bool = ...,
    callback: Callable[[NewtonProgress], None] | None = ...,
    progress: bool = ...,
    partial: bool = ...,
) -> OtPlan[npt.NDArray[np.floating[Any]], np.floating[Any]]: ...


@overload
def optimal_transport_plan(  # type: ignore[overload-overlap, unused-ignore]
    f: Distribution[NumpyArray | jax.Array],
    g: Distribution[NumpyArray | jax.Array],
    *,
    tol: float = ...,
    max_iterations: int = ...,
    warm_start: bool = ...,
    callback: Callable[[NewtonProgress], None] | None = ...,
    progress: bool = ...,
    partial: bool = ...,
) -> OtPlan[jax.Array, jax.Array]: ...


@overload
def optimal_transport_plan(  # type: ignore[overload-cannot-match, unused-ignore]
    f: Distribution[NumpyArray | torch.Tensor],
    g: Distribution[NumpyArray | torch.Tensor],
    *,
    tol: float = ...,
    max_iterations: int = ...,
    warm_start: bool = ...,
    callback: Callable[[NewtonProgress], None] | None = ...,
    progress: bool = ...,
    partial: bool = ...,
) -> OtPlan[torch.Tensor, torch.Tensor]: ...


@overload
def optimal_transport_plan(
    f: Any,
    g: Any,
    *,
    tol: float = ...,
    max_iterations: int = ...,
    warm_start: bool = ...,
    callback: Callable[[NewtonProgress], None] | None = ...,
    progress: bool = ...,
    partial: bool = ...,
) -> Any: ...


def optimal_transport_plan(
    f: Any,
    g: Any,
    *,
    tol: float = 1e-8,
    max_iterations: int = 2000,
    warm_start: bool = False,
    callback: Callable[[NewtonProgress], None] | None = None,
    progress: bool = False,
    partial: bool = False,
) -> Any:
    """Return the optimal transport plan between Diracs and a density.

    Parameters
    ----------
    f, g : SumOfDiracs and a density, or lists or iterators of them
        In either order, of the same total mass. Lists and iterators are batches; see
        `sdot.distance`.
    tol : float, optional
        Greatest relative error of a cell mass at the solution, measured on the returned plan.
    max_iterations : int, optional
        Newton steps before giving up.
    warm_start : bool, optional
        Start from the last solution with the same density or Diracs; see `sdot.distance`.
    callback : callable, optional
        Called after every Newton step with an object that has ``iteration``, ``mass_error``,
        ``smallest_mass`` (least cell mass relative to its target) and ``step_length``. What it
        raises ends the solve.
    progress : bool, optional
        Show on standard error how far it is, once two seconds have passed; see `sdot.distance`.
    partial : bool, optional
        Whether the Diracs may have less mass than the density: ``SumOfDiracs(points, mass=0.5)``
        and a density of mass one. The cheapest part of the density is transported, and the rest is
        ``plan.unused_mass``. Cells are power cells cut by discs, ``|x - y_i|**2 <= w_i``, so that
        potentials have no free constant. For densities that discs can cut: all but Gaussian
        mixtures and periodic ones; all sites must have mass. Of equal masses it is the plan as
        without ``partial``.

    Returns
    -------
    OtPlan
        Of a list a list of plans, of an iterator an iterator.

    Raises
    ------
    TypeError
        If the arguments are not Diracs and a density.
    ValueError
        If the total masses differ; with ``partial``, if the Diracs have more, or discs cannot cut
        the density.
    ConvergenceError
        If the tolerance was not reached; its ``plan`` is the best one found. Inside a compiled
        function, where nothing can be raised, every output is NaN.

    Notes
    -----
    In functions that JAX or `torch.func` transforms, and of tensors that require grad, the outputs
    carry derivatives. One with respect to barycenters, cell masses or potentials, forward or
    reverse, costs one linear solve with the Newton matrix; `distance` needs none. What is not used
    is not computed, but outside of `jax.jit` in forward mode. With ``partial`` there are first
    derivatives of the distance only.

    Examples
    --------
    >>> from sdot import Box, SumOfDiracs, optimal_transport_plan
    >>> sites = SumOfDiracs([[0.25, 0.5], [0.5, 0.5]], weights=[1.0, 3.0])
    >>> plan = optimal_transport_plan(sites, Box(((0, 0), (1, 1))))
    >>> plan.barycenters.round(6).tolist()
    [[0.125, 0.5], [0.625, 0.5]]
    """
    options = check_options(tol, max_iterations, warm_start, callback, progress, partial=partial)
    if is_stream(f, g):
        return streamed(f, g, options, _of_solution)
    if is_batch(f, g):
        return _plans(f, g, options)
    return _plan(*ordered_pair(f, g), options)


def _plan(diracs: SumOfDiracs, density: Density, options: Options) -> OtPlan:
    leaves = (*diracs.arrays, *density.arrays)
    result = result_format(*leaves)
    moving = [k for k, leaf in enumerate(leaves) if needs_derivative(leaf)]
    if not moving:
        diracs, density = diracs.snapshot, density.snapshot
        solution = solve_or_raise(diracs, density, options, result)
        return OtPlan(solution.status, solution, density, result)
    solution_map = map_of(diracs, density, options, result, moving)
    arguments = [leaves[k] for k in moving]
    return _of_map(Pair(diracs, density), solution_map, arguments, result, options)


def _plans(f: Any, g: Any, options: Options) -> list[OtPlan]:
    pairs = paired(f, g)
    leaves = [leaf for pair in pairs for leaf in pair.leaves]
    result = result_format(*leaves)
    if not any(map(needs_derivative, leaves)):
        found = solve_all(pairs, options, result)
        return [
            _of_solution(solution, pair, result)
            for solution, pair in zip(found, pairs, strict=True)
        ]
    maps, arguments = mapped(pairs, options, result)
    if all(pair.diracs.has_values and pair.density.has_values for pair in pairs):
        prepare_all(maps, arguments)
    return [
        _of_map(*parts, result, options) if parts[2] else _plan(*parts[0], options)
        for parts in zip(pairs, maps, arguments, strict=True)
    ]


def _of_solution(solution: Solution, pair: Pair, result: ResultFormat) -> OtPlan:
    return OtPlan(solution.status, solution, pair.density.snapshot, result)


def _of_map(
    pair: Pair,
    solution_map: SolutionMap,
    arguments: Sequence[Any],
    result: ResultFormat,
    options: Options,
) -> OtPlan:
    """Return a plan whose outputs can be differentiated in the arguments of a map."""
    diracs, density = pair
    arrays = result.adapter.differentiable_plan(solution_map, arguments, result)
    arrays = _with_diracs(arrays, pair, result, options)
    if not (diracs.has_values and density.has_values):
        transport_map = TransportMap(solution_map, arguments, arrays, density.torus)
        return OtPlan(arrays.status, None, density, result, arrays, transport_map)
    solution = solution_map.solution([to_numpy(array).astype(float) for array in arguments])
    return OtPlan(solution.status, solution, density.snapshot, result, arrays)


def _with_diracs(
    arrays: PlanArrays, pair: Pair, result: ResultFormat, options: Options
) -> PlanArrays:
    """Add positions and masses, with their derivatives."""
    diracs, density = pair
    adapter = result.adapter
    weights = np.ones(len(diracs)) if diracs.weights is None else diracs.weights
    shares = adapter.converted(weights, result)
    is_fixed = not any(map(needs_derivative, density.arrays))
    total = density.total_mass if is_fixed else arrays.cell_masses.sum()
    if options.partial:
        total = diracs.mass
    return arrays._replace(
        positions=adapter.converted(diracs.positions, result),
        masses=shares * (total / shares.sum()),
    )
