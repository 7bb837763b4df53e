"""Optimal transport plans between Diracs and a density."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, overload

import numpy as np
import numpy.typing as npt
from scipy.sparse.linalg import LinearOperator

from sdot.array_types import Array_co, NumpyArray, Scalar_co
from sdot.cached_property import cached_property
from sdot.derivatives import Linearisation, hessian_operator
from sdot.distributions.density import Density
from sdot.distributions.sum_of_diracs import SumOfDiracs
from sdot.driver import driver
from sdot.errors import ConvergenceError
from sdot.execution import SERIAL
from sdot.frameworks import needs_derivative, refuse_recording, to_numpy
from sdot.placed_diagram import PlacedDiagram
from sdot.power_diagram import PowerDiagram, non_convex
from sdot.progress import reporting
from sdot.records import Record
from sdot.results import PlanArrays, ResultFormat, result_format
from sdot.solution_map import SolutionMap
from sdot.solver.newton import NewtonProgress
from sdot.solver.solution import Solution, Status
from sdot.solver.solve import Options, solve
from sdot.validation import FloatArray, check_iterations, check_tolerance

if TYPE_CHECKING:  # for the types of results
    import jax
    import torch

    from sdot.distributions.distribution import Distribution

__all__ = [
    "OtPlan",
    "check_converged",
    "check_masses",
    "check_options",
    "map_of",
    "optimal_transport_plan",
    "ordered_pair",
    "solve_numpy",
    "solve_or_raise",
]

_SAME_MASS = 1e-6  # relative; below it the Diracs are scaled to the density's mass


_NOT_KEPT = (
    "OtPlan: expected a plan that was made outside of functions that JAX or torch.func transforms, "
    "not one of arrays only; for {} make it outside, from the same arguments"
)


@dataclass(frozen=True, eq=False)
class OtPlan(Record, Generic[Array_co, Scalar_co]):
    """The optimal transport plan between Diracs and a density.

    Results are arrays of the caller's framework, dtype and device. `distance`, `barycenters`,
    `cell_masses` and `potentials` can be differentiated in everything that the plan was made of, in
    JAX and in PyTorch: the first twice, the others once. A plan that was made in a function that
    JAX or `torch.func` transforms has these only; it is a JAX pytree of them and of ``status``.

    Attributes
    ----------
    status : Status
        Whether it converged, the mass error reached, Newton steps, a message. In a transformed
        function an array of codes: 0 converged; 1 failed, with NaN in every output.
    """

    status: Any
    _solution: Solution | None
    _density: Density | None
    _format: ResultFormat
    _arrays: PlanArrays | None = None  # if they can be differentiated

    @classmethod
    def of_arrays(cls, arrays: PlanArrays, result: ResultFormat) -> OtPlan:
        """Return a plan of nothing but what `arrays` has taken out of one."""
        return cls(arrays.status, None, None, result, arrays)

    @property
    def arrays(self) -> PlanArrays:
        """The outputs; ``status`` as a code."""
        if self._arrays is not None and self._solution is None:
            return self._arrays
        code = np.int8(0 if self._solved.status.converged else 1)
        return PlanArrays(code, self.distance, self.potentials, self.barycenters, self.cell_masses)

    @property
    def format(self) -> ResultFormat:
        """Framework, dtype and device of the outputs."""
        return self._format

    def __getstate__(self) -> dict[str, Any]:
        """Return what is pickled and copied: no graph of derivatives goes along."""
        state = super().__getstate__()
        return state if self._solution is None else {**state, "_arrays": None}

    def check_parts(self) -> None:
        """Refuse parts of other kinds."""
        if self._solution is None:  # of a transformed function
            return
        parts = (self.status, self._solution, self._density, self._format)
        kinds = (Status, Solution, Density, ResultFormat)
        if not all(map(isinstance, parts, kinds)):
            raise TypeError(f"not {[type(part).__name__ for part in parts]}")

    @property
    def density(self) -> Density:
        """The density that was transported."""
        if self._density is None:
            raise TypeError(_NOT_KEPT.format("density"))
        return self._density

    @property
    def _solved(self) -> Solution:
        if self._solution is None:
            raise TypeError(_NOT_KEPT.format("this"))
        return self._solution

    @cached_property
    def distance(self) -> Scalar_co:
        """W2^2, the squared distance (the dual value): a scalar."""
        found: Scalar_co = (
            self._format.convert(self._solved.value)
            if self._arrays is None
            else self._arrays.distance
        )
        return found

    @property
    def error_bound(self) -> float:
        """A rigorous upper bound on ``|distance - W2^2|``, before rounding to the caller's dtype.

        By duality: ``distance`` is the dual value, a lower bound of W2^2 up to rounding, and by
        concavity it misses at most the mass residual times half the range by which the potentials
        can still differ. A smaller ``tol`` makes it smaller. (Derived on the mathematics page.)
        """
        return self._solved.error_bound

    @cached_property
    def barycenters(self) -> Array_co:
        """The centroid (n, 2) of the density over each cell; NaN where a cell has no mass.

        Coincident sites share a cell and its barycentre.
        """
        found: Array_co = (
            self._format.convert(self._solved.barycenters)
            if self._arrays is None
            else self._arrays.barycenters
        )
        return found

    @cached_property
    def cell_masses(self) -> Array_co:
        """The mass (n,) of the density in each cell, to ``status.mass_error`` that of its site.

        Coincident sites share a cell's mass in proportion to their own.
        """
        found: Array_co = (
            self._format.convert(self._solved.cell_masses)
            if self._arrays is None
            else self._arrays.cell_masses
        )
        return found

    @cached_property
    def potentials(self) -> Array_co:
        """The weights w (n,) of the power diagram: Kantorovich potentials on the sites.

        Their mass-weighted mean is zero. The potential on the density's side is
        ``phi(x) = min_i |x - y_i|**2 - w_i``.
        """
        found: Array_co = (
            self._format.convert(self._solved.potentials)
            if self._arrays is None
            else self._arrays.potentials
        )
        return found

    @property
    def brenier_potential(self) -> Array_co:
        """The same as `potentials`."""
        return self.potentials

    def converted(self, array: FloatArray) -> Any:
        """Return an array in the framework, dtype and device of the plan's results."""
        return self._format.convert(array)

    @cached_property
    def linearisation(self) -> Linearisation:
        """The linear operator behind all derivatives of the plan, for relative weights = masses."""
        solution = self._solved
        diracs = SumOfDiracs(solution.positions, solution.masses, solution.total_mass)
        return Linearisation(diracs, self.density, solution)

    def hessian(self) -> LinearOperator:
        """Return the Hessian of W2^2 in the positions, as an operator that is never formed.

        Returns
        -------
        scipy.sparse.linalg.LinearOperator, (2 n, 2 n)
            Symmetric, of float64, on positions that are raveled: x and y of the first site, of the
            second, ... Its first product factors the Newton matrix; every further one is one solve
            with the factor. `sdot.hessian_product` does the same for weights and densities.

        Raises
        ------
        NotDifferentiableError
            If W2^2 is not twice differentiable: a cell has no mass, or an edge is along a jump of
            the density; and from products, if coincident sites move apart.

        Examples
        --------
        >>> from sdot import PolynomialGrid, SumOfDiracs, optimal_transport_plan
        >>> plan = optimal_transport_plan(SumOfDiracs([[0.2, 0.4]]), PolynomialGrid([[1.0]]))
        >>> plan.hessian() @ [0.0, 1.0]
        array([0., 2.])
        """
        return hessian_operator(self.linearisation)

    @cached_property
    def power_diagram(self) -> PowerDiagram:
        """The cells, cut to the region of the density if that is not the whole plane.

        They are those of the solve, to all of its digits: weights, rounded to the caller's
        coordinates, could not tell them where sites are close to each other or far away.
        """
        solution = self._solved
        frame, site_of = solution.normalisation.frame, solution.normalisation.site_of
        owners = np.unique(site_of, return_index=True)[1]
        if solution.heavy is not None:
            owners = solution.heavy[owners]
        placed = PlacedDiagram(
            solution.diagram,
            frame,
            owners,
            len(solution.positions),
            solution.normalisation.site_scale,
        )
        domain, region = self.density.domain, None
        if domain is not None:
            region = non_convex(self.density.region)
        return PowerDiagram.placed(solution.positions, solution.potentials, placed, domain, region)

    def __repr__(self) -> str:
        if self._solution is None:
            return f"OtPlan(of a transformed function, distance {self.distance!r})"
        return (
            f"OtPlan({len(self._solution.positions)} sites, distance {self._solution.value:.6g}, "
            f"{self.status.message})"
        )


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
) -> OtPlan: ...


