# SPDX-License-Identifier: GPL-3.0-or-later
"""A transport problem in well-scaled coordinates, and what weights make of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from sdot.cached_property import cached_property
from sdot.diagrams import DiagramArrays, DiagramBuilder
from sdot.distributions.density import (
    CellMoments,
    DensityKernel,
)
from sdot.execution import SERIAL, Execution
from sdot.periodic_diagrams import PeriodicBuilder, Torus
from sdot.solver.budget import Budget
from sdot.validation import FloatArray

__all__ = [
    "Evaluation",
    "Shares",
    "TransportProblem",
    "builder_of",
    "sum_of_two",
]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Cells, their masses and the Newton matrix's entries at given weights.

    Attributes
    ----------
    diagram, masses : cells, and what the density has on them.
    edge_weights : derivatives of the masses, per edge of the diagram.
    targets : what the masses shall be.
    """

    diagram: DiagramArrays
    masses: FloatArray
    edge_weights: FloatArray
    targets: FloatArray

    @property
    def weights(self) -> FloatArray:
        """The weights of the sites."""
        return self.diagram.weights

    @cached_property
    def residual(self) -> FloatArray:
        """Target minus actual masses: the gradient of the dual."""
        return self.targets - self.masses

    @cached_property
    def residual_norm(self) -> float:
        """Its Euclidean norm, not by BLAS: its sums depend on its threads."""
        return math.sqrt(float(np.square(self.residual).sum()))

    @cached_property
    def mass_error(self) -> float:
        """Greatest error of a cell mass relative to its target."""
        return float(np.abs(self.residual / self.targets).max())

    @cached_property
    def smallest_share(self) -> float:
        """Least cell mass relative to its target."""
        return float((self.masses / self.targets).min())

    @cached_property
    def largest_share(self) -> float:
        """Greatest cell mass relative to its target."""
        return float((self.masses / self.targets).max())


@dataclass(frozen=True, eq=False)
class TransportProblem:
    """Distinct sites with target masses (sum 1), and a density of mass one."""

    sites: FloatArray  # (n, 2), along a Hilbert curve
    masses: FloatArray  # (n,)
    kernel: DensityKernel
    builder: DiagramBuilder | PeriodicBuilder
    budget: Budget
    execution: Execution = SERIAL
    is_stage: bool = False  # on the way to another one: of an easier density, or fewer sites
    shares: Shares | None = None  # of the caller's sites, unless this is a stage
    torus: Torus | None = None  # None: the plane

    def as_stage(
        self,
        kernel: DensityKernel | None = None,
        sites: FloatArray | None = None,
        masses: FloatArray | None = None,
    ) -> TransportProblem:
        """Another problem on the way to this one, on the same budget."""
        kernel = self.kernel if kernel is None else kernel
        if sites is None or masses is None:
            return replace(self, kernel=kernel, is_stage=True, shares=None)
        return replace(
            self,
            sites=sites,
            masses=masses,
            kernel=kernel,
            builder=builder_of(sites, self.torus, self.budget, self.execution),
            is_stage=True,
            shares=None,
        )

    @cached_property
    def least_mass(self) -> float:
        """The mass of the lightest site."""
        return float(self.masses.min())

    def note(self, evaluation: Evaluation, tol: float = -math.inf) -> None:
        """Let the budget know how far the problem has come, unless it is a stage.

        Where that is to ``tol``, masses are returned, and it is their error that counts.
        """
        if self.is_stage:
            return
        error = evaluation.mass_error
        if error <= tol:
            error = self.returned_error(self.kernel.moments(evaluation.diagram))
        self.budget.note_error(error)

    def returned_error(self, moments: CellMoments) -> float:
        """Greatest error, relative to its target, of a mass that is returned for such cells."""
        assert self.shares is not None
        return self.shares.mass_error(moments)

    def evaluate(self, weights: FloatArray, low_weights: FloatArray | None = None) -> Evaluation:
        """Build the power diagram and integrate the density over it."""
        return self.integrate(self.builder.build(weights, low_weights))

    def integrate(self, diagram: DiagramArrays) -> Evaluation:
        """Integrate the density over a diagram of the same sites."""
        masses, edge_weights = self.kernel.masses_and_edge_weights(diagram)
        return Evaluation(diagram, masses, edge_weights, self.masses)

    def moved(
        self, evaluation: Evaluation, step: FloatArray, rebuild: bool = True
    ) -> Evaluation | None:
        """Evaluate at the weights plus a step, which are kept to twice the digits of a double.

        Without ``rebuild`` None is returned where the triangulation cannot be repaired, which
        is so whenever a site has lost its cell.
        """
        high, low = sum_of_two(evaluation.weights, evaluation.diagram.low_weights + step)
        diagram = self.builder.update(high, low)
        if diagram is not None:
            return self.integrate(diagram)
        return self.evaluate(high, low) if rebuild else None


def sum_of_two(first: FloatArray, second: FloatArray) -> tuple[FloatArray, FloatArray]:
    """``first + second`` rounded, and what the rounding took (Knuth's two-sum)."""
    high = first + second
    part = high - first
    return high, (first - (high - part)) + (second - part)


@dataclass(frozen=True, eq=False)
class Shares:
    """How the masses of normalised sites are shared by the caller's, some of which coincide."""

    masses: FloatArray  # the caller's (n,)
    site_of: npt.NDArray[np.intp]  # (n,): which normalised site a caller's site became
    share: FloatArray  # (n,): its share of that site's mass
    density_mass: float | None = None  # if it is more than that of the sites

    @cached_property
    def _total(self) -> float:
        return float(self.masses.sum()) if self.density_mass is None else self.density_mass

    def cell_masses(self, moments: CellMoments) -> FloatArray:
        """The masses of the caller's sites, as they are returned, from the normalised ones'."""
        result: FloatArray = self._total * (moments.masses[self.site_of] * self.share)
        return result

    def mass_error(self, moments: CellMoments) -> float:
        """Greatest error of a returned mass relative to its target."""
        return float(np.abs((self.masses - self.cell_masses(moments)) / self.masses).max())


def builder_of(
    sites: FloatArray, torus: Torus | None, budget: Budget, execution: Execution
) -> DiagramBuilder | PeriodicBuilder:
    """Builder of diagrams of sites that are in a good order already, each of them counted."""
    if torus is not None:
        return PeriodicBuilder(sites, torus, execution, budget.count_diagram)
    order = np.arange(len(sites), dtype=np.int32)
    return DiagramBuilder(sites, order, execution, budget.count_diagram)
