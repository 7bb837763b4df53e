# SPDX-License-Identifier: GPL-3.0-or-later
"""What the solver and the derivatives ask of a density, whatever its kind.

To add a density, write one class with the methods of `Density` and one with those of
`DensityKernel` (usually thin wrappers of a compiled kernel), and export the first.
"""

from __future__ import annotations

import numbers
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from sdot.array_types import Array_co
from sdot.cached_property import cached_property
from sdot.diagrams import DiagramArrays
from sdot.distributions.density_derivatives import (
    AffineFunction,
    Gradients,
    NoDerivative,
    Tangents,
)
from sdot.distributions.distribution import Distribution
from sdot.distributions.sampling import check_count
from sdot.drawing import Drawn
from sdot.driver import driver
from sdot.errors import NotDifferentiableError
from sdot.execution import SERIAL, Execution
from sdot.memo import Latest
from sdot.notebook import box_text
from sdot.periodic_diagrams import Torus
from sdot.validation import FloatArray, check_points

if TYPE_CHECKING:
    from sdot.distributions.restricted_density import RestrictedDensity
    from sdot.distributions.sum_of_densities import SumOfDensities

__all__ = [
    "CellMoments",
    "CellPotential",
    "Density",
    "DensityDerivative",
    "DensityKernel",
    "EdgeMoments",
    "Frame",
    "Rounding",
    "SolvedCells",
    "check_density",
]


class Frame(NamedTuple):
    """Coordinates ``(x - origin) / scale`` in which a problem is solved."""

    origin: FloatArray  # (2,)
    scale: FloatArray  # (2,), positive

    def apply(self, points: FloatArray) -> FloatArray:
        """Map original to frame coordinates."""
        return np.asarray((points - self.origin) / self.scale)


class CellMoments(NamedTuple):
    """Mass, centroid and central second moments of a density over each cell."""

    masses: FloatArray  # (n,)
    centroids: FloatArray  # (n, 2), NaN without mass
    second_moments: FloatArray  # (n, 3): xx, xy, yy about the centroid


class CellPotential(NamedTuple):
    """The Kantorovich potential on the density's side, in frame coordinates.

    On the cell of site i it is ``sum_k (metric_k g_k**2 + slopes_ik g_k) - constants_i - common``,
    with ``g = x - sites_i``. Near the density these are the sites themselves, and slopes are zero.
    Far from it squares of distances would be large, and what distinguishes one cell from another
    would drown in their rounding: there the sites are zero, and what is common is apart.
    """

    metric: FloatArray  # (2,), the squared scales of the frame
    sites: FloatArray  # (n, 2)
    slopes: FloatArray  # (n, 2)
    constants: FloatArray  # (n,)
    common: float = 0.0

    @property
    def parts(self) -> tuple[FloatArray, ...]:
        """What compiled kernels take."""
        return self.metric, self.sites, self.slopes, self.constants + self.common

    def on_pieces(self, diagram: DiagramArrays) -> CellPotential:
        """The same for the pieces of cells on a torus; in the plane these are the cells."""
        if not diagram.is_periodic:
            return self
        return self._replace(
            sites=diagram.places_of_pieces(self.sites),
            slopes=diagram.values_of_pieces(self.slopes),
            constants=diagram.values_of_pieces(self.constants),
        )

    def at(self, cells: npt.NDArray[np.intp], points: FloatArray) -> FloatArray:
        """The potential (p,) at points (p, 2) of cells (p,), without what all have in common."""
        gaps = points - self.sites[cells]
        linear = (gaps * self.slopes[cells]).sum(axis=1)
        return np.asarray((gaps**2) @ self.metric + linear - self.constants[cells])

    def integral(self, moments: CellMoments) -> float:
        """The integral of the potential against the density with these moments."""
        return self._integral(moments) - self.common * float(moments.masses.sum())

    def recentred(self, moments: CellMoments) -> CellPotential:
        """The same minus its mean over the density with these moments.

        Its derivatives with respect to a density are those with the total mass held fixed.
        """
        mean = self._integral(moments) / float(moments.masses.sum())
        return self._replace(constants=self.constants + mean, common=0.0)

    def _integral(self, moments: CellMoments) -> float:
        """Without what is common."""
        filled = np.flatnonzero(moments.masses > 0)
        heights = self.at(filled, moments.centroids[filled])
        spreads = moments.second_moments[:, [0, 2]] @ self.metric
        return float(moments.masses[filled] @ heights + spreads.sum())


