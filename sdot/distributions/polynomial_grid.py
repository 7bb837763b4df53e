"""Piecewise polynomial densities on a rectangular grid."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from sdot.cgal_wrap.polynomial_grid_integrals import GridKernel
from sdot.distributions.bernstein import find_negative_pixel
from sdot.distributions.density import (
    CellMoments,
    CellPotential,
    Density,
    DensityKernel,
    Frame,
)
from sdot.driver import driver
from sdot.frameworks import common_framework, framework_of, to_numpy
from sdot.power_diagram import DiagramArrays, box_corners
from sdot.validation import FloatArray, check_box, check_mass, check_real_array, freeze

__all__ = ["PolynomialGrid"]


class PolynomialGrid(Density):
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

    Attributes
    ----------
    values : the ``values`` argument as given, never written to.
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
    """

    def __init__(
        self,
        values: Any,
        domain: Any = None,
        knots: Any = None,
        mass: float | None = 1,
    ) -> None:
        common_framework(values, domain)
        is_parameter = framework_of(domain) in ("jax", "torch")
        if is_parameter and knots is not None:
            raise ValueError("knots: expected either domain or knots, not both; leave out one")
        shape = _grid_shape(values)
        self._parameters = {"values": values, "domain": domain if is_parameter else None}
        self._options = {
            "grid_lines": None if is_parameter else _grid_lines(shape, domain, knots),
            "is_uniform": knots is None,
            "mass": check_mass(mass),
        }
        if self.has_values:
            self.coefficients, self.x_lines  # noqa: B018  (checks the values)

    @classmethod
    def from_image(
        cls, array: Any, invert: bool = False, domain: Any = None, mass: float | None = 1
    ) -> PolynomialGrid:
        """Make a density from a picture, one pixel of density per pixel of the image.

        Parameters
        ----------
        array : array_like
            ``(height, width)`` grey levels or ``(height, width, 3)`` RGB, row 0 on top;
            unsigned integers, or floats (nonnegative, at most 1 with ``invert``). RGB is turned
            into luminance (ITU-R BT.709 weights).
        invert : bool, optional
            Take dark for mass, as for ink on paper.
        domain : array_like, optional
            By default pixels are square and the longer side is [0, 1].
        mass : float or None, optional
            As for the class.

        Returns
        -------
        PolynomialGrid
            With the first coordinate to the right and the second upwards.
        """
        levels = _grey_levels(array)
        if invert:
            if levels.max() > 1:
                raise ValueError(
                    "array: expected floats of at most 1 with invert=True, not "
                    f"{levels.max()}; divide by the white level first"
                )
            levels = 1.0 - levels
        if domain is None:
            height, width = levels.shape
            longer = max(height, width)
            domain = ((0.0, 0.0), (width / longer, height / longer))
        return cls(levels[::-1].T, domain=domain, mass=mass)

    @property
    def values(self) -> Any:
        """The ``values`` argument as given."""
        return self._parameters["values"]

    @cached_property
    def coefficients(self) -> FloatArray:
        """Read-only coefficients (nx, ny, k + 1, k + 1), scaled to the mass asked for."""
        coefficients = check_coefficients(self.values)
        total = float(_pixel_masses(coefficients, self.x_lines, self.y_lines).sum())
        if not total > 0:
            raise ValueError("values: expected a density with positive mass, not zero everywhere")
        mass = self._options["mass"]
        if mass is not None:
            coefficients *= mass / total
        return freeze(coefficients)

    @cached_property
    def _lines(self) -> tuple[FloatArray, FloatArray]:
        lines: tuple[FloatArray, FloatArray] | None = self._options["grid_lines"]
        if lines is not None:
            return lines
        return _grid_lines(_grid_shape(self.values), self._parameters["domain"], None)

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
        return int(self.coefficients.shape[2]) - 1

    @cached_property
    def box(self) -> FloatArray:
        """``[[x_min, y_min], [x_max, y_max]]``."""
        x, y = self.x_lines, self.y_lines
        return freeze(np.array([[x[0], y[0]], [x[-1], y[-1]]]))

    @property
    def domain(self) -> FloatArray:
        """The corners (4, 2) of the grid."""
        return box_corners(self.box)

    def essential_box(self, tail: float) -> FloatArray:
        """Return the smallest box of whole pixels outside of which the density is zero."""
        return self._support_box

    @cached_property
    def _support_box(self) -> FloatArray:
        filled = (self.coefficients != 0).any(axis=(2, 3))
        sides = []
        for lines, used in ((self.x_lines, filled.any(axis=1)), (self.y_lines, filled.any(axis=0))):
            pixels = np.flatnonzero(used)
            sides.append([lines[pixels[0]], lines[pixels[-1] + 1]])
        return freeze(np.array(sides).T)

    @cached_property
    def total_mass(self) -> float:
        """The integral of the density."""
        mass: float | None = self._options["mass"]
        if mass is not None:
            return mass
        return float(_pixel_masses(self.coefficients, self.x_lines, self.y_lines).sum())

    def __repr__(self) -> str:
        (x0, y0), (x1, y1) = self.box
        nx, ny = self.coefficients.shape[:2]
        return (
            f"PolynomialGrid({nx} x {ny} pixels of degree {self.degree} on "
            f"[{x0:g}, {x1:g}] x [{y0:g}, {y1:g}], mass {self.total_mass:g})"
        )

    def evaluate(self, points: Any) -> FloatArray:
        """Return the value of the density at points.

        Parameters
        ----------
        points : array_like, (..., 2)
            On a grid line the pixel to the right or above counts.

        Returns
        -------
        numpy.ndarray, (...)
            Zero outside the grid.

        Examples
        --------
        >>> from sdot import PolynomialGrid
        >>> PolynomialGrid([[1.0, 3.0]]).evaluate([[0.5, 0.9], [0.5, 1.1]])
        array([1.5, 0. ])
        """
        points = check_real_array(points, "points")
        if points.ndim == 0 or points.shape[-1] != 2:
            raise ValueError(f"points: expected an array of shape (..., 2), not {points.shape}")
        x, s = _pixel_coordinates(self.x_lines, points[..., 0])
        y, t = _pixel_coordinates(self.y_lines, points[..., 1])
        powers = np.arange(self.degree + 1)
        heights: FloatArray = np.einsum(
            "...pq,...p,...q->...",
            self.coefficients[x, y],
            s[..., None] ** powers,
            t[..., None] ** powers,
        )
        inside = ((points >= self.box[0]) & (points <= self.box[1])).all(axis=-1)
        return np.where(inside, heights, 0.0)

    def kernel(self, frame: Frame) -> DensityKernel:
        """Return the integrals of the density in a frame, scaled to mass one."""
        key = np.concatenate(frame).tobytes()
        known: tuple[bytes, GridDensityKernel] | None = self.__dict__.get("_last_kernel")
        if known is not None and known[0] == key:
            return known[1]
        lines, used = [], []
        for k, grid_lines in enumerate((self.x_lines, self.y_lines)):
            low, high = np.searchsorted(grid_lines, self._support_box[:, k])
            lines.append((grid_lines[low : high + 1] - frame.origin[k]) / frame.scale[k])
            used.append(slice(low, high))
        scale = float(np.prod(frame.scale)) / self.total_mass
        coefficients = self.coefficients[used[0], used[1]] * scale
        x_lines, y_lines = lines
        kernel = GridDensityKernel(x_lines, y_lines, coefficients, self._options["is_uniform"])
        self.__dict__["_last_kernel"] = (key, kernel)
        return kernel

    def pull_back(
        self, diagram: DiagramArrays, frame: Frame, potential: CellPotential
    ) -> tuple[FloatArray, ...]:
        """Return the derivatives with respect to the values, and the domain if it is an array."""
        raise NotImplementedError


