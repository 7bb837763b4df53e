# SPDX-License-Identifier: GPL-3.0-or-later
"""What a solve returns: the plan in the caller's units, and how the solve ended."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sdot.cached_property import cached_property
from sdot.diagrams import DiagramArrays
from sdot.distributions.density import CellMoments, CellPotential, Rounding
from sdot.execution import Execution
from sdot.periodic_diagrams import Torus
from sdot.records import Record, check_part
from sdot.solver.budget import Budget
from sdot.solver.certificate import error_bound
from sdot.solver.normalisation import CarriedCells, Normalisation
from sdot.solver.problem import TransportProblem
from sdot.validation import FloatArray, freeze

IndexArray = npt.NDArray[np.intp]

__all__ = ["IndexArray", "Solution", "Status", "make_solution", "make_status"]


@dataclass(frozen=True)
class Status:
    """How a solve ended.

    Attributes
    ----------
    converged : whether ``mass_error`` is at most the tolerance.
    mass_error : greatest error of a returned cell mass relative to its target.
    iterations : Newton steps.
    diagrams : power diagrams built, from scratch or by flips, in all ways, stages and clusters
        together; a trial step that hides a site is refused without one.
    message : what happened, and a remedy if it did not converge.

    Examples
    --------
    >>> from sdot import Box, SumOfDiracs, optimal_transport_plan
    >>> status = optimal_transport_plan(SumOfDiracs([[0.2, 0.4]]), Box(((0, 0), (1, 1)))).status
    >>> status.converged, status.mass_error <= 1e-8
    (True, True)
    """

    converged: bool
    mass_error: float
    iterations: int
    diagrams: int
    message: str


@dataclass(frozen=True, eq=False)
class Solution(Record):
    """A plan in the caller's coordinates, as NumPy arrays."""

    value: float  # the dual value of W2^2
    primal_value: float
    positions: FloatArray
    masses: FloatArray
    barycenters: FloatArray
    gaps: FloatArray  # positions less barycenters, formed before these were rounded
    cell_masses: FloatArray
    spreads: FloatArray  # integrals of |x - barycenter|**2, for a mass of one
    potentials: FloatArray
    status: Status
    rounding: Rounding  # of the moments in the frame
    diagram: DiagramArrays  # of the normalised sites
    normalisation: Normalisation
    execution: Execution
    heavy: IndexArray | None = None  # sites with mass, which the normalised ones are of; None: all

    def check_parts(self) -> None:
        """Refuse arrays that do not belong together."""
        count = len(self.positions)
        heavy = np.arange(count) if self.heavy is None else self.heavy
        check_part(heavy, "heavy", (None,), dtype=np.intp, limits=(0, count))
        for name in ("positions", "masses", "potentials"):
            shape = (count, 2) if name == "positions" else (count,)
            check_part(getattr(self, name), name, shape)
        for name in ("barycenters", "gaps", "cell_masses", "spreads"):
            shape = (count, 2) if name in ("barycenters", "gaps") else (count,)
            check_part(getattr(self, name), name, shape, is_finite=False)
        check_part(self.rounding.second_moments, "rounding", (2,))
        site_of, sites = self.normalisation.site_of, len(self.diagram.positions)
        count = len(heavy)
        check_part(site_of, "site_of", (count,), dtype=np.intp, limits=(0, sites))
        check_part(self.normalisation.positions, "positions", (count, 2))
        check_part(self.normalisation.share, "share", (count,))

    @property
    def cell_potential(self) -> CellPotential:
        """The potential on the density's side."""
        of_cells = self.potentials if self.heavy is None else self.potentials[self.heavy]
        return self.normalisation.cell_potential(of_cells, self.diagram)

    @property
    def squared_radii(self) -> FloatArray | None:
        """Those of discs that cut the cells in the frame; None unless only a part is used."""
        return None

    @property
    def density_mass(self) -> float:
        """The mass of all of the density."""
        return self.total_mass

    @property
    def unused_mass(self) -> float:
        """The mass of the density that goes to no site."""
        return 0.0

    @property
    def torus(self) -> Torus | None:
        """The torus that the density is on, if it is periodic."""
        return self.normalisation.torus_of_caller

    @property
    def total_mass(self) -> float:
        """The mass transported."""
        return float(self.masses.sum())

    @cached_property
    def error_bound(self) -> float:
        """An upper bound on how far the value is from W2^2; computed when it is asked for."""
        kept = slice(None) if self.heavy is None else self.heavy
        total, normalisation = float(self.masses[kept].sum()), self.normalisation
        cells = CarriedCells(
            self.cell_masses[kept] / total,
            self.barycenters[kept],
            normalisation.positions - normalisation.frame.origin,
            self.gaps[kept],
            self.spreads[kept],
        )
        bound = error_bound(
            cells,
            self.potentials[kept],
            (self.masses - self.cell_masses)[kept] / total,
            normalisation.potential_ranges(self.diagram),
            normalisation.rounding(self.rounding),
        )
        return total * bound


def make_status(mass_error: float, budget: Budget, tol: float) -> Status:
    """Say how a solve ended, and what to do if it did not converge."""
    converged = mass_error <= tol
    reached = f"relative mass error {mass_error:.1e} after {budget.iterations} Newton steps"
    if converged:
        message = f"converged: {reached}"
    elif budget.is_spent:
        message = f"stopped at max_iterations: {reached}; raise max_iterations or tol"
    else:
        message = (
            f"stalled: {reached}, more than tol={tol:.1e}; raise tol, merge sites that are "
            "almost coincident, or leave out those of hardly any mass"
        )
    return Status(converged, mass_error, budget.iterations, budget.diagrams, message)


def make_solution(
    problem: TransportProblem,
    normalisation: Normalisation,
    diagram: DiagramArrays,
    moments: CellMoments,
    masses: FloatArray,
    *,
    status: Status,
) -> Solution:
    """Carry the cells of a normalised problem back to the caller's units."""
    total = float(masses.sum())
    cells = normalisation.cells(moments)
    potentials = normalisation.potentials(diagram.weights)
    potentials -= (potentials * masses).sum() / total
    filled = cells.masses > 0
    distances = (cells.gaps**2).sum(axis=1)
    primal = total * float(cells.spreads.sum() + (cells.masses * distances)[filled].sum())
    # Concave in the weights and maximal at the solution: its error is of second order in the
    # mass residual, while the primal cost of a plan with slightly wrong masses is of first.
    residual = masses - total * cells.masses
    return Solution(
        value=primal + float((residual * potentials).sum()),
        primal_value=primal,
        positions=freeze(normalisation.positions),
        masses=freeze(masses),
        barycenters=freeze(cells.centroids),
        gaps=freeze(cells.gaps),
        cell_masses=freeze(total * cells.masses),
        spreads=freeze(cells.spreads),
        potentials=freeze(potentials),
        status=status,
        rounding=problem.kernel.rounding,
        diagram=diagram,
        normalisation=normalisation,
        execution=problem.execution,
    )