class EdgeMoments(NamedTuple):
    """A density along each edge of a diagram."""

    weights: FloatArray  # (e,): its integral over twice the sites' distance; NaN on a jump
    centroids: FloatArray  # (e, 2), anything finite without mass
    spreads: FloatArray  # (e,): the variance along the edge


class SolvedCells(NamedTuple):
    """The cells of a solved plan, for derivatives at fixed cells."""

    diagram: DiagramArrays
    frame: Frame
    potential: CellPotential
    centres: FloatArray  # (n, 2): a point in or near each cell, for functions that are affine on it
    execution: Execution


class DensityDerivative(Protocol):
    """How a density changes with its `arrays`, for second derivatives of the distance.

    Tangents are arrays of their shapes, None for zero; so are gradients, None where there is no
    second derivative. Coordinates are those of the frame, masses those of the density itself.
    """

    def push_forward(self, tangents: Tangents) -> AffineFunction:
        """Integrals over the cells of d rho, times 1 and times x - centre."""

    def pull_back(self, function: AffineFunction) -> Gradients:
        """Its transpose: integrals of a function, affine on each cell, against d rho."""

    def curvature(self, tangents: Tangents) -> Gradients:
        """The derivative of `Density.pull_back` at fixed cells and potential."""


class Rounding(NamedTuple):
    """How exact the moments of cells are, in units of the unit roundoff 2**-53.

    Attributes
    ----------
    relative : greatest error of a cell's mass and second moments relative to themselves, and of its
        centroid relative to coordinates in the cell.
    second_moments : what the errors of the second moments xx and yy sum up to beyond that, over all
        cells (2,).
    """

    relative: float
    second_moments: FloatArray


class DensityKernel(Protocol):
    """Integrals of a density scaled to mass one, in frame coordinates."""

    @property
    def box(self) -> FloatArray:
        """``[[x_min, y_min], [x_max, y_max]]`` around all the mass, but for a negligible rest."""

    def masses_and_edge_weights(self, diagram: DiagramArrays) -> tuple[FloatArray, FloatArray]:
        """Cell masses (n,) and, per edge, the density's integral over twice the sites' distance."""

    def moments(self, diagram: DiagramArrays) -> CellMoments:
        """Moments of order 0, 1, 2 of every cell."""

    def edge_moments(self, diagram: DiagramArrays) -> EdgeMoments:
        """Weight, centroid and variance of every edge, for second derivatives."""

    @property
    def rounding(self) -> Rounding:
        """How exact the moments are, for the error bound."""

    def coarsened(self, box: FloatArray, count: int) -> FloatArray:
        """Masses (count, count) of the boxes of a uniform grid over ``box``; approximate."""


Other = TypeVar("Other")


