"""Piecewise polynomial densities on a rectangular grid."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from sdot.cgal_wrap.polynomial_grid_integrals import GridKernel
from sdot.distributions.bernstein import find_negative_pixel
from sdot.distributions.density import CellMoments, Density, DensityKernel, Frame
from sdot.driver import driver
from sdot.frameworks import to_numpy
from sdot.power_diagram import DiagramArrays
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
        NumPy, JAX or PyTorch; computations are in float64. The array is copied.
    domain : array_like, optional
        ``((x_min, y_min), (x_max, y_max))``, by default the unit square.
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
        If an argument is not of real numbers, or ``values`` is being traced by JAX.
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
        _check_not_differentiated(values)
        self.values = values
        coefficients = check_coefficients(values)
        self.x_lines, self.y_lines = _grid_lines(coefficients.shape[:2], domain, knots)
        self._is_uniform = knots is None
        mass = check_mass(mass)
        total = self._integral(coefficients)
        if not total > 0:
            raise ValueError("values: expected a density with positive mass, not zero everywhere")
        if mass is not None:
            coefficients *= mass / total
        self.coefficients = freeze(coefficients)
        self._kernels: tuple[bytes, GridDensityKernel] | None = None

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
    def degree(self) -> int:
        """The polynomial degree per axis."""
        return int(self.coefficients.shape[2]) - 1

    @cached_property
    def box(self) -> FloatArray:
        """``[[x_min, y_min], [x_max, y_max]]``."""
        x, y = self.x_lines, self.y_lines
        return freeze(np.array([[x[0], y[0]], [x[-1], y[-1]]]))

    @cached_property
    def support_box(self) -> FloatArray:
        """The smallest box of whole pixels outside of which the density is zero."""
        filled = (self.coefficients != 0).any(axis=(2, 3))
        sides = []
        for lines, used in ((self.x_lines, filled.any(axis=1)), (self.y_lines, filled.any(axis=0))):
            pixels = np.flatnonzero(used)
            sides.append([lines[pixels[0]], lines[pixels[-1] + 1]])
        return freeze(np.array(sides).T)

    @cached_property
    def total_mass(self) -> float:
        """The integral of the density."""
        return self._integral(self.coefficients)

    @property
    def arrays(self) -> tuple[Any, ...]:
        """The caller's array."""
        return (self.values,)

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
        known = self._kernels
        if known is not None and known[0] == key:
            return known[1]
        lines, used = [], []
        for k, grid_lines in enumerate((self.x_lines, self.y_lines)):
            low, high = np.searchsorted(grid_lines, self.support_box[:, k])
            lines.append((grid_lines[low : high + 1] - frame.origin[k]) / frame.scale[k])
            used.append(slice(low, high))
        scale = float(np.prod(frame.scale)) / self.total_mass
        coefficients = self.coefficients[used[0], used[1]] * scale
        kernel = GridDensityKernel(lines[0], lines[1], coefficients, self._is_uniform)
        self._kernels = (key, kernel)
        return kernel

    def _integral(self, coefficients: FloatArray) -> float:
        return float(_pixel_masses(coefficients, self.x_lines, self.y_lines).sum())


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
        (x0, y0), (x1, y1) = self.box
        corners = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])
        points, offsets = diagram.polygons(corners)
        return CellMoments(*self._kernel.cell_moments(points, offsets, driver.threads))

    def coarsened(self, count: int) -> FloatArray:
        """Masses of the boxes of a uniform grid, each pixel taken as constant."""
        return np.asarray(
            _overlaps(self.x_lines, count) @ self.pixel_masses @ _overlaps(self.y_lines, count).T
        )


def _check_not_differentiated(values: Any) -> None:
    if getattr(values, "requires_grad", False):
        raise TypeError(
            "values: expected an array without derivatives, not a tensor that requires grad; "
            "pass values.detach()"
        )


def check_coefficients(values: Any) -> FloatArray:
    """Return nonnegative polynomial coefficients (nx, ny, k + 1, k + 1)."""
    given = check_real_array(values, "values")
    if given.ndim not in (2, 3) or given.size == 0:
        raise ValueError(
            "values: expected shape (nx, ny) or (nx, ny, (k + 1)**2) without empty axes, "
            f"not {given.shape}"
        )
    count = given.shape[2] if given.ndim == 3 else 1
    terms = round(count**0.5)
    if terms**2 != count:
        raise ValueError(
            "values: expected (k + 1)**2 coefficients per pixel (1, 4, 9, 16, 25, ...), "
            f"not {count}"
        )
    coefficients = given.reshape(*given.shape[:2], terms, terms)
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


def _overlaps(lines: FloatArray, count: int) -> FloatArray:
    """Return the share (count, pixels) of each pixel that lies in each of equal bins."""
    bins = np.linspace(lines[0], lines[-1], count + 1)
    low = np.maximum(bins[:-1, None], lines[None, :-1])
    high = np.minimum(bins[1:, None], lines[None, 1:])
    return np.asarray(np.maximum(high - low, 0.0) / np.diff(lines))
