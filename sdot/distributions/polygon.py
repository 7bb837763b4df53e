"""Uniform densities on simple polygons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sdot.array_types import NumpyArray
from sdot.cached_property import cached_property
from sdot.cgal_wrap.triangulation.polygon_triangulation import meeting_sides, polygon_triangles
from sdot.distributions.convex_pieces import Pieces, PiecewiseAffineDensity
from sdot.limits import check_extent, check_lengths
from sdot.validation import FloatArray, check_mass, check_real_array, freeze, transpose_hint

__all__ = ["Polygon", "check_simple_polygon", "is_convex"]


class Polygon(PiecewiseAffineDensity[NumpyArray]):
    """The uniform density on a simple polygon, convex or not.

    Parameters
    ----------
    vertices : array_like, (k, 2)
        The corners in order, in either orientation; the last is joined to the first.
    mass : float, optional
        The total mass, 1 by default.

    Attributes
    ----------
    vertices : read-only corners, counter-clockwise.
    area : of the polygon.
    domain : the corners of the convex hull.
    box, total_mass : the frame and the integral of the density.

    Raises
    ------
    TypeError
        If an argument is not of real numbers.
    ValueError
        If the shape does not fit, an entry is NaN or infinite, a corner is repeated, or two
        sides cross or touch.

    Notes
    -----
    A polygon that is not convex is triangulated (constrained Delaunay, by CGAL). The density is
    not differentiable with respect to the vertices.

    Examples
    --------
    >>> from sdot import Polygon
    >>> Polygon([[0, 0], [2, 0], [2, 1], [1, 1], [1, 2], [0, 2]])
    Polygon(6 corners, area 3, mass 1)
    """

    def __init__(self, vertices: Any, mass: float = 1) -> None:
        total = check_mass(mass)
        if total is None:
            raise TypeError("mass: expected a positive number, not None")
        self._parameters = {}
        self._options = {
            "vertices": freeze(check_simple_polygon(vertices, "vertices")),
            "mass": total,
        }

    @property
    def vertices(self) -> FloatArray:
        """The corners (k, 2), counter-clockwise."""
        return np.asarray(self._options["vertices"])

    @property
    def total_mass(self) -> float:
        """The integral of the density."""
        return float(self._options["mass"])

    @cached_property
    def area(self) -> float:
        """The area."""
        return 0.5 * _twice_area(self.vertices)

    @property
    def arguments(self) -> Mapping[str, Any]:
        """Arguments with which the class makes the same object."""
        return self._options

    def __repr__(self) -> str:
        return (
            f"Polygon({len(self.vertices)} corners, area {self.area:g}, mass {self.total_mass:g})"
        )

    @property
    def region(self) -> tuple[FloatArray, ...]:
        """The polygon."""
        return (self.vertices,)

    @cached_property
    def pieces(self) -> Pieces:
        """The polygon if it is convex, else triangles."""
        points = self.vertices
        offsets = np.array([0, len(points)])
        if not is_convex(points):
            points = points[polygon_triangles(points)].reshape(-1, 2)
            offsets = np.arange(0, len(points) + 1, 3)
        heights = np.full(len(offsets) - 1, self.total_mass / self.area)
        return Pieces(points, offsets.astype(np.int64), heights, np.zeros((len(heights), 2)))


def check_simple_polygon(vertices: Any, name: str) -> FloatArray:
    """Return the corners of a simple polygon, counter-clockwise."""
    corners = check_real_array(vertices, name)
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
            f"{corners[k].tolist()}; leave one out (a polygon is closed without it)"
        )
    sides = meeting_sides(corners)
    if sides is not None:
        ends = [[k, int(following[k])] for k in sides]
        raise ValueError(
            f"{name}: expected a simple polygon, but sides {sides[0]} and {sides[1]} (between "
            f"corners {ends[0]} and {ends[1]}) cross or touch; reorder or split it"
        )
    return corners if _twice_area(corners) > 0 else corners[::-1].copy()


def _twice_area(corners: FloatArray) -> float:
    a = corners[1:-1] - corners[0]
    b = corners[2:] - corners[0]
    return float((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum())


def is_convex(corners: FloatArray) -> bool:
    """Tell whether a simple, counter-clockwise polygon turns left everywhere."""
    sides = np.roll(corners, -1, axis=0) - corners
    following = np.roll(sides, -1, axis=0)
    return bool((sides[:, 0] * following[:, 1] >= sides[:, 1] * following[:, 0]).all())
