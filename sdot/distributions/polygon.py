# SPDX-License-Identifier: GPL-3.0-or-later
"""Uniform densities on polygons, with holes or without."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sdot.array_types import NumpyArray
from sdot.cached_property import cached_property
from sdot.cgal_wrap.triangulation.polygon_triangulation import meeting_sides, polygon_triangles
from sdot.distributions.convex_pieces import Pieces, PiecewiseAffineDensity
from sdot.distributions.regions import segments_of, winding
from sdot.limits import check_extent, check_lengths
from sdot.validation import (
    FloatArray,
    check_mass,
    check_real_array,
    freeze,
    refuse_derivatives,
    transpose_hint,
)

__all__ = ["Polygon", "check_holes", "check_simple_polygon", "is_convex"]


class Polygon(PiecewiseAffineDensity[NumpyArray]):
    """The uniform density on a simple polygon, convex or not, with holes or without.

    Parameters
    ----------
    vertices : array_like, (k, 2)
        The corners in order, in either orientation; the last is joined to the first. It may also
        be the first once more, as in rings of GeoJSON.
    mass : float, optional
        The total mass, 1 by default.
    holes : sequence of array_like, (h, 2), optional
        The corners of polygons inside of it, in the same way, where the density is zero. So
        ``Polygon(rings[0], holes=rings[1:])`` is a polygon of GeoJSON.

    Attributes
    ----------
    vertices : read-only corners, counter-clockwise.
    holes : a tuple of those of the holes, clockwise.
    area : of the polygon without its holes.
    domain : the corners of the convex hull.
    box, total_mass : the frame and the integral of the density.

    Raises
    ------
    TypeError
        If an argument is not of real numbers.
    ValueError
        If the shape does not fit, an entry is NaN or infinite, a corner is repeated, two sides
        cross or touch, also those of different rings, or a hole is not inside of the polygon or is
        inside of another one.

    Notes
    -----
    A polygon that is not convex is triangulated (constrained Delaunay, by CGAL). The density is
    not differentiable with respect to the vertices. Cells of a plan may have several parts in the
    polygon and go around holes: see `PowerDiagram.parts`.

    Examples
    --------
    >>> from sdot import Polygon
    >>> Polygon([[0, 0], [2, 0], [2, 1], [1, 1], [1, 2], [0, 2]])
    Polygon(6 corners, area 3, mass 1)
    >>> Polygon([[0, 0], [3, 0], [3, 3], [0, 3]], holes=[[[1, 1], [2, 1], [2, 2], [1, 2], [1, 1]]])
    Polygon(4 corners, 1 hole, area 8, mass 1)
    """

    def __init__(self, vertices: Any, mass: float = 1, *, holes: Sequence[Any] = ()) -> None:
        refuse_derivatives(vertices, "vertices")
        total = check_mass(mass)
        if total is None:
            raise TypeError("mass: expected a positive number, not None")
        self._parameters = {}
        corners = freeze(check_simple_polygon(vertices, "vertices"))
        self._options = {"vertices": corners, "holes": check_holes(corners, holes), "mass": total}

    @property
    def vertices(self) -> FloatArray:
        """The corners (k, 2), counter-clockwise."""
        return np.asarray(self._options["vertices"])

    @property
    def holes(self) -> tuple[FloatArray, ...]:
        """The corners (h, 2) of the holes, clockwise."""
        return tuple(self._options["holes"])

    @property
    def total_mass(self) -> float:
        """The integral of the density."""
        return float(self._options["mass"])

    @cached_property
    def area(self) -> float:
        """The area."""
        return 0.5 * sum(_twice_area(ring) for ring in self.region)

    @property
    def arguments(self) -> Mapping[str, Any]:
        """Arguments with which the class makes the same object."""
        return self._options

    def __repr__(self) -> str:
        count = len(self.holes)
        holes = f"{count} hole{'s' if count > 1 else ''}, " if count else ""
        return (
            f"Polygon({len(self.vertices)} corners, {holes}area {self.area:g}, "
            f"mass {self.total_mass:g})"
        )

    @property
    def region(self) -> tuple[FloatArray, ...]:
        """The rings around the polygon and its holes."""
        return (self.vertices, *self.holes)

    @cached_property
    def pieces(self) -> Pieces:
        """The polygon if it is convex, else triangles."""
        points, offsets = _rings(self.region)
        if self.holes or not is_convex(points):
            points = points[polygon_triangles(points, offsets)].reshape(-1, 2)
            offsets = np.arange(0, len(points) + 1, 3)
        heights = np.full(len(offsets) - 1, self.total_mass / self.area)
        return Pieces(points, offsets.astype(np.int64), heights, np.zeros((len(heights), 2)))


def check_simple_polygon(vertices: Any, name: str) -> FloatArray:
    """Return the corners of a simple polygon, counter-clockwise."""
    corners = _opened(check_real_array(vertices, name))
    if corners.ndim != 2 or corners.shape[1] != 2 or len(corners) < 3:
        raise ValueError(
            f"{name}: expected an array of shape (k, 2) with k >= 3, not {corners.shape}"
            f"{transpose_hint(corners.shape)}"
        )
    check_lengths(corners, "vertices")
    check_extent(corners, "vertices")
    following = np.roll(np.arange(len(corners)), -1)
    repeated = np.flatnonzero((corners == corners[following]).all(axis=1))
    if repeated.size:
        k = int(repeated[0])
        raise ValueError(
            f"{name}: expected each corner once, but corners {k} and {following[k]} are both "
            f"{corners[k].tolist()}; leave one out"
        )
    sides = meeting_sides(corners)
    if sides is not None:
        ends = [[k, int(following[k])] for k in sides]
        raise ValueError(
            f"{name}: expected a simple polygon, but sides {sides[0]} and {sides[1]} (between "
            f"corners {ends[0]} and {ends[1]}) cross or touch; reorder or split it"
        )
    return corners if _twice_area(corners) > 0 else corners[::-1].copy()


def _opened(corners: FloatArray) -> FloatArray:
    """Leave out a last corner that closes the ring."""
    is_closed = corners.ndim == 2 and len(corners) > 3 and (corners[0] == corners[-1]).all()
    return corners[:-1] if is_closed else corners


def _rings(rings: Sequence[FloatArray]) -> tuple[FloatArray, npt.NDArray[np.int64]]:
    """Return the corners of all rings, and where each begins."""
    sizes = [len(ring) for ring in rings]
    return np.concatenate(list(rings)), np.cumsum([0, *sizes], dtype=np.int64)


def check_holes(corners: FloatArray, holes: Any) -> tuple[FloatArray, ...]:
    """Return the holes of a polygon, clockwise."""
    if isinstance(holes, str) or not hasattr(holes, "__len__"):
        raise TypeError(f"holes: expected a sequence of arrays of shape (h, 2), not {holes!r}")
    found = [check_simple_polygon(hole, f"holes[{k}]") for k, hole in enumerate(holes)]
    _check_apart([corners, *found])
    for k, hole in enumerate(found):
        if not _is_inside(hole, corners):
            raise ValueError(
                f"holes[{k}]: expected a hole inside of the polygon, not around {hole[0].tolist()}"
            )
        for other, around in enumerate(found):
            if other != k and _is_inside(hole, around):
                raise ValueError(
                    f"holes[{k}]: expected holes apart from each other, not one inside of "
                    f"holes[{other}]; make an island a polygon of its own, and add the two"
                )
    return tuple(freeze(hole[::-1].copy()) for hole in found)


def _check_apart(rings: Sequence[FloatArray]) -> None:
    points, offsets = _rings(rings)
    sides = meeting_sides(points, offsets)
    if sides is None:
        return
    which = np.searchsorted(offsets, sides, side="right") - 1
    names = ["vertices" if r == 0 else f"holes[{r - 1}]" for r in which]
    own = [side - int(offsets[r]) for side, r in zip(sides, which, strict=True)]
    raise ValueError(
        f"{names[1]}: expected rings that do not meet, but side {own[1]} crosses or touches side "
        f"{own[0]} of {names[0]}; shrink the hole, or join the two"
    )


def _is_inside(ring: FloatArray, polygon: FloatArray) -> bool:
    """Tell, of rings whose sides do not meet, whether one is inside of the other. Exact."""
    return winding(ring[0], ring[1], segments_of([polygon])) > 0


def _twice_area(corners: FloatArray) -> float:
    a = corners[1:-1] - corners[0]
    b = corners[2:] - corners[0]
    return float((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum())


def is_convex(corners: FloatArray) -> bool:
    """Tell whether a simple, counter-clockwise polygon turns left everywhere."""
    sides = np.roll(corners, -1, axis=0) - corners
    following = np.roll(sides, -1, axis=0)
    return bool((sides[:, 0] * following[:, 1] >= sides[:, 1] * following[:, 0]).all())
