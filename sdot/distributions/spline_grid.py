"""Splines through values on a rectangular grid, as densities."""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import Any, Literal

import numpy as np
import scipy.interpolate
import scipy.sparse

from sdot.diagrams import DiagramArrays
from sdot.distributions.bernstein import (
    bernstein_to_monomial,
    change_basis,
    monomial_to_bernstein,
)
from sdot.distributions.density import CellPotential, Density, DensityKernel, Frame, SolvedCells
from sdot.distributions.density_derivatives import AffineFunction, Gradients, Tangents
from sdot.distributions.grid_arguments import check_box_shape, describe_frame, grid_lines_of
from sdot.distributions.grid_derivative import GridDerivative
from sdot.distributions.memory import Memory
from sdot.distributions.nonnegativity import find_negative_pixel
from sdot.distributions.polynomial_grid import PolynomialGrid
from sdot.execution import SERIAL, Execution
from sdot.frameworks import common_framework, framework_of
from sdot.validation import FloatArray, check_mass, check_real_array, freeze

__all__ = ["SplineGrid"]

_NEGATIVE = ("raise", "clip")
# Of a cubic spline's slopes, what comes from nodes so far away that it is lost in rounding:
# the influence falls by a factor of 3.7 with every node.
_NEGLIGIBLE = 1e-18


