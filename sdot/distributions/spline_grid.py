# SPDX-License-Identifier: GPL-3.0-or-later
"""Splines through values on a rectangular grid, as densities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from sdot.array_types import Array_co, Lists, NumpyArray
from sdot.diagrams import DiagramArrays
from sdot.distributions.computed import computed
from sdot.distributions.density import CellPotential, Density, DensityKernel, Frame, SolvedCells
from sdot.distributions.density_derivatives import AffineFunction, Gradients, Tangents
from sdot.distributions.description import describes
from sdot.distributions.distribution import kept
from sdot.distributions.grid_arguments import (
    check_box_shape,
    check_periodic,
    describe_frame,
    frame_arguments,
    grid_lines_of,
    torus_from,
)
from sdot.distributions.grid_derivative import GridDerivative
from sdot.distributions.memory import Memory
from sdot.distributions.polynomial_grid import PolynomialGrid
from sdot.distributions.spline_map import NEGATIVE, SplineMap, spline_map
from sdot.execution import SERIAL, Execution
from sdot.frameworks import common_framework, framework_of
from sdot.limits import check_sizes
from sdot.periodic_diagrams import Torus
from sdot.validation import FloatArray, box_corners, check_mass, check_real_array, freeze

__all__ = ["SplineGrid"]

_OPTIONS = ("continuity", "mass", "negative", "periodic")


class SplineGrid(Density[Array_co]):
    """A continuous or smooth density: the tensor-product spline through values on a grid.

    Parameters
    ----------
    values : array_like, (nx, ny)
        ``values[i, j]`` is the density, before its scaling to ``mass``, at the i-th of nx
        equidistant nodes from the left and the j-th of ny from below, the sides of the domain
        included (of a periodic density the left and lower ones only: the others are these); nx and
        ny are at least 2. NumPy, JAX (traced too) or PyTorch; `distance` is
        differentiable with respect to them. Computations are in float64.
    continuity : {0, 1, 2}, optional
        0: bilinear, continuous. 1, the default: cubic in each variable with continuous first
        derivatives, which at the nodes are central differences (Catmull and Rom), and one-sided
        ones of second order on the sides; it reproduces quadratic polynomials. 2: the cubic
        spline with continuous second derivatives and not-a-knot ends; it reproduces cubic
        polynomials.
    domain : array_like, optional
        ``((x_min, y_min), (x_max, y_max))``, by default the unit square. `distance` is
        differentiable with respect to a JAX array or tensor.
    mass : float or None, optional
        The density is scaled to this total mass, 1 by default; None leaves it as it is.
    negative : {"limit", "raise", "clip"}, optional
        What to do where a cubic spline would fall below zero, as it can next to steep flanks
        although the values are nonnegative. By default slopes are limited: at nodes where a
        Bernstein coefficient around the node is negative, the slopes, and the mixed derivative,
        are moved to the nearest for which none is (``limited_nodes``, and said by ``repr``). The
        density then is nonnegative whatever nonnegative values are given, goes through them, and
        has continuous first derivatives; second ones (continuity 2) are not continuous at these
        nodes. "raise" refuses a spline that is negative somewhere, and leaves all others as they
        are. "clip" sets the negative Bernstein coefficients of each pixel to zero: the density is
        nonnegative and still continuous, but on such pixels it is not smooth and may miss the
        values at the nodes, and it is raised there a little more than needed. Derivatives are
        those of the limited or clipped density, which is continuous in the values.
    periodic : bool, optional
        Whether the plane is a torus (see `PolynomialGrid`), and the density a periodic spline,
        which is as smooth across the sides of the domain as elsewhere.

    Attributes
    ----------
    values : the ``values`` argument; of a NumPy array a read-only copy, while a tensor is read at
        every call.
    continuity : the ``continuity`` argument.
    limited_nodes : where slopes were limited (nx, ny).
    periodic : the ``periodic`` argument.
    grid : the same density as a `PolynomialGrid` of (nx - 1) x (ny - 1) pixels, nx x ny if it is
        periodic.
    box, total_mass : the frame and the integral of the density.

    Raises
    ------
    TypeError
        If an argument is not of real numbers.
    ValueError
        If shapes do not fit, an entry is NaN or infinite, the domain has no area, the spline is
        zero everywhere, a value is negative and not clipped, or, if so wanted, the spline is
        negative somewhere.

    Examples
    --------
    >>> from sdot import SplineGrid
    >>> density = SplineGrid([[1.0, 2.0], [3.0, 4.0]], continuity=0, mass=None)
    >>> float(density.evaluate([0.25, 0.5]))
    2.0
    >>> SplineGrid([[9.0, 0.0, 0.0], [9.0, 0.0, 0.0], [9.0, 9.0, 9.0]])
    SplineGrid(3 x 3 nodes of continuity 1, slopes limited at 4, on [0, 1] x [0, 1], mass 1)
    """

    @overload
    def __init__(
        self: SplineGrid[NumpyArray],
        values: Lists,
        continuity: int = ...,
        domain: Lists | None = ...,
        mass: float | None = ...,
        negative: str = ...,
        *,
        periodic: bool = ...,
    ) -> None: ...

    @overload
    def __init__(
        self,
        values: Array_co | Lists,
        continuity: int = ...,
        domain: Array_co | Lists | None = ...,
        mass: float | None = ...,
        negative: str = ...,
        *,
        periodic: bool = ...,
    ) -> None: ...

    def __init__(
        self,
        values: Any,
        continuity: int = 1,
        domain: Any = None,
        mass: float | None = 1,
        negative: str = "limit",
        *,
        periodic: bool = False,
    ) -> None:
        common_framework(values, domain)
        is_parameter = framework_of(domain) in ("jax", "torch")
        if continuity not in (0, 1, 2) or isinstance(continuity, bool):
            raise ValueError(f"continuity: expected 0, 1 or 2, not {continuity!r}")
        if negative not in NEGATIVE:
            raise ValueError(f'negative: expected "limit", "raise" or "clip", not {negative!r}')
        periodic = check_periodic(periodic, is_parameter)
        pixels = _pixels(values, periodic)
        if is_parameter:
            check_box_shape(domain)
        self._parameters = {
            "values": kept(values, "values"),
            "domain": domain if is_parameter else None,
        }
        self._options = {
            "grid_lines": None if is_parameter else grid_lines_of(pixels, domain, None),
            "continuity": int(continuity),
            "mass": check_mass(mass),
            "negative": negative,
            "periodic": periodic,
        }
        if self.has_values:
            self.grid  # noqa: B018  (checks the values)

    @property
    def values(self) -> Any:
        """The ``values`` argument, of NumPy arrays a read-only copy."""
        return self._parameters["values"]

    @property
    def periodic(self) -> bool:
        """Whether the plane is a torus."""
        return bool(self._options["periodic"])

    @property
    def torus(self) -> Torus | None:
        """The torus that the density is on, if any."""
        return torus_from(self._options)

    @property
    def continuity(self) -> int:
        """How many derivatives are continuous."""
        return int(self._options["continuity"])

    @computed
    def grid(self) -> PolynomialGrid:
        """The same density as a `PolynomialGrid`."""
        coefficients = self._spline.coefficients
        grid = PolynomialGrid.assembled(
            {
                "values": coefficients.reshape(*coefficients.shape[:2], -1),
                "domain": self._parameters["domain"],
            },
            {
                "grid_lines": self._options["grid_lines"],
                "is_uniform": True,
                "mass": self._options["mass"],
                "periodic": self.periodic,
            },
            Memory(),
        )
        grid.coefficients  # noqa: B018  (checks the domain and the mass)
        return grid

    @property
    def total_mass(self) -> float:
        """The integral of the density."""
        return self.grid.total_mass

    @property
    def box(self) -> FloatArray:
        """``[[x_min, y_min], [x_max, y_max]]``."""
        lines = self._options["grid_lines"]
        if lines is None:
            return self.grid.box
        x, y = lines  # known without values
        return freeze(np.array([[x[0], y[0]], [x[-1], y[-1]]]))

    @property
    def domain(self) -> FloatArray:
        """The corners (4, 2) of the grid."""
        return box_corners(self.box)

    @property
    def limited_nodes(self) -> npt.NDArray[np.bool_]:
        """Where slopes were limited (nx, ny)."""
        return freeze(self._spline.limited_nodes)

    @property
    def arguments(self) -> Mapping[str, Any]:
        """Arguments with which the class makes the same object."""
        options = {name: self._options[name] for name in _OPTIONS}
        frame = frame_arguments(self._parameters, {**self._options, "is_uniform": True})
        return {"values": self.values, **options, "domain": frame["domain"]}

    @describes(values=2, domain=2)
    def __repr__(self) -> str:
        nx, ny = np.shape(self.values)
        # There may be no values yet, or none that make a density.
        known: SplineMap | None = None
        if self.has_values:
            known = self.snapshot.__dict__.get("_spline")
        count = 0 if known is None else int(known.limited_nodes.sum())
        slopes = f", slopes limited at {count}," if count else ""
        return (
            f"SplineGrid({nx} x {ny} nodes of continuity {self.continuity}{slopes} "
            f"{describe_frame(self._options['grid_lines'], self._options['mass'], self.periodic)})"
        )

    def essential_box(self, tail: float) -> FloatArray:
        """Return the smallest box of whole pixels outside of which the density is zero."""
        return self.grid.essential_box(tail)

    def values_at(self, points: FloatArray, execution: Execution) -> FloatArray:
        """Return the density at points, zero outside the domain."""
        return self.grid.values_at(points, execution)

    def draw(self, count: int, rng: np.random.Generator) -> FloatArray:
        """Return independent random points (count, 2) of the density."""
        return self.grid.draw(count, rng)

    def kernel_in(self, frame: Frame, execution: Execution) -> DensityKernel:
        """Return the integrals of the density in a frame, scaled to mass one."""
        return self.grid.kernel(frame, execution)

    def pull_back(
        self,
        diagram: DiagramArrays,
        frame: Frame,
        potential: CellPotential,
        execution: Execution = SERIAL,
    ) -> tuple[FloatArray, ...]:
        """Return the derivatives with respect to the values, and the domain if it is an array."""
        by_coefficients, *by_domain = self.grid.pull_back(diagram, frame, potential, execution)
        return self.to_values(by_coefficients), *by_domain

    def pull_back_in_discs(
        self,
        diagram: DiagramArrays,
        squared_radii: FloatArray,
        frame: Frame,
        potential: CellPotential,
        execution: Execution = SERIAL,
    ) -> tuple[FloatArray, ...]:
        """Return those of `pull_back` for a potential that is zero outside discs."""
        by_coefficients, *by_domain = self.grid.pull_back_in_discs(
            diagram, squared_radii, frame, potential, execution
        )
        return self.to_values(by_coefficients), *by_domain

    def derivative(self, cells: SolvedCells) -> SplineDerivative:
        """Return how integrals over the cells change with the values."""
        return SplineDerivative(self, self.grid.derivative(cells))

    def to_coefficients(self, values: FloatArray) -> FloatArray:
        """How the coefficients change with the values, in the shape of the grid's values."""
        change = self._spline.tangent(values)
        return change.reshape(*change.shape[:2], -1)

    def to_values(self, by_coefficients: FloatArray) -> FloatArray:
        """The transpose of `to_coefficients`."""
        return self._spline.transposed(by_coefficients.reshape(self._spline.coefficients.shape))

    @computed
    def _spline(self) -> SplineMap:
        """From the values to the coefficients, linear near the values."""
        values = check_real_array(self.values, "values")
        check_sizes(values, "values")
        negative = self._options["negative"]
        return spline_map(values, self.continuity, negative, periodic=self.periodic)