class Density(Drawn, Distribution[Array_co]):
    """A nonnegative density in the plane; immutable but for its memory of solutions.

    Densities can be added, and multiplied by positive numbers: see `SumOfDensities`.
    """

    plotter = "plot_density"
    __array_ufunc__ = None  # NumPy's numbers leave products to __rmul__
    make_sum: ClassVar[Callable[[Sequence[tuple[Any, Density]]], SumOfDensities]]
    make_restricted: ClassVar[
        Callable[[Density, Any, float | None, Sequence[Any]], RestrictedDensity]
    ]

    def __add__(self, other: Density[Other]) -> SumOfDensities[Array_co | Other]:
        """Return the sum with another density."""
        if not isinstance(other, Density):
            return NotImplemented
        return Density.make_sum([(1, self), (1, other)])

    def __mul__(self, factor: Any) -> SumOfDensities[Array_co]:
        """Return the density times a positive number."""
        return Density.make_sum([(factor, self)])

    __rmul__ = __mul__

    def __truediv__(self, divisor: Any) -> SumOfDensities:
        """Return the density divided by a positive number."""
        is_number = isinstance(divisor, numbers.Real) and not isinstance(divisor, bool)
        if is_number and not (np.isfinite(float(divisor)) and float(divisor) > 0):
            raise ValueError(f"divisor: expected a positive finite number, not {divisor!r}")
        return Density.make_sum([(1.0 / float(divisor) if is_number else divisor, self)])

    def restricted(
        self, polygon: Any, mass: float | None = 1, *, holes: Sequence[Any] = ()
    ) -> RestrictedDensity[Array_co]:
        """Return the density inside a polygon, and zero outside of it.

        Parameters
        ----------
        polygon : array_like
            The corners (k, 2) of a simple polygon, convex or not, in either orientation, or
            ``((x_min, y_min), (x_max, y_max))``.
        mass : float or None, optional
            What is left is scaled to this total mass, 1 by default; None leaves it as it is.
        holes : sequence of array_like, (h, 2), optional
            Polygons inside of it where the density is zero, as in `Polygon`.

        Returns
        -------
        RestrictedDensity
            Exact up to rounding, for densities of any kind that are not periodic, and
            differentiable in their arrays.

        Raises
        ------
        TypeError, ValueError
            As of `RestrictedDensity`.

        Examples
        --------
        >>> from sdot import Box
        >>> half = Box(((0, 0), (2, 2)), mass=4).restricted([[0, 0], [2, 0], [2, 2]], mass=None)
        >>> half.total_mass, half.evaluate([[1.5, 0.5], [0.5, 1.5]])
        (2.0, array([1., 0.]))
        """
        return Density.make_restricted(self, polygon, mass, holes)

    @property
    @abstractmethod
    def total_mass(self) -> float:
        """The integral of the density."""

    @property
    def _facts(self) -> Mapping[str, str]:
        """What a notebook's table says of it."""
        if not self.has_values:
            return {**self._array_facts, "values": "none while they are traced"}
        where = "box" if self.domain is not None else "box of 99.9%"
        return {"mass": f"{self.total_mass:.6g}", where: box_text(self.box), **self._array_facts}

    @property
    @abstractmethod
    def domain(self) -> FloatArray | None:
        """A convex polygon (k, 2), counter-clockwise, outside of which the density is zero.

        Cells are cut to it; None for the whole plane.
        """

    @property
    def region(self) -> tuple[FloatArray, ...] | None:
        """The rings (k, 2) around the region outside of which the density is zero.

        Counter-clockwise, but for holes. None for the whole plane; the domain is its convex hull.
        """
        return None if self.domain is None else (self.domain,)

    @property
    def torus(self) -> Torus | None:
        """The torus that the density is on; None, for the plane, unless it is periodic."""
        return None

    @property
    def box(self) -> FloatArray:
        """``[[x_min, y_min], [x_max, y_max]]`` around the domain.

        Where that is the whole plane, around all but a thousandth of the mass.
        """
        if self.domain is None:
            return self.essential_box(1e-3)
        return np.array([self.domain.min(axis=0), self.domain.max(axis=0)])

    @abstractmethod
    def essential_box(self, tail: float) -> FloatArray:
        """``[[x_min, y_min], [x_max, y_max]]`` with all of the mass but at most this share of it.

        As small as is easily found.
        """

    def evaluate(self, points: Any) -> FloatArray:
        """Return the value of the density at points.

        Parameters
        ----------
        points : array_like, (..., 2)
            In any shape, of any framework. On the line between two pixels or triangles the one to
            the right or above counts.

        Returns
        -------
        numpy.ndarray, (...)
            One float64 for each point, in the shape of the points without its last axis; always
            NumPy, and without derivatives. Per unit of area, so that its integral is
            ``total_mass``; zero outside the support.

        Examples
        --------
        >>> from sdot import Box
        >>> Box(((0, 0), (2, 2)), mass=8).evaluate([[[1, 1], [1, 3]], [[0, 2], [5, 5]]])
        array([[2., 0.],
               [2., 0.]])
        """
        return self.snapshot.values_at(check_points(points), driver.execution)

    def sample(self, n: int, rng: np.random.Generator | int | None = None) -> FloatArray:
        """Return independent random points of the density, scaled to mass one.

        Parameters
        ----------
        n : int
            How many, 0 or more.
        rng : numpy.random.Generator, int or None, optional
            A generator, which is advanced; or the seed of a new one, None for one that differs
            from call to call.

        Returns
        -------
        numpy.ndarray, (n, 2)
            Of float64, in random order, always NumPy and without derivatives. Exact up to rounding:
            pixels, triangles and components are chosen by their masses, and points in them by
            inversion, as mixtures, or by rejection; the same points for the same seed and version.

        Raises
        ------
        TypeError, ValueError
            If ``n`` is not a number of points, or ``rng`` no seed.

        Examples
        --------
        >>> from sdot import Box
        >>> Box(((0, 0), (2, 1))).sample(1000, 0).mean(axis=0).round(1)
        array([1. , 0.5])
        """
        return self.snapshot.draw(check_count(n), np.random.default_rng(rng))

    @abstractmethod
    def draw(self, count: int, rng: np.random.Generator) -> FloatArray:
        """Return independent random points (count, 2) of the density."""

    @abstractmethod
    def values_at(self, points: FloatArray, execution: Execution) -> FloatArray:
        """Return the density (...) at checked points (..., 2), zero outside the support."""

    def kernel(self, frame: Frame, execution: Execution = SERIAL) -> DensityKernel:
        """Return the density's integrals in the coordinates of a frame, scaled to mass one.

        Solves for the same density ask for the same frame, as the derivatives do after them.
        """
        key = (np.concatenate(frame).tobytes(), execution)
        snapshot = self.snapshot
        return snapshot._latest_kernel.get(key, lambda: snapshot.kernel_in(frame, execution))

    @cached_property
    def _latest_kernel(self) -> Latest[DensityKernel]:
        return Latest()

    @abstractmethod
    def kernel_in(self, frame: Frame, execution: Execution) -> DensityKernel:
        """Make what `kernel` returns."""

    @abstractmethod
    def pull_back(
        self,
        diagram: DiagramArrays,
        frame: Frame,
        potential: CellPotential,
        execution: Execution = SERIAL,
    ) -> tuple[FloatArray, ...]:
        """Return the derivatives of the integral of a potential against the density.

        One for each of `arrays`, of its shape: how the integral changes with the parameter
        while the potential, given on the cells of a diagram in a frame, stays as it is.
        """

    def pull_back_in_discs(
        self,
        diagram: DiagramArrays,
        squared_radii: FloatArray,
        frame: Frame,
        potential: CellPotential,
        execution: Execution = SERIAL,
    ) -> tuple[FloatArray, ...]:
        """Return what `pull_back` does for a potential that is zero outside discs around the sites.

        Squared radii (n,) are those of `DiscKernel`. Only for densities whose kernels are that,
        and in frames of equal scales.
        """
        if self.arrays:
            raise NotDifferentiableError(
                f"{type(self).__name__}: derivatives of partial transport with respect to its "
                "arrays are not available"
            )
        return ()

    def derivative(self, cells: SolvedCells) -> DensityDerivative:
        """Return how integrals over the cells change with `arrays`; for those that have any."""
        if self.arrays:
            raise NotDifferentiableError(
                f"{type(self).__name__}: second derivatives with respect to its arrays are not "
                "available"
            )
        return NoDerivative(len(cells.centres))


def check_density(density: Any, name: str = "density") -> Density:
    """Refuse what is not a density."""
    if not isinstance(density, Density):
        raise TypeError(
            f"{name}: expected a density such as PolynomialGrid, not {type(density).__name__}"
        )
    return density
