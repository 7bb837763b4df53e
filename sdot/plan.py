"""Optimal transport plans between Diracs and a density."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from sdot.adapters.results import ResultFormat, result_format
from sdot.distributions.density import Density
from sdot.distributions.sum_of_diracs import SumOfDiracs
from sdot.errors import ConvergenceError
from sdot.frameworks import is_jax_tracer
from sdot.power_diagram import PowerDiagram
from sdot.solver.solve import Options, Solution, Status, solve
from sdot.validation import FloatArray, check_iterations, check_tolerance

__all__ = ["OtPlan", "check_converged", "check_pair", "optimal_transport_plan", "solve_numpy"]

_SAME_MASS = 1e-6  # relative; below it the Diracs are scaled to the density's mass


@dataclass(frozen=True, eq=False)
class OtPlan:
    """The optimal transport plan between Diracs and a density.

    Results are arrays of the caller's framework, dtype and device. They carry no derivatives:
    differentiate `sdot.distance`.

    Attributes
    ----------
    status : Status
        Whether it converged, the mass error reached, Newton steps, a message.
    """

    status: Status
    _solution: Solution
    _density: Density
    _format: ResultFormat

    @property
    def density(self) -> Density:
        """The density that was transported."""
        return self._density

    @cached_property
    def distance(self) -> Any:
        """W2^2, the squared distance (the dual value): a scalar."""
        return self._format.convert(self._solution.value)

    @cached_property
    def barycenters(self) -> Any:
        """The centroid (n, 2) of the density over each cell; NaN where a cell has no mass.

        Coincident sites share a cell and its barycentre.
        """
        return self._format.convert(self._solution.barycenters)

    @cached_property
    def cell_masses(self) -> Any:
        """The mass (n,) of the density in each cell, to ``status.mass_error`` that of its site.

        Coincident sites share a cell's mass in proportion to their own.
        """
        return self._format.convert(self._solution.cell_masses)

    @cached_property
    def potentials(self) -> Any:
        """The weights w (n,) of the power diagram: Kantorovich potentials on the sites.

        Their mass-weighted mean is zero. The potential on the density's side is
        ``phi(x) = min_i |x - y_i|**2 - w_i``.
        """
        return self._format.convert(self._solution.potentials)

    @property
    def brenier_potential(self) -> Any:
        """The same as `potentials`."""
        return self.potentials

    @cached_property
    def power_diagram(self) -> PowerDiagram:
        """The cells, cut to the density's frame."""
        box = self._density.box
        return PowerDiagram(self._solution.positions, self._solution.potentials, box)

    def __repr__(self) -> str:
        return (
            f"OtPlan({len(self._solution.positions)} sites, distance {self._solution.value:.6g}, "
            f"{self.status.message})"
        )


def optimal_transport_plan(
    f: Any, g: Any, *, tol: float = 1e-8, max_iterations: int = 2000
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

    Returns
    -------
    OtPlan

    Raises
    ------
    TypeError
        If the arguments are not Diracs and a density, or are being traced by JAX (use
        `sdot.distance` inside jitted or differentiated functions).
    ValueError
        If the total masses differ.
    ConvergenceError
        If the tolerance was not reached; its ``plan`` is the best one found.
    """
    diracs, density = check_pair(f, g)
    if is_jax_tracer(diracs.positions) or is_jax_tracer(diracs.weights):
        raise TypeError(
            "optimal_transport_plan: expected concrete arrays, not arrays traced by JAX; call it "
            "outside of jit and grad, or use sdot.distance, which can be traced"
        )
    result = result_format(diracs.positions, diracs.weights, *density.arrays)
    options = Options(check_tolerance(tol), check_iterations(max_iterations))
    solution = solve_numpy(diracs, density, options)
    check_converged(solution, density, result)
    return OtPlan(solution.status, solution, density, result)


def check_pair(f: Any, g: Any) -> tuple[SumOfDiracs, Density]:
    """Return the Diracs and the density of a pair in either order, of equal mass."""
    if isinstance(g, SumOfDiracs):
        f, g = g, f
    if not isinstance(f, SumOfDiracs) or not isinstance(g, Density):
        raise TypeError(
            "expected a SumOfDiracs and a density such as PolynomialGrid, "
            f"not {type(f).__name__} and {type(g).__name__}"
        )
    if abs(f.mass - g.total_mass) > _SAME_MASS * g.total_mass:
        raise ValueError(
            "expected Diracs and a density of the same total mass, not "
            f"{f.mass:g} and {g.total_mass:g}; give both the same mass="
        )
    return f, g


def solve_numpy(diracs: SumOfDiracs, density: Density, options: Options) -> Solution:
    """Solve for concrete Diracs."""
    positions = diracs.numpy_positions
    weights = diracs.numpy_weights
    masses: FloatArray = np.ones(len(positions)) if weights is None else weights
    return solve(positions, masses * (density.total_mass / masses.sum()), density, options)


def check_converged(solution: Solution, density: Density, result: ResultFormat) -> Solution:
    """Raise `ConvergenceError`, with the plan attached, unless the solver converged."""
    if not solution.status.converged:
        plan = OtPlan(solution.status, solution, density, result)
        raise ConvergenceError(f"optimal transport {solution.status.message}", plan)
    return solution