class GridDensityKernel:
    """Integrals of a polynomial grid over power cells (see `DensityKernel`)."""

    def __init__(
        self, x_lines: FloatArray, y_lines: FloatArray, coefficients: FloatArray, uniform: bool
    ) -> None:
        self.x_lines, self.y_lines = x_lines, y_lines
        self.pixel_masses = _pixel_masses(coefficients, x_lines, y_lines)
        self._kernel = GridKernel(x_lines, y_lines, coefficients, uniform, uniform)

    @property
    def box(self) -> FloatArray:
        """``[[x_min, y_min], [x_max, y_max]]``."""
        x, y = self.x_lines, self.y_lines
        return np.array([[x[0], y[0]], [x[-1], y[-1]]])

    def masses_and_edge_weights(self, diagram: DiagramArrays) -> tuple[FloatArray, FloatArray]:
        """Cell masses, and edge integrals over twice the sites' distance."""
        return self._kernel.masses_and_edge_weights(  # type: ignore[no-any-return]
            diagram.positions,
            diagram.weights,
            diagram.low_weights,
            diagram.vertices,
            diagram.edge_sites,
            diagram.edge_vertices,
            diagram.is_hidden,
            driver.threads,
        )

    def moments(self, diagram: DiagramArrays) -> CellMoments:
        """Moments of order 0, 1, 2 of every cell."""
        points, offsets = diagram.polygons(box_corners(self.box))
        return CellMoments(*self._kernel.cell_moments(points, offsets, driver.threads))

    def coarsened(self, box: FloatArray, count: int) -> FloatArray:
        """Masses of the boxes of a uniform grid, each pixel taken as constant."""
        along_x = _overlaps(self.x_lines, box[:, 0], count)
        return along_x @ self.pixel_masses @ _overlaps(self.y_lines, box[:, 1], count).T