def optimal_transport_plan(
    f: Any,
    g: Any,
    *,
    tol: float = 1e-8,
    max_iterations: int = 2000,
    warm_start: bool = False,
    callback: Callable[[NewtonProgress], None] | None = None,
    progress: bool = False,
) -> OtPlan:
    """Return the optimal transport plan between Diracs and a density.

    Parameters
    ----------
    f, g : SumOfDiracs and a density
        In either order, of the same total mass.
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
        Keep a line on standard error up to date, once the solve has taken two seconds.

    Returns
    -------
    OtPlan

    Raises
    ------
    TypeError
        If the arguments are not Diracs and a density.
    ValueError
        If the total masses differ.
    ConvergenceError
        If the tolerance was not reached; its ``plan`` is the best one found. Inside a compiled
        function, where nothing can be raised, every output is NaN.

    Notes
    -----
    In functions that JAX or `torch.func` transforms, and of tensors that require grad, the outputs
    carry derivatives. One with respect to barycenters, cell masses or potentials, forward or
    reverse, costs one linear solve with the Newton matrix; `distance` needs none. What is not used
    is not computed, but outside of `jax.jit` in forward mode.
    """
    diracs, density = ordered_pair(f, g)
    options = check_options(tol, max_iterations, warm_start, callback)
    with reporting(callback, progress) as report:
        return _plan(diracs, density, replace(options, callback=report))


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
    arrays = result.adapter.differentiable_plan(solution_map, arguments, result)
    if not (diracs.has_values and density.has_values):
        return OtPlan(arrays.status, None, density, result, arrays)
    solution = solution_map.solution([to_numpy(array).astype(float) for array in arguments])
    return OtPlan(solution.status, solution, density.snapshot, result, arrays)


