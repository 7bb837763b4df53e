# SPDX-License-Identifier: GPL-3.0-or-later
"""How a density that is restricted to a shape changes with its arrays."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sdot.distributions.cell_parts import sums_by
from sdot.distributions.density import CellPotential, Density, Frame
from sdot.distributions.density_derivatives import (
    AffineFunction,
    Gradients,
    ScalableDerivative,
    Tangents,
)
from sdot.distributions.polygon_cells import PolygonCells
from sdot.distributions.sum_of_densities import SumOfDensities
from sdot.execution import Execution
from sdot.validation import FloatArray, box_corners

__all__ = ["PartsDerivative", "mass_gradient", "on_parts", "pull_back_inside"]

Integers = npt.NDArray[np.int64]


def on_parts(potential: CellPotential, owners: Integers) -> CellPotential:
    """The potential on parts of cells."""
    return potential._replace(
        sites=potential.sites[owners],
        slopes=potential.slopes[owners],
        constants=potential.constants[owners],
    )


def pull_back_inside(
    density: Density,
    cells: PolygonCells,
    frame: Frame,
    potential: CellPotential,
    execution: Execution,
    *,
    is_mean_free: bool,
) -> tuple[FloatArray, ...]:
    """Derivatives of the integral of a potential over polygons that do not cover the domain.

    Where a density is normalised, its own are those with the mass in the polygons held fixed,
    because that is all the mass that it knows of. What the mass there changes comes on top, times
    the mean of the potential; a potential that is free of a mean needs none of it.
    """
    if isinstance(density, SumOfDensities):
        return tuple(
            factor * part
            for factor, summand in zip(density.factors, density.densities, strict=True)
            if summand.arrays
            for part in pull_back_inside(
                summand, cells, frame, potential, execution, is_mean_free=False
            )
        )
    moments = density.kernel(frame, execution).moments(cells)
    mass = float(moments.masses.sum())
    if is_mean_free or not mass > 0:
        return density.pull_back(cells, frame, potential, execution)
    found = density.pull_back(cells, frame, potential.recentred(moments), execution)
    mean = potential.integral(moments) / mass
    growth = mass_gradient(density, cells, frame, execution)
    return tuple(part + mean * added for part, added in zip(found, growth, strict=True))


def mass_gradient(
    density: Density, cells: PolygonCells, frame: Frame, execution: Execution
) -> tuple[FloatArray, ...]:
    """How the mass in polygons changes with the arrays of a density.

    It is the integral of a potential that is one on them and zero on a cell that is the whole
    domain. A normalised density takes its derivative of the potential less its mean over all of
    this, m / (m + M) with m the mass in the polygons and M the whole: the derivative of m, times
    M / (m + M).
    """
    if isinstance(density, SumOfDensities):
        return tuple(
            factor * part
            for factor, summand in zip(density.factors, density.densities, strict=True)
            if summand.arrays
            for part in mass_gradient(summand, cells, frame, execution)
        )
    whole = density.essential_box(0) if density.domain is None else density.box
    cells = cells.and_one(frame.apply(box_corners(whole)))
    count = len(cells.positions)
    constants = np.append(-np.ones(count - 1), 0.0)
    nothing = np.zeros((count, 2))
    potential = CellPotential(np.zeros(2), nothing, nothing, constants)
    found = density.pull_back(cells, frame, potential, execution)
    if density.options.get("mass") is None:
        return found
    masses = density.kernel(frame, execution).moments(cells).masses
    factor = float(masses.sum() / masses[-1])
    return tuple(factor * part for part in found)


class PartsDerivative:
    """From what the parts of cells do to what the cells do (see `DensityDerivative`).

    Parameters
    ----------
    derivative : of the parts.
    owners : whose they are (m,).
    count : how many cells there are.
    factor : what the density is multiplied with.
    """

    def __init__(
        self, derivative: ScalableDerivative, owners: Integers, count: int, factor: float
    ) -> None:
        self._derivative, self._owners = derivative, owners
        self._count, self._factor = count, factor

    @property
    def is_normalised(self) -> bool:
        """Whether the density is scaled to its mass."""
        return self._derivative.is_normalised

    def normalised_to(self, total_mass: float) -> PartsDerivative:
        """The same of the density that is scaled to have this mass, which it has, in the cells."""
        inner = self._derivative.normalised_to(total_mass / self._factor)
        return PartsDerivative(inner, self._owners, self._count, self._factor)

    def push_forward(self, tangents: Tangents) -> AffineFunction:
        """Integrals of d rho over the cells."""
        parts = self._derivative.push_forward(tangents).scaled(self._factor)
        return AffineFunction(
            sums_by(self._owners, parts.values, self._count),
            sums_by(self._owners, parts.slopes, self._count),
        )

    def pull_back(self, function: AffineFunction) -> Gradients:
        """Integrals of a function on the cells against d rho."""
        on_parts = AffineFunction(function.values[self._owners], function.slopes[self._owners])
        return self._scaled(self._derivative.pull_back(on_parts))

    def curvature(self, tangents: Tangents) -> Gradients:
        """The derivative of the first derivatives at fixed cells."""
        return self._scaled(self._derivative.curvature(tangents))

    def _scaled(self, gradients: Gradients) -> Gradients:
        return tuple(None if part is None else self._factor * part for part in gradients)
