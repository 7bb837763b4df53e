# SPDX-License-Identifier: GPL-3.0-or-later
"""Uniform densities on boxes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sdot.array_types import NumpyArray
from sdot.cached_property import cached_property
from sdot.diagrams import DiagramArrays
from sdot.distributions.density import CellPotential, Density, DensityKernel, Frame
from sdot.distributions.grid_arguments import check_periodic
from sdot.distributions.grid_kernel import GridDensityKernel
from sdot.distributions.periodic_kernel import PeriodicKernel
from sdot.execution import SERIAL, Execution
from sdot.periodic_diagrams import Torus, torus_of
from sdot.validation import (
    FloatArray,
    box_corners,
    check_box,
    check_mass,
    freeze,
    refuse_derivatives,
)

__all__ = ["Box"]


class Box(Density[NumpyArray]):
    """The uniform density on a box.

    Parameters
    ----------
    domain : array_like, optional
        ``((x_min, y_min), (x_max, y_max))``, by default the unit square.
    mass : float, optional
        The total mass, 1 by default.
    periodic : bool, optional
        Whether the plane is a torus, with the sides of the domain as its periods; see
        `PolynomialGrid`.

    Attributes
    ----------
    box, domain : the box, and its corners (4, 2).
    periodic : the ``periodic`` argument.
    total_mass : the integral of the density.

    Raises
    ------
    TypeError
        If an argument is not of real numbers.
    ValueError
        If the domain is not a box with an area.

    Examples
    --------
    A floor under another density, so that no site is without mass around it:

    >>> from sdot import Box, PolynomialGrid
    >>> floored = 0.99 * PolynomialGrid([[0.0, 1.0], [1.0, 0.0]]) + 0.01 * Box()
    >>> print(f"{floored.evaluate([0.25, 0.25]):.3f}")
    0.010
    """

    def __init__(
        self,
        domain: Any = ((0.0, 0.0), (1.0, 1.0)),
        mass: float = 1,
        *,
        periodic: bool = False,
    ) -> None:
        refuse_derivatives(domain, "domain")
        total = check_mass(mass)
        if total is None:
            raise TypeError("mass: expected a positive number, not None")
        self._parameters = {}
        box = freeze(check_box(domain))
        self._options = {"box": box, "mass": total, "periodic": check_periodic(periodic)}

    @property
    def box(self) -> FloatArray:
        """``[[x_min, y_min], [x_max, y_max]]``."""
        return np.asarray(self._options["box"])

    @cached_property
    def domain(self) -> FloatArray:
        """The corners (4, 2), counter-clockwise."""
        return freeze(box_corners(self.box))

    @property
    def periodic(self) -> bool:
        """Whether the plane is a torus."""
        return bool(self._options["periodic"])

    @property
    def torus(self) -> Torus | None:
        """The torus that the density is on, if any."""
        return torus_of(self.box) if self.periodic else None

    @property
    def total_mass(self) -> float:
        """The integral of the density."""
        return float(self._options["mass"])

    @property
    def arguments(self) -> Mapping[str, Any]:
        """Arguments with which the class makes the same object."""
        return {"domain": self.box, "mass": self.total_mass, "periodic": self.periodic}

    def __repr__(self) -> str:
        (x0, y0), (x1, y1) = self.box
        periodic = ", periodic" if self.periodic else ""
        return f"Box([{x0:g}, {x1:g}] x [{y0:g}, {y1:g}], mass {self.total_mass:g}{periodic})"

    def essential_box(self, tail: float) -> FloatArray:
        """Return the box."""
        return self.box

    def values_at(self, points: FloatArray, execution: Execution) -> FloatArray:
        """Return the density at points, zero outside the box unless it is periodic."""
        if self.torus is not None:
            points = self.torus.wrap(points)
        inside = ((points >= self.box[0]) & (points <= self.box[1])).all(axis=-1)
        return np.where(inside, self.total_mass / np.prod(self.box[1] - self.box[0]), 0.0)

    def draw(self, count: int, rng: np.random.Generator) -> FloatArray:
        """Return independent random points (count, 2)."""
        return np.asarray(self.box[0] + (self.box[1] - self.box[0]) * rng.random((count, 2)))

    def kernel_in(self, frame: Frame, execution: Execution) -> DensityKernel:
        """Return the integrals of the density in a frame, scaled to mass one."""
        lines = frame.apply(self.box)
        height = 1.0 / np.prod(lines[1] - lines[0])
        x_lines, y_lines = lines.T.copy()
        heights = np.full((1, 1, 1, 1), height)
        kernel = GridDensityKernel(x_lines, y_lines, heights, True, execution)
        return PeriodicKernel(kernel, lines) if self.periodic else kernel

    def pull_back(
        self,
        diagram: DiagramArrays,
        frame: Frame,
        potential: CellPotential,
        execution: Execution = SERIAL,
    ) -> tuple[FloatArray, ...]:
        """Return nothing: there is no array to differentiate with respect to."""
        return ()
