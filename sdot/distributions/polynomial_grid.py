# SPDX-License-Identifier: GPL-3.0-or-later
"""Piecewise polynomial densities on a rectangular grid."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast, overload

import numpy as np
import numpy.typing as npt

from sdot.array_types import Array_co, Lists, NumpyArray
from sdot.diagrams import DiagramArrays
from sdot.distributions.computed import computed
from sdot.distributions.density import (
    CellMoments,
    CellPotential,
    Density,
    DensityKernel,
    Frame,
    SolvedCells,
)
from sdot.distributions.description import describes
from sdot.distributions.distribution import kept
from sdot.distributions.grid_arguments import (
    beware_of_pictures,
    check_box_shape,
    check_coefficients,
    check_periodic,
    coefficients_shape,
    describe_frame,
    frame_arguments,
    grey_levels,
    grid_lines_of,
    grid_shape,
    is_large,
    torus_from,
)
from sdot.distributions.grid_derivative import GridDerivative
from sdot.distributions.grid_kernel import (
    GridDensityKernel,
    cell_matrix,
    grid_mass,
    monomial_integrals,
    potential_integrals,
    potential_integrals_in_discs,
)
from sdot.distributions.periodic_kernel import PeriodicKernel
from sdot.distributions.sampling import sample_polynomial_grid
from sdot.execution import SERIAL, Execution
from sdot.frameworks import common_framework, framework_of, to_numpy
from sdot.limits import check_factor
from sdot.periodic_diagrams import Torus
from sdot.validation import FloatArray, box_corners, check_mass, freeze

__all__ = ["PolynomialGrid"]


class PolynomialGrid(Density[Array_co]):
    """A density that is a polynomial on each pixel of a rectangular grid.

    Parameters
    ----------
    values : array_like
        ``(nx, ny)``: one constant per pixel. Axis 0 is the first coordinate, axis 1 the
        second: ``values[i, j]`` is the density on the pixel i-th from the left and j-th from
        below. (For images, whose row 0 is on top, see `from_image`.)
        ``(nx, ny, (k + 1)**2)``: tensor-product polynomials of degree k per axis in
        pixel-local coordinates s, t in [0, 1]; the coefficient of ``s**p * t**q`` is
        ``values[i, j, p * (k + 1) + q]``.
        NumPy, JAX (traced too) or PyTorch; `distance` is differentiable with respect to them.
        Computations are in float64.
    domain : array_like, optional
        ``((x_min, y_min), (x_max, y_max))``, by default the unit square. `distance` is
        differentiable with respect to a JAX array or tensor.
    knots : tuple of two array_like, optional
        Increasing grid lines ``(x_lines, y_lines)`` with nx + 1 and ny + 1 entries, in place
        of ``domain``, for pixels of unequal size.
    mass : float or None, optional
        The density is scaled to this total mass, 1 by default; None leaves it as it is.
    periodic : bool, optional
        Whether the plane is a torus, with the sides of the domain as its periods. Distances are
        then those on the torus; sites are taken modulo the period, and so are points at which the
        density is evaluated. The barycentre of a cell is the mean of its points as seen from its
        site, each moved by whole periods to where the cell is connected: it may lie outside of the
        domain.

    Attributes
    ----------
    values : the ``values`` argument; of a NumPy array a read-only copy, while a tensor is read at
        every call.
    periodic : the ``periodic`` argument.
    coefficients : read-only scaled coefficients (nx, ny, k + 1, k + 1).
    x_lines, y_lines : read-only grid lines.
    box, total_mass : the frame and the integral of the density.

    Raises
    ------
    TypeError
        If an argument is not of real numbers.
    ValueError
        If shapes do not fit, an entry is NaN or infinite, knots are not increasing, the
        domain has no area, or the density is negative somewhere or zero everywhere.

    Examples
    --------
    >>> from sdot import PolynomialGrid
    >>> PolynomialGrid([[[1.0]]])  # the uniform density on the unit square
    PolynomialGrid(1 x 1 pixels of degree 0 on [0, 1] x [0, 1], mass 1)
    >>> PolynomialGrid([[1.0, 3.0]]).evaluate([[0.5, 0.9], [0.5, 1.1]])
    array([1.5, 0. ])
    """

    @overload
    def __init__(
        self: PolynomialGrid[NumpyArray],
        values: Lists,
        domain: Lists | None = ...,
        knots: Any = ...,
        mass: float | None = ...,
        *,
        periodic: bool = ...,
    ) -> None: ...

    @overload
    def __init__(
        self,
        values: Array_co | Lists,
        domain: Array_co | Lists | None = ...,
        knots: Any = ...,
        mass: float | None = ...,
        *,
        periodic: bool = ...,
    ) -> None: ...

    def __init__(
        self,
        values: Any,
        domain: Any = None,
        knots: Any = None,
        mass: float | None = 1,
        *,
        periodic: bool = False,
    ) -> None:
        common_framework(values, domain)
        self._set_up(values, domain, knots, mass, periodic)

    def _set_up(
        self,
        values: Any,
        domain: Any,
        knots: Any,
        mass: float | None,
        periodic: bool,
        *,
        is_own: bool = False,
    ) -> None:
        """Keep the arguments; of values that are not the caller's no copy is needed."""
        is_parameter = framework_of(domain) in ("jax", "torch")
        if is_parameter and knots is not None:
            raise ValueError("knots: expected either domain or knots, not both; leave out one")
        shape = grid_shape(values)
        if is_parameter:
            check_box_shape(domain)
        self._parameters = {
            "values": freeze(values) if is_own else kept(values, "values"),
            "domain": domain if is_parameter else None,
        }
        self._options = {
            "grid_lines": None if is_parameter else grid_lines_of(shape, domain, knots),
            "is_uniform": knots is None,
            "mass": check_mass(mass),
            "periodic": check_periodic(periodic, is_parameter),
        }
        if self.has_values:
            beware_of_pictures(self.values)
            self._scaled, self.x_lines  # noqa: B018  (checks the values)

    @classmethod
    def from_image(
        cls,
        array: Any,
        invert: bool = False,
        domain: Any = None,
        mass: float | None = 1,
        *,
        periodic: bool = False,
    ) -> PolynomialGrid[NumpyArray]:
        """Make a density from a picture, one pixel of density per pixel of the image.

        Parameters
        ----------
        array : array_like, path or PIL.Image.Image
            ``(height, width)`` grey levels or ``(height, width, 3)`` RGB, row 0 on top;
            unsigned integers, or floats (nonnegative, at most 1 with ``invert``). RGB is turned
            into luminance (ITU-R BT.709 weights). A file, given by its path, is read by Pillow.
        invert : bool, optional
            Take dark for mass, as for ink on paper.
        domain : array_like, optional
            By default pixels are square and the longer side is [0, 1].
        mass, periodic : optional
            As for the class.

        Returns
        -------
        PolynomialGrid
            With the first coordinate to the right and the second upwards.

        Examples
        --------
        >>> import numpy as np
        >>> from sdot import PolynomialGrid
        >>> page = np.array([[255, 255], [0, 255]], dtype=np.uint8)  # one black pixel, bottom left
        >>> ink = PolynomialGrid.from_image(page, invert=True)
        >>> ink.evaluate([[0.25, 0.25], [0.75, 0.75]])
        array([4., 0.])
        """
        levels = grey_levels(array, invert)
        if domain is None:
            height, width = levels.shape
            longer = max(height, width)
            domain = ((0.0, 0.0), (width / longer, height / longer))
        values = levels[::-1].copy().T
        del levels
        density: Any = cls.__new__(cls)
        density._set_up(values, domain, None, mass, periodic, is_own=True)
        return density  # type: ignore[no-any-return]

    @property
    def values(self) -> Any:
        """The ``values`` argument, of NumPy arrays a read-only copy."""
        return self._parameters["values"]

    @property
    def coefficients(self) -> FloatArray:
        """Read-only coefficients (nx, ny, k + 1, k + 1), scaled to the mass asked for."""
        known = self._scaled[0]
        return freeze(self._new_coefficients()) if known is None else known

    def _new_coefficients(self) -> FloatArray:
        """An array of the coefficients that nobody else has."""
        values = self.snapshot.values
        result = np.array(to_numpy(values), dtype=np.float64, order="C")
        result *= self._scaled[1]
        return result.reshape(coefficients_shape(values))

    @computed
    def _scaled(self) -> tuple[FloatArray | None, float]:
        """The coefficients, unless there are too many to be kept, and how they are scaled."""
        coefficients = check_coefficients(self.values)
        total = grid_mass(coefficients, self.x_lines, self.y_lines)
        if not total > 0:
            raise ValueError("values: expected a density with positive mass, not zero everywhere")
        mass = self._options["mass"]
        factor = check_factor(total, mass)
        if is_large(coefficients):
            return None, factor
        coefficients *= factor
        return freeze(coefficients), factor

    @computed
    def _lines(self) -> tuple[FloatArray, FloatArray]:
        lines: tuple[FloatArray, FloatArray] | None = self._options["grid_lines"]
        if lines is not None:
            return lines
        return grid_lines_of(grid_shape(self.values), self._parameters["domain"], None)

    @property
    def x_lines(self) -> FloatArray:
        """Read-only grid lines across the first axis (nx + 1,)."""
        return self._lines[0]

    @property
    def y_lines(self) -> FloatArray:
        """Read-only grid lines across the second axis (ny + 1,)."""
        return self._lines[1]

    @property
    def degree(self) -> int:
        """The polynomial degree per axis."""
        return coefficients_shape(self.values)[2] - 1

    @computed
    def box(self) -> FloatArray:
        """``[[x_min, y_min], [x_max, y_max]]``."""
        x, y = self.x_lines, self.y_lines
        return freeze(np.array([[x[0], y[0]], [x[-1], y[-1]]]))

    @property
    def domain(self) -> FloatArray:
        """The corners (4, 2) of the grid."""
        return box_corners(self.box)

    @property
    def periodic(self) -> bool:
        """Whether the plane is a torus."""
        return bool(self._options["periodic"])

    @property
    def torus(self) -> Torus | None:
        """The torus that the density is on, if any."""
        return torus_from(self._options)

    def essential_box(self, tail: float) -> FloatArray:
        """Return the smallest box of whole pixels outside of which the density is zero."""
        return self.box if self.periodic else self._support_box

    @computed
    def _support_box(self) -> FloatArray:
        filled = (self.coefficients != 0).any(axis=(2, 3))
        sides = []
        for lines, used in ((self.x_lines, filled.any(axis=1)), (self.y_lines, filled.any(axis=0))):
            pixels = np.flatnonzero(used)
            sides.append([lines[pixels[0]], lines[pixels[-1] + 1]])
        return freeze(np.array(sides).T)

    @computed
    def total_mass(self) -> float:
        """The integral of the density."""
        mass: float | None = self._options["mass"]
        if mass is not None:
            return mass
        return grid_mass(self.coefficients, self.x_lines, self.y_lines)

    @property
    def arguments(self) -> Mapping[str, Any]:
        """Arguments with which the class makes the same object."""
        frame = frame_arguments(self._parameters, self._options)
        options = {name: self._options[name] for name in ("mass", "periodic")}
        return {"values": self.values, **options, **frame}

    @describes(values=(2, 3), domain=2)
    def __repr__(self) -> str:
        # Of shapes and options only: there may be no values yet, or they may be derivatives.
        nx, ny = grid_shape(self.values)
        shape = np.shape(self.values)
        terms = round((shape[2] if len(shape) == 3 else 1) ** 0.5)
        return (
            f"{type(self).__name__}({nx} x {ny} pixels of degree {terms - 1} "
            + describe_frame(self._options["grid_lines"], self._options["mass"], self.periodic)
            + ")"
        )

    def values_at(self, points: FloatArray, execution: Execution) -> FloatArray:
        """Return the density at points: on a grid line the pixel to the right or above counts."""
        if self.torus is not None:
            points = self.torus.wrap(points)
        x, s = _pixel_coordinates(self.x_lines, points[..., 0])
        y, t = _pixel_coordinates(self.y_lines, points[..., 1])
        powers = np.arange(self.degree + 1)
        heights: FloatArray = np.einsum(
            "...pq,...p,...q->...",
            self._coefficients_at(x, y),
            s[..., None] ** powers,
            t[..., None] ** powers,
        )
        inside = ((points >= self.box[0]) & (points <= self.box[1])).all(axis=-1)
        return np.where(inside, heights, 0.0)

    def _coefficients_at(self, x: npt.NDArray[np.intp], y: npt.NDArray[np.intp]) -> FloatArray:
        known, factor = self._scaled
        if known is not None:
            return known[x, y]
        found = np.asarray(to_numpy(self.values)[x, y], dtype=np.float64) * factor
        return found.reshape(*x.shape, self.degree + 1, self.degree + 1)

    def draw(self, count: int, rng: np.random.Generator) -> FloatArray:
        """Return independent random points (count, 2) of the density."""
        return sample_polynomial_grid(self.coefficients, (self.x_lines, self.y_lines), count, rng)

    def kernel_in(self, frame: Frame, execution: Execution) -> DensityKernel:
        """Return the integrals of the density in a frame, scaled to mass one."""
        lines, used = [], []
        for k, grid_lines in enumerate((self.x_lines, self.y_lines)):
            low, high = np.searchsorted(grid_lines, self._support_box[:, k])
            lines.append((grid_lines[low : high + 1] - frame.origin[k]) / frame.scale[k])
            used.append(slice(low, high))
        scale = float(np.prod(frame.scale)) / self.total_mass
        known = self._scaled[0]
        coefficients = (self._new_coefficients() if known is None else known)[used[0], used[1]]
        coefficients = np.multiply(coefficients, scale, out=coefficients if known is None else None)
        x_lines, y_lines = lines
        is_uniform = self._options["is_uniform"]
        kernel = GridDensityKernel(x_lines, y_lines, coefficients, is_uniform, execution)
        return PeriodicKernel(kernel, frame.apply(self.box)) if self.periodic else kernel

    def pull_back(
        self,
        diagram: DiagramArrays,
        frame: Frame,
        potential: CellPotential,
        execution: Execution = SERIAL,
    ) -> tuple[FloatArray, ...]:
        """Return the derivatives with respect to the values, and the domain if it is an array."""
        moments = self.kernel(frame, execution).moments(diagram)
        by_values = self._pull_back_to_values(diagram, frame, potential, moments, execution)
        if self._parameters["domain"] is None:
            return (by_values,)
        return by_values, self._pull_back_to_domain(frame, potential, moments)

    def _pull_back_to_values(
        self,
        diagram: DiagramArrays,
        frame: Frame,
        potential: CellPotential,
        moments: CellMoments,
        execution: Execution,
    ) -> FloatArray:
        """Integrals of the potential against each pixel's monomials, on the whole grid.

        Pixels without mass count too: their values can grow.
        """
        if self._options["mass"] is not None:
            potential = potential.recentred(moments)
        integrals = potential_integrals(
            diagram,
            potential,
            self._lines_in(frame),
            self._options["is_uniform"],
            self.degree + 1,
            execution=execution,
        )
        integrals *= float(np.prod(frame.scale)) * self._scaled[1]
        return integrals.reshape(np.shape(self.values))

    def pull_back_in_discs(
        self,
        diagram: DiagramArrays,
        squared_radii: FloatArray,
        frame: Frame,
        potential: CellPotential,
        execution: Execution = SERIAL,
    ) -> tuple[FloatArray, ...]:
        """Return those of `pull_back` for a potential that is zero outside discs."""
        kernel = cast(GridDensityKernel, self.kernel(frame, execution))
        moments = kernel.disc_moments(diagram, squared_radii)
        lines, terms = self._lines_in(frame), self.degree + 1
        integrals = potential_integrals_in_discs(
            diagram,
            squared_radii,
            potential,
            lines,
            uniform=self._options["is_uniform"],
            terms=terms,
            execution=execution,
        )
        if self._options["mass"] is not None:
            integrals -= potential.integral(moments) * monomial_integrals(*lines, terms)
        integrals *= float(np.prod(frame.scale)) * self._scaled[1]
        by_values = integrals.reshape(np.shape(self.values))
        if self._parameters["domain"] is None:
            return (by_values,)
        return by_values, self._pull_back_to_domain(frame, potential, moments)

    def _lines_in(self, frame: Frame) -> tuple[FloatArray, FloatArray]:
        x, y = (
            (lines - frame.origin[k]) / frame.scale[k]
            for k, lines in enumerate((self.x_lines, self.y_lines))
        )
        return x, y

    def derivative(self, cells: SolvedCells) -> GridDerivative:
        """Return how integrals over the cells change with the values, on the whole grid."""
        area = float(np.prod(cells.frame.scale))
        matrix = cell_matrix(
            cells, self._lines_in(cells.frame), self._options["is_uniform"], self.degree + 1
        )
        return GridDerivative(
            matrix,
            self.total_mass,
            is_normalised=self._options["mass"] is not None,
            coefficients=area * self.coefficients,
            factor=area * self._scaled[1],
            shape=np.shape(self.values),
            has_domain=self._parameters["domain"] is not None,
            gradient=lambda: self.pull_back(
                cells.diagram, cells.frame, cells.potential, cells.execution
            ),
        )

    def _pull_back_to_domain(
        self, frame: Frame, potential: CellPotential, moments: CellMoments
    ) -> FloatArray:
        """The mass is carried along by x = low + t (high - low), t its place in the grid.

        So the integral of the potential phi changes by that of (1 - t) dphi/dx with the lower side
        and of t dphi/dx with the upper. If it is the values that stay, not the mass, the mass
        changes in proportion to the length of the side too.
        """
        box = frame.apply(self.box)
        filled = moments.masses > 0
        masses, centroids = moments.masses[filled, None], moments.centroids[filled]
        gaps = centroids - potential.sites[filled]
        spreads = moments.second_moments[filled][:, [0, 2]] / (box[1] - box[0])
        slopes = 2.0 * self.total_mass * potential.metric / frame.scale
        tilts = self.total_mass / frame.scale * potential.slopes[filled]
        by_sides = [
            slopes * (masses * gaps * share + sign * spreads).sum(axis=0)
            + (masses * tilts * share).sum(axis=0)
            for share, sign in (
                ((box[1] - centroids) / (box[1] - box[0]), -1.0),
                ((centroids - box[0]) / (box[1] - box[0]), 1.0),
            )
        ]
        if self._options["mass"] is None:
            growth = self.total_mass * potential.integral(moments) / (self.box[1] - self.box[0])
            by_sides = [by_sides[0] - growth, by_sides[1] + growth]
        return np.array(by_sides)


def _pixel_coordinates(
    lines: FloatArray, values: FloatArray
) -> tuple[npt.NDArray[np.intp], FloatArray]:
    """Return the pixel of each value along an axis and where in it, from 0 to 1."""
    pixel = np.clip(np.searchsorted(lines, values, side="right") - 1, 0, len(lines) - 2)
    return pixel, (values - lines[pixel]) / (lines[pixel + 1] - lines[pixel])