def map_of(
    diracs: SumOfDiracs,
    density: Density,
    options: Options,
    result: ResultFormat,
    moving: Sequence[int],
) -> SolutionMap:
    """Return the transport as a function of those of the arrays that move."""
    if density.has_values and not diracs.has_values:  # later nothing can be raised
        check_masses(diracs, density.snapshot)
    return SolutionMap(diracs, density, options, result, moving=moving, solve=solve_or_raise)


def check_options(
    tol: Any,
    max_iterations: Any,
    warm_start: Any,
    callback: Callable[[NewtonProgress], None] | None = None,
) -> Options:
    """Return the options of a solve, checked."""
    if not isinstance(warm_start, bool):
        raise TypeError(f"warm_start: expected True or False, not {warm_start!r}")
    if callback is not None and not callable(callback):
        raise TypeError(f"callback: expected a function of one argument, not {callback!r}")
    return Options(check_tolerance(tol), check_iterations(max_iterations), callback, warm_start)


def ordered_pair(f: Any, g: Any) -> tuple[SumOfDiracs, Density]:
    """Return the Diracs and the density of a pair in either order."""
    if isinstance(g, SumOfDiracs):
        f, g = g, f
    if not isinstance(f, SumOfDiracs) or not isinstance(g, Density):
        raise TypeError(
            "expected a SumOfDiracs and a density such as PolynomialGrid, "
            f"not {type(f).__name__} and {type(g).__name__}"
        )
    refuse_recording(*f.arrays, *g.arrays)
    return f, g


def check_masses(diracs: SumOfDiracs, density: Density) -> None:
    """Refuse Diracs and a density of unlike total mass."""
    total = density.total_mass
    if abs(diracs.mass - total) > _SAME_MASS * total:
        raise ValueError(
            "expected Diracs and a density of the same total mass, not "
            f"{diracs.mass:g} and {total:g}; give both the same mass="
        )


def solve_numpy(
    diracs: SumOfDiracs,
    density: Density,
    options: Options,
    place: tuple[int, ...] | None = None,
) -> Solution:
    """Solve for Diracs and a density whose arrays have values, and are snapshots.

    ``place``: in a batch, of which others are solved meanwhile. It has memories of its own there.
    """
    check_masses(diracs, density)
    positions = diracs.numpy_positions
    weights = diracs.numpy_weights
    masses: FloatArray = np.ones(len(positions)) if weights is None else weights
    masses = masses * (density.total_mass / masses.sum())
    memories, execution = [density.memory, diracs.memory], driver.execution
    if place is not None:
        memories, execution = [memory.of_element(place) for memory in memories], SERIAL
    return solve(positions, masses, density, options, memories, execution=execution)


def solve_or_raise(
    diracs: SumOfDiracs,
    density: Density,
    options: Options,
    result: ResultFormat,
    place: tuple[int, ...] | None = None,
) -> Solution:
    """Solve, and raise `ConvergenceError` with the plan attached unless it converged."""
    return check_converged(solve_numpy(diracs, density, options, place), density, result)


def check_converged(solution: Solution, density: Density, result: ResultFormat) -> Solution:
    """Raise `ConvergenceError`, with the plan attached, unless the solver converged."""
    if not solution.status.converged:
        plan = OtPlan(solution.status, solution, density, result)
        raise ConvergenceError(f"optimal transport {solution.status.message}", plan)
    return solution