class SplineDerivative:
    """That of the spline's polynomial grid, through the linear map from values to coefficients."""

    def __init__(self, spline: SplineGrid, grid: GridDerivative) -> None:
        self._spline, self._grid = spline, grid

    @property
    def is_normalised(self) -> bool:
        """Whether the density is scaled to its mass."""
        return self._grid.is_normalised

    def normalised_to(self, total_mass: float) -> SplineDerivative:
        """The same of the density that is scaled to have this mass, which it has, in the cells."""
        return SplineDerivative(self._spline, self._grid.normalised_to(total_mass))

    def push_forward(self, tangents: Tangents) -> AffineFunction:
        """Integrals of d rho over the cells."""
        return self._grid.push_forward(self._of_grid(tangents))

    def pull_back(self, function: AffineFunction) -> Gradients:
        """Integrals of a function on the cells against d rho."""
        return self._of_spline(self._grid.pull_back(function))

    def curvature(self, tangents: Tangents) -> Gradients:
        """The derivative of the first derivatives at fixed cells."""
        return self._of_spline(self._grid.curvature(self._of_grid(tangents)))

    def _of_grid(self, tangents: Tangents) -> Tangents:
        values, *rest = tangents
        return [None if values is None else self._spline.to_coefficients(values), *rest]

    def _of_spline(self, gradients: Gradients) -> Gradients:
        by_coefficients, *rest = gradients
        if by_coefficients is None:
            return gradients
        return self._spline.to_values(by_coefficients), *rest


def _pixels(values: Any, periodic: bool) -> tuple[int, int]:
    """Return (nx - 1, ny - 1), or (nx, ny), of an array that may have no values yet."""
    shape = np.shape(values)
    if len(shape) != 2 or min(shape) < 2:
        raise ValueError(
            f"values: expected shape (nx, ny) with at least two nodes per axis, not {tuple(shape)}"
        )
    return (shape[0], shape[1]) if periodic else (shape[0] - 1, shape[1] - 1)
