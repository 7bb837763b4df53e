# SPDX-License-Identifier: GPL-3.0-or-later
"""Densities restricted to a shape."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from sdot.array_types import Array_co
from sdot.cached_property import cached_property
from sdot.cgal_wrap.pieces.piece_integrals import PiecesKernel
from sdot.diagrams import DiagramArrays
from sdot.distributions.computed import computed
from sdot.distributions.convex_hull import convex_hull
from sdot.distributions.convex_partition import convex_partition
from sdot.distributions.convex_pieces import Pieces
from sdot.distributions.density import (
    CellPotential,
    Density,
    DensityDerivative,
    Frame,
    SolvedCells,
    check_density,
)
from sdot.distributions.density_derivatives import NoDerivative, ScalableDerivative
from sdot.distributions.distribution import Distribution
from sdot.distributions.polygon import check_holes, check_simple_polygon, is_convex
from sdot.distributions.polygon_cells import PolygonCells
from sdot.distributions.regions import clipped, overlay, segments_of
from sdot.distributions.restricted_derivative import (
    PartsDerivative,
    mass_gradient,
    on_parts,
    pull_back_inside,
)
from sdot.distributions.restricted_kernel import (
    DiscRestrictedKernel,
    RestrictedKernel,
    restricted_kernel,
)
from sdot.distributions.sampling import until
from sdot.errors import NotDifferentiableError
from sdot.execution import SERIAL, Execution
from sdot.limits import check_factor
from sdot.validation import (
    FloatArray,
    box_corners,
    check_box,
    check_mass,
    check_real_array,
    freeze,
    refuse_derivatives,
)

__all__ = ["RestrictedDensity"]

_LEAST_SHARE = 1e-5  # of which points are drawn


class RestrictedDensity(Density[Array_co]):
    """A density inside a polygon, convex or not, with holes or without, and zero outside.

    What `Density.restricted` returns.

    Parameters
    ----------
    density : Density
        Of any kind, but not periodic.
    polygon : array_like
        The corners (k, 2) of a simple polygon in either orientation, or
        ``((x_min, y_min), (x_max, y_max))``. It may reach beyond the density's domain.
    mass : float or None, optional
        What is left is scaled to this total mass, 1 by default; None leaves it as it is.
    holes : sequence of array_like, (h, 2), optional
        Polygons inside of it where the density is zero, as in `Polygon`.

    Attributes
    ----------
    density : the ``density`` argument.
    vertices, holes : read-only corners, counter-clockwise, of holes clockwise.
    total_mass : the integral of the density.
    region : the rings around what the polygon and the density's region have in common.
    domain : the corners of its convex hull.

    Raises
    ------
    TypeError
        If something is not a density or not an array of real numbers; if the density's domain, or
        the polygon, is an array to be differentiated.
    ValueError
        If the polygon is not simple, holes are not inside of it, it does not meet the density's
        region, or the density has no mass there; if the density is periodic.

    Notes
    -----
    Exact up to rounding: cells are cut by the convex pieces that make up the polygon, and the
    density integrates over their parts itself. The distance is differentiable in all arrays of
    the density, but not in the polygon. Random points are drawn from the whole density, and those
    outside are rejected: `sample` wants at least 1e-5 of the density's mass in the polygon.

    Examples
    --------
    >>> from sdot import PolynomialGrid, SumOfDiracs, distance
    >>> ramp = PolynomialGrid([[0.0, 1.0], [2.0, 3.0]], domain=((0, 0), (2, 2)))
    >>> triangle = ramp.restricted([[0, 0], [2, 0], [0, 2]])
    >>> triangle
    PolynomialGrid(2 x 2 pixels of degree 0 on [0, 2] x [0, 2], mass 1) in a polygon of 3 corners, \