class SplineGrid(Density):
    """A continuous or smooth density: the tensor-product spline through values on a grid.

    Parameters
    ----------
    values : array_like, (nx, ny)
        ``values[i, j]`` is the density, before its scaling to ``mass``, at the i-th of nx
        equidistant nodes from the left and the j-th of ny from below, the sides of the domain
        included; nx and ny are at least 2. NumPy, JAX (traced too) or PyTorch; `distance` is
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
    negative : {"raise", "clip"}, optional
        What to do where the spline falls below zero, as cubic ones can do next to steep flanks
        although the values are nonnegative. By default it is refused. "clip" sets the
        negative Bernstein coefficients of each pixel to zero: the density is nonnegative and still
        continuous, but on such pixels it is not smooth and may miss the values at the nodes, and
        it is raised there a little more than needed. Derivatives are those of the clipped
        density.

    Attributes
    ----------
    values : the ``values`` argument as given, never written to.
    continuity : the ``continuity`` argument.
    grid : the same density as a `PolynomialGrid` of (nx - 1) x (ny - 1) pixels.
    box, total_mass : the frame and the integral of the density.

    Raises
    ------
    TypeError
        If an argument is not of real numbers.
    ValueError
        If shapes do not fit, an entry is NaN or infinite, the domain has no area, or the spline is
        zero everywhere or, unless clipped, negative somewhere.

    Examples
    --------
    >>> from sdot import SplineGrid
    >>> density = SplineGrid([[1.0, 2.0], [3.0, 4.0]], continuity=0, mass=None)
    >>> float(density.evaluate([0.25, 0.5]))
    2.0
    """

    def __init__(
        self,
        values: Any,
        continuity: int = 1,
        domain: Any = None,
        mass: float | None = 1,
        negative: str = "raise",
    ) -> None:
        common_framework(values, domain)
        is_parameter = framework_of(domain) in ("jax", "torch")
        if continuity not in (0, 1, 2) or isinstance(continuity, bool):
            raise ValueError(f"continuity: expected 0, 1 or 2, not {continuity!r}")
        if negative not in _NEGATIVE:
            raise ValueError(f'negative: expected "raise" or "clip", not {negative!r}')
        pixels = _pixels(values)
        if is_parameter:
            check_box_shape(domain)
        self._parameters = {"values": values, "domain": domain if is_parameter else None}
        self._options = {
            "grid_lines": None if is_parameter else grid_lines_of(pixels, domain, None),
            "continuity": int(continuity),
            "mass": check_mass(mass),
            "negative": negative,
        }
        if self.has_values:
            self.grid  # noqa: B018  (checks the values)

    @property
    def values(self) -> Any:
        """The ``values`` argument as given."""
        return self._parameters["values"]

    @property
    def continuity(self) -> int:
        """How many derivatives are continuous."""
        return int(self._options["continuity"])

    @cached_property
    def grid(self) -> PolynomialGrid:
        """The same density as a `PolynomialGrid`."""
        coefficients = self._kept[0]
        grid = PolynomialGrid.assembled(
            {
                "values": coefficients.reshape(*coefficients.shape[:2], -1),
                "domain": self._parameters["domain"],
            },
            {
                "grid_lines": self._options["grid_lines"],
                "is_uniform": True,
                "mass": self._options["mass"],
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
        return self.grid.box

    @property
    def domain(self) -> FloatArray:
        """The corners (4, 2) of the grid."""
        return self.grid.domain

    def __repr__(self) -> str:
        nx, ny = np.shape(self.values)
        return (
            f"SplineGrid({nx} x {ny} nodes of continuity {self.continuity} "
            f"{describe_frame(self._options['grid_lines'], self._options['mass'])})"
        )

    def essential_box(self, tail: float) -> FloatArray:
        """Return the smallest box of whole pixels outside of which the density is zero."""
        return self.grid.essential_box(tail)

    def values_at(self, points: FloatArray, execution: Execution) -> FloatArray:
        """Return the density at points, zero outside the domain."""
        return self.grid.values_at(points, execution)

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

    def derivative(self, cells: SolvedCells) -> SplineDerivative:
        """Return how integrals over the cells change with the values."""
        return SplineDerivative(self, self.grid.derivative(cells))

    def to_coefficients(self, values: FloatArray) -> FloatArray:
        """How the coefficients change with the values, in the shape of the grid's values."""
        kept, is_kept = self._kept
        change = _spline(values, self.continuity)
        if is_kept is not None:
            terms = kept.shape[2]
            back, forth = bernstein_to_monomial(terms), monomial_to_bernstein(terms)
            change = change_basis(is_kept * change_basis(change, forth), back)
        return change.reshape(*change.shape[:2], -1)

    def to_values(self, by_coefficients: FloatArray) -> FloatArray:
        """The transpose of `to_coefficients`."""
        kept, is_kept = self._kept
        gradient = by_coefficients.reshape(kept.shape)
        if is_kept is not None:
            terms = kept.shape[2]
            back, forth = bernstein_to_monomial(terms), monomial_to_bernstein(terms)
            gradient = change_basis(is_kept * change_basis(gradient, back.T), forth.T)
        return _spline_transposed(gradient, self.continuity)

    @cached_property
    def _kept(self) -> tuple[FloatArray, FloatArray | None]:
        """Coefficients (nx - 1, ny - 1, k + 1, k + 1), and which Bernstein ones were not clipped.

        None for the latter where all of them were kept.
        """
        coefficients = _spline(check_real_array(self.values, "values"), self.continuity)
        terms = coefficients.shape[2]
        if self._options["negative"] == "clip":
            back, forth = bernstein_to_monomial(terms), monomial_to_bernstein(terms)
            patches = change_basis(coefficients, forth)
            is_kept = patches >= 0
            if is_kept.all():
                return freeze(coefficients), None
            return freeze(change_basis(np.maximum(patches, 0.0), back)), freeze(is_kept)
        pixel = find_negative_pixel(coefficients)
        if pixel is not None:
            raise ValueError(
                "values: expected a nonnegative spline, not one below zero between the nodes "
                f"{pixel} and {pixel[0] + 1, pixel[1] + 1}; raise the values there, lower "
                'continuity, or pass negative="clip"'
            )
        return freeze(coefficients), None


class SplineDerivative:
    """That of the spline's polynomial grid, through the linear map from values to coefficients."""

    def __init__(self, spline: SplineGrid, grid: GridDerivative) -> None:
        self._spline, self._grid = spline, grid

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


def _pixels(values: Any) -> tuple[int, int]:
    """Return (nx - 1, ny - 1) of an array that may have no values yet."""
    shape = np.shape(values)
    if len(shape) != 2 or min(shape) < 2:
        raise ValueError(
            f"values: expected shape (nx, ny) with at least two nodes per axis, not {tuple(shape)}"
        )
    return shape[0] - 1, shape[1] - 1


def _spline(values: FloatArray, continuity: int) -> FloatArray:
    """Return the coefficients (nx - 1, ny - 1, k + 1, k + 1); linear in the values."""
    along_x, along_y = (_operator(nodes, continuity) for nodes in values.shape)
    table = (along_y @ (along_x @ values).T).T
    nx, ny = values.shape
    terms = len(table) // (nx - 1)
    blocks = table.reshape(nx - 1, terms, ny - 1, terms)
    return np.ascontiguousarray(blocks.transpose(0, 2, 1, 3))


def _spline_transposed(coefficients: FloatArray, continuity: int) -> FloatArray:
    """Return the transpose of `_spline`, applied to something of the shape of its result."""
    nx, ny, terms, _ = coefficients.shape
    along_x, along_y = _operator(nx + 1, continuity), _operator(ny + 1, continuity)
    table = coefficients.transpose(0, 2, 1, 3).reshape(nx * terms, ny * terms)
    return np.ascontiguousarray((along_y.T @ (along_x.T @ table).T).T)


@lru_cache(maxsize=16)
def _operator(nodes: int, continuity: int) -> Any:
    """Return the sparse matrix (pixels * terms, nodes) from values to coefficients in [0, 1].

    A cubic on a pixel follows from the values and the slopes at its two ends (Hermite); for
    continuity 1 the slopes are finite differences, for 2 those of the cubic spline.
    """
    identity = np.eye(nodes)
    here, there = identity[:-1], identity[1:]
    if continuity == 0:
        coefficients = [here, there - here]
    else:
        slopes = _slopes(nodes, continuity)
        rise, start, end = there - here, slopes[:-1], slopes[1:]
        coefficients = [here, start, 3 * rise - 2 * start - end, start + end - 2 * rise]
    matrix = np.stack(coefficients, axis=1).reshape(-1, nodes)
    return scipy.sparse.csr_array(matrix)


def _slopes(nodes: int, continuity: int) -> FloatArray:
    """Return the matrix (nodes, nodes) from values at 0, 1, 2, ... to slopes there."""
    identity = np.eye(nodes)
    if continuity == 1:
        order: Literal[1, 2] = 2 if nodes > 2 else 1
        return np.asarray(np.gradient(identity, axis=0, edge_order=order))
    places = np.arange(nodes)
    spline = scipy.interpolate.CubicSpline(places, identity, bc_type="not-a-knot")
    slopes: FloatArray = spline(places, 1)
    slopes[np.abs(slopes) < _NEGLIGIBLE] = 0.0
    return slopes