def _grid_shape(values: Any) -> tuple[int, int]:
    """Return (nx, ny) of an array that may have no values yet."""
    shape = np.shape(values)
    if len(shape) not in (2, 3) or 0 in shape:
        raise ValueError(
            "values: expected shape (nx, ny) or (nx, ny, (k + 1)**2) without empty axes, "
            f"not {tuple(shape)}"
        )
    count = shape[2] if len(shape) == 3 else 1
    if round(count**0.5) ** 2 != count:
        raise ValueError(
            "values: expected (k + 1)**2 coefficients per pixel (1, 4, 9, 16, 25, ...), "
            f"not {count}"
        )
    return shape[0], shape[1]


def check_coefficients(values: Any) -> FloatArray:
    """Return nonnegative polynomial coefficients (nx, ny, k + 1, k + 1)."""
    given = check_real_array(values, "values")
    shape = _grid_shape(given)
    terms = round((given.size // (shape[0] * shape[1])) ** 0.5)
    coefficients = given.reshape(*shape, terms, terms)
    negative = find_negative_pixel(coefficients)
    if negative is not None:
        raise ValueError(
            f"values: expected a nonnegative density, not one below zero on pixel {negative}; "
            "clip it or add a constant"
        )
    return coefficients


def _grid_lines(shape: tuple[int, ...], domain: Any, knots: Any) -> tuple[FloatArray, FloatArray]:
    if knots is None:
        box = check_box(((0, 0), (1, 1)) if domain is None else domain)
        lines = [np.linspace(box[0, k], box[1, k], shape[k] + 1) for k in range(2)]
    else:
        if domain is not None:
            raise ValueError("knots: expected either domain or knots, not both; leave out one")
        if not hasattr(knots, "__len__"):
            raise TypeError(f"knots: expected (x_lines, y_lines), not {knots!r}")
        if len(knots) != 2:
            raise ValueError(f"knots: expected (x_lines, y_lines), not {len(knots)} arrays")
        lines = [check_real_array(knots[k], f"knots[{k}]") for k in range(2)]
    for k in range(2):
        if lines[k].shape != (shape[k] + 1,):
            raise ValueError(
                f"knots[{k}]: expected {shape[k] + 1} grid lines for {shape[k]} pixels, "
                f"not shape {lines[k].shape}"
            )
        if not (np.diff(lines[k]) > 0).all():
            name = "domain" if knots is None else f"knots[{k}]"
            raise ValueError(
                f"{name}: expected increasing grid lines, each pixel wider than rounding"
            )
    return freeze(lines[0]), freeze(lines[1])


def _grey_levels(array: Any) -> FloatArray:
    image = to_numpy(array)
    white = float(np.iinfo(image.dtype).max) if image.dtype.kind == "u" else 1.0
    levels = check_real_array(image, "array") / white
    if levels.ndim == 3 and levels.shape[2] == 3:
        levels = levels @ np.array([0.2126, 0.7152, 0.0722])
    if levels.ndim != 2 or levels.size == 0:
        raise ValueError(
            "array: expected a (height, width) or (height, width, 3) image, not shape "
            f"{image.shape}; drop an alpha channel first"
        )
    return levels


def _pixel_masses(coefficients: FloatArray, x_lines: FloatArray, y_lines: FloatArray) -> FloatArray:
    integrals = 1.0 / np.arange(1, coefficients.shape[2] + 1)
    means = np.einsum("xypq,p,q->xy", coefficients, integrals, integrals)
    return np.asarray(means * np.diff(x_lines)[:, None] * np.diff(y_lines)[None, :])


def _pixel_coordinates(
    lines: FloatArray, values: FloatArray
) -> tuple[npt.NDArray[np.intp], FloatArray]:
    """Return the pixel of each value along an axis and where in it, from 0 to 1."""
    pixel = np.clip(np.searchsorted(lines, values, side="right") - 1, 0, len(lines) - 2)
    return pixel, (values - lines[pixel]) / (lines[pixel + 1] - lines[pixel])


def _overlaps(lines: FloatArray, interval: FloatArray, count: int) -> FloatArray:
    """Return the share (count, pixels) of each pixel that lies in each of equal bins."""
    bins = np.linspace(interval[0], interval[1], count + 1)
    low = np.maximum(bins[:-1, None], lines[None, :-1])
    high = np.minimum(bins[1:, None], lines[None, 1:])
    return np.asarray(np.maximum(high - low, 0.0) / np.diff(lines))