mass 1
    >>> print(f"{distance(SumOfDiracs([[1.0, 0.5]]), triangle):.6f}")
    0.583333
    """

    def __init__(
        self,
        density: Density[Array_co],
        polygon: Any,
        mass: float | None = 1,
        *,
        holes: Sequence[Any] = (),
    ) -> None:
        _check_restrictable(density)
        refuse_derivatives(polygon, "polygon")
        corners = freeze(_check_polygon(polygon))
        rings = (corners, *check_holes(corners, holes))
        points, offsets = convex_partition(rings)
        self._parameters = {"density": density}
        self._options = {
            "rings": rings,
            "mass": check_mass(mass),
            "region": _common_region(density, rings),
            "corners": freeze(points),
            "offsets": freeze(offsets),
        }
        if self.has_values:
            self._share  # noqa: B018  (checks that there is mass)

    @property
    def density(self) -> Density[Array_co]:
        """The density that is restricted."""
        density: Density[Array_co] = self._parameters["density"]
        return density

    @property
    def vertices(self) -> FloatArray:
        """The corners (k, 2) of the polygon, counter-clockwise."""
        return np.asarray(self._options["rings"][0])

    @property
    def holes(self) -> tuple[FloatArray, ...]:
        """The corners (h, 2) of its holes, clockwise."""
        return tuple(self._options["rings"][1:])

    @property
    def arguments(self) -> Mapping[str, Any]:
        """Arguments with which the class makes the same object."""
        return {
            "density": self.density,
            "polygon": self.vertices,
            "mass": self._options["mass"],
            "holes": self.holes,
        }

    def __repr__(self) -> str:
        count, mass = len(self.holes), self._options["mass"]
        holes = f" with {count} hole{'s' if count > 1 else ''}" if count else ""
        return (
            f"{self.density!r} in a polygon of {len(self.vertices)} corners{holes}, "
            f"{'not scaled' if mass is None else f'mass {mass:g}'}"
        )

    @property
    def region(self) -> tuple[FloatArray, ...]:
        """The rings around the region outside of which the density is zero."""
        return tuple(self._options["region"])

    @cached_property
    def domain(self) -> FloatArray:
        """The corners of the region's convex hull, counter-clockwise."""
        return freeze(convex_hull(np.concatenate(self.region)))

    @cached_property
    def _pieces(self) -> Pieces:
        """Convex pieces of the polygon, as a density of height one."""
        offsets = self._options["offsets"]
        count = len(offsets) - 1
        return Pieces(self._options["corners"], offsets, np.ones(count), np.zeros((count, 2)))

    @cached_property
    def _indicator(self) -> PiecesKernel:
        pieces = self._pieces
        return PiecesKernel(
            pieces.points, pieces.offsets, np.column_stack([pieces.heights, pieces.slopes])
        )

    @computed
    def _share(self) -> float:
        """How much of the density's mass is in the polygon."""
        box = self.density.box
        frame = Frame(box[0], box[1] - box[0])
        pieces = self._pieces.in_frame(frame, 1.0)
        cells = PolygonCells.of(pieces.points, pieces.offsets)
        share = float(self.density.kernel_in(frame, SERIAL).moments(cells).masses.sum())
        if not share > 0:
            raise ValueError(
                f"polygon: expected one in which the density has mass, but {self.density!r} is "
                "zero there"
            )
        check_factor(share, 1.0)
        return share

    @property
    def total_mass(self) -> float:
        """The integral of the density."""
        mass: float | None = self._options["mass"]
        return self._mass_inside if mass is None else mass

    @property
    def _mass_inside(self) -> float:
        """Before it is scaled."""
        return self._share * self.density.total_mass

    @property
    def _factor(self) -> float:
        """What the density is multiplied with in the polygon."""
        return 1.0 if self._options["mass"] is None else self.total_mass / self._mass_inside

    def essential_box(self, tail: float) -> FloatArray:
        """Return what the boxes of the density and of the region have in common."""
        whole = self.density.essential_box(tail * self._share)
        own = self.box
        common = np.array([np.maximum(own[0], whole[0]), np.minimum(own[1], whole[1])])
        return common if (common[0] < common[1]).all() else own

    def _is_inside(self, points: FloatArray, execution: Execution) -> npt.NDArray[np.bool_]:
        found = self._indicator.densities(points.reshape(-1, 2), execution.threads)
        return np.asarray(found.reshape(points.shape[:-1]) > 0)

    def values_at(self, points: FloatArray, execution: Execution) -> FloatArray:
        """Return the density at points, zero outside of the polygon."""
        values = self._factor * self.density.values_at(points, execution)
        return np.where(self._is_inside(points, execution), values, 0.0)

    def draw(self, count: int, rng: np.random.Generator) -> FloatArray:
        """Return independent random points (count, 2), by rejection."""
        if self._share < _LEAST_SHARE:
            raise ValueError(
                "sample: expected a polygon with a share of the density's mass of at least "
                f"{_LEAST_SHARE:g}, not {self._share:.1e}: points are drawn from the whole, and "
                "nearly all would be rejected"
            )

        def propose(wanted: int) -> FloatArray:
            points = self.density.draw(wanted, rng)
            return points[self._is_inside(points, SERIAL)]

        return until(count, propose)

    def kernel_in(self, frame: Frame, execution: Execution) -> RestrictedKernel:
        """Return the integrals of the density in a frame, scaled to mass one."""
        pieces = self._pieces.in_frame(frame, 1.0)
        kernel = self.density.kernel(frame, execution)
        return restricted_kernel(kernel, pieces, self._share, execution)

    def pull_back(
        self,
        diagram: DiagramArrays,
        frame: Frame,
        potential: CellPotential,
        execution: Execution = SERIAL,
    ) -> tuple[FloatArray, ...]:
        """Return the derivatives with respect to the density's arrays.

        Where the mass in the polygon is held fixed they are those of the integral of the potential
        minus its mean.
        """
        kernel = cast(RestrictedKernel, self.kernel(frame, execution))
        cells, owners = kernel.parts(diagram)
        is_scaled = self._options["mass"] is not None
        if is_scaled:
            potential = potential.recentred(kernel.moments(diagram))
        own = on_parts(potential, owners)
        found = pull_back_inside(self.density, cells, frame, own, execution, is_mean_free=is_scaled)
        return tuple(self._factor * part for part in found)

    def pull_back_in_discs(
        self,
        diagram: DiagramArrays,
        squared_radii: FloatArray,
        frame: Frame,
        potential: CellPotential,
        execution: Execution = SERIAL,
    ) -> tuple[FloatArray, ...]:
        """Return those of `pull_back` for a potential that is zero outside discs.

        What the density's own derivatives are not told of is only the mass in the polygon.
        """
        if not self.arrays:
            return ()
        kernel = cast(DiscRestrictedKernel, self.kernel(frame, execution))
        cells, owners = kernel.parts(diagram)
        own, radii = on_parts(potential, owners), squared_radii[owners]
        found = self.density.pull_back_in_discs(cells, radii, frame, own, execution)
        if self._options["mass"] is None:
            return found
        mean = potential.integral(kernel.disc_moments(diagram, squared_radii))
        pieces = self._pieces.in_frame(frame, 1.0)
        whole = PolygonCells.of(pieces.points, pieces.offsets)
        growth = mass_gradient(self.density, whole, frame, execution)
        return tuple(
            self._factor * (part - mean * added) for part, added in zip(found, growth, strict=True)
        )

    def derivative(self, cells: SolvedCells) -> DensityDerivative:
        """Return how integrals over the cells change with the density's arrays.

        Raises
        ------
        NotDifferentiableError
            For sums of densities with arrays, and for densities that are scaled on the whole and
            not in the polygon.
        """
        if not self.arrays:
            return NoDerivative(len(cells.centres))
        kernel = cast(RestrictedKernel, self.kernel(cells.frame, cells.execution))
        potential = cells.potential.recentred(kernel.moments(cells.diagram))
        parts, owners = kernel.parts(cells.diagram)
        of_parts = cells._replace(
            diagram=parts, potential=on_parts(potential, owners), centres=cells.centres[owners]
        )
        found = self.density.derivative(of_parts)
        is_scaled = self._options["mass"] is not None
        if not isinstance(found, ScalableDerivative) or (found.is_normalised and not is_scaled):
            raise NotDifferentiableError(
                f"{type(self).__name__}: second derivatives with respect to arrays are available "
                "for single densities, scaled to a mass where they are restricted; not for sums, "
                "nor with mass=None of a density that is scaled itself"
            )
        if is_scaled:
            found = found.normalised_to(self._mass_inside)
        return PartsDerivative(found, owners, len(cells.centres), self._factor)


