# SPDX-License-Identifier: GPL-3.0-or-later
"""A partial plan in the caller's units, and how exact its value is.

The dual value is a lower bound of W2^2 at any weights w, and it is what is returned. With w*
optimal, concavity gives

    W2^2 - G(w) <= sum_i r_i (w*_i - w_i),

r the masses that are missing. At the optimum every cell has mass, so that its disc meets the box of
the density, and some mass is outside of all discs, so that none of them covers the box: w*_i is
between the squares of the least and the greatest distance of y_i from the box. That bounds every
term of the sum. What rounding adds is as without discs (`solver/certificate.py`); a point that is
on the wrong side of an arc costs as much as the potential differs from zero there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sdot.cached_property import cached_property
from sdot.diagrams import DiagramArrays
from sdot.distributions.density import CellMoments, CellPotential
from sdot.solver.certificate import UNIT, rounding_bound, roundings_of
from sdot.solver.normalisation import CarriedCells, Normalisation
from sdot.solver.partial.problem import PartialProblem
from sdot.solver.solution import Solution, Status
from sdot.validation import FloatArray, freeze

__all__ = ["PartialNormalisation", "PartialSolution", "make_partial_solution"]


@dataclass(frozen=True, eq=False)
class PartialNormalisation(Normalisation):
    """The coordinates of the density's box, both axes in units of its longer side.

    For sites and density alike: discs stay discs, and weights their squared radii.
    """

    def potentials_of(self, positions: FloatArray, weights: FloatArray) -> FloatArray:
        """The caller's weights of any sites (k, 2)."""
        return np.asarray(weights / self.site_scale)

    def cell_potential(self, potentials: FloatArray, diagram: DiagramArrays) -> CellPotential:
        """The potential on the cut cells of the normalised sites."""
        sites, scale = diagram.positions, self.frame.scale
        weights = diagram.weights * scale[0] ** 2
        return CellPotential(scale**2, sites, np.zeros_like(sites), weights)


@dataclass(frozen=True, eq=False)
class PartialSolution(Solution):
    """A partial plan in the caller's coordinates, as NumPy arrays.

    Its cells are those of the diagram within discs, of which the squared radii are the weights.
    """

    whole: float = 0.0  # the mass of all of the density

    @property
    def density_mass(self) -> float:
        """The mass of all of the density."""
        return self.whole

    @property
    def squared_radii(self) -> FloatArray:
        """Those of the discs of the normalised sites, in the frame."""
        return self.diagram.weights

    @property
    def unused_mass(self) -> float:
        """The mass of the density that is outside of all discs."""
        return self.density_mass - float(self.cell_masses.sum())

    @cached_property
    def error_bound(self) -> float:
        """An upper bound on how far the value is from W2^2; computed when it is asked for."""
        normalisation = self.normalisation
        kept = slice(None) if self.heavy is None else self.heavy
        cells = CarriedCells(
            self.cell_masses[kept],
            self.barycenters[kept],
            normalisation.positions - normalisation.frame.origin,
            self.gaps[kept],
            np.maximum(self.spreads[kept], 0.0),
        )
        weights, residual = self.potentials[kept], (self.masses - self.cell_masses)[kept]
        least, greatest = _squared_distances(normalisation.positions, normalisation.met_box)
        missing = np.where(residual > 0, residual * (greatest - weights), 0.0)
        excess = np.where(residual < 0, -residual * (weights - least), 0.0)
        rounding = normalisation.rounding(self.rounding)
        rounding = rounding._replace(second_moments=self.density_mass * rounding.second_moments)
        rounded = (
            roundings_of(residual, rounding) * UNIT * (cells.masses * (greatest - least)).sum()
        )
        size = self.density_mass * float(greatest.max() + np.abs(weights).max())
        return float(missing.sum() + excess.sum() + rounded) + rounding_bound(
            cells, weights, residual, size, rounding
        )


def make_partial_solution(
    problem: PartialProblem,
    normalisation: PartialNormalisation,
    diagram: DiagramArrays,
    moments: CellMoments,
    masses: FloatArray,
    *,
    status: Status,
    density_mass: float,
) -> PartialSolution:
    """Carry the cut cells of a normalised problem back to the caller's units."""
    cells = normalisation.cells(moments)
    potentials = normalisation.potentials(diagram.weights)
    cell_masses, spreads = density_mass * cells.masses, density_mass * cells.spreads
    filled = cell_masses > 0
    distances = (cells.gaps**2).sum(axis=1)
    primal = float(spreads.sum() + (cell_masses * distances)[filled].sum())
    return PartialSolution(
        value=primal + float(((masses - cell_masses) * potentials).sum()),
        primal_value=primal,
        positions=freeze(normalisation.positions),
        masses=freeze(masses),
        barycenters=freeze(cells.centroids),
        gaps=freeze(cells.gaps),
        cell_masses=freeze(cell_masses),
        spreads=freeze(spreads),
        potentials=freeze(potentials),
        status=status,
        rounding=problem.kernel.rounding,
        diagram=diagram,
        normalisation=normalisation,
        execution=problem.execution,
        whole=density_mass,
    )


def _squared_distances(points: FloatArray, box: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The least and the greatest ones (n,) of points (n, 2) from a box."""
    low, high = points - box[0], box[1] - points
    outside = np.maximum(np.maximum(-low, -high), 0.0)
    furthest = np.maximum(np.abs(low), np.abs(high))
    return (outside**2).sum(axis=1), (furthest**2).sum(axis=1)