def _restricted(
    density: Density, polygon: Any, mass: float | None, holes: Sequence[Any]
) -> RestrictedDensity:
    return RestrictedDensity(density, polygon, mass, holes=holes)


# `Density.restricted` needs a class that is itself a density.
Density.make_restricted = staticmethod(_restricted)


def _check_restrictable(density: Any) -> None:
    check_density(density)
    if density.torus is not None:
        raise ValueError(
            "density: expected one that is not periodic, to be restricted to a polygon, not "
            f"{density!r}; make it without periodic=True"
        )
    if any(_moving_domains(density)):
        raise TypeError(
            "density: expected one whose domain is fixed, to be restricted to a polygon, not "
            "one that is differentiated with respect to it; pass the domain as a tuple"
        )


def _moving_domains(density: Distribution) -> Iterator[bool]:
    for name, value in density.parameters.items():
        if isinstance(value, Distribution):
            yield from _moving_domains(value)
        else:
            yield name == "domain" and value is not None


def _check_polygon(polygon: Any) -> FloatArray:
    corners = check_real_array(polygon, "polygon")
    if corners.shape == (2, 2):
        return box_corners(check_box(corners, "polygon"))
    return check_simple_polygon(corners, "polygon")


def _common_region(density: Density, rings: Sequence[FloatArray]) -> tuple[FloatArray, ...]:
    """The rings around what a polygon and the region of a density have in common."""
    if density.region is None:
        return tuple(rings)
    sides = segments_of(rings)
    if len(density.region) == 1 and is_convex(density.region[0]):
        found = clipped(density.region[0], sides, sides)
    else:
        found = overlay([segments_of(density.region), sides], all)
    if not found:
        corners = np.concatenate(density.region)
        raise ValueError(
            "polygon: expected one that meets the region of the density, within "
            f"{corners.min(axis=0).tolist()} to {corners.max(axis=0).tolist()}, not one from "
            f"{rings[0].min(axis=0).tolist()} to {rings[0].max(axis=0).tolist()}"
        )
    return tuple(freeze(ring) for ring in found)
