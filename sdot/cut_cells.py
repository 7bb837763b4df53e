# SPDX-License-Identifier: GPL-3.0-or-later
"""Cells of a power diagram, cut to a domain, a region or the sides of a torus."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from sdot.cached_property import cached_property
from sdot.diagrams import DiagramArrays, IndexArray
from sdot.distributions.convex_hull import convex_hull
from sdot.distributions.density import Frame
from sdot.distributions.polygon import check_simple_polygon, is_convex
from sdot.distributions.regions import overlay, segments_of
from sdot.driver import driver
from sdot.periodic_diagrams import PeriodicBuilder, Torus, torus_of
from sdot.placed_diagram import PlacedDiagram, polygon_moments
from sdot.records import Record, check_part
from sdot.region_cells import cells_in_region, ring_moments
from sdot.torus_cells import moments_on_torus, pieces_on_torus
from sdot.validation import (
    FloatArray,
    box_corners,
    check_box,
    check_convex_domain,
    check_positions,
    check_real_array,
    check_weights,
    freeze,
)

__all__ = ["CutCells", "non_convex"]


class CutCells(Record):
    """What a `sdot.power_diagram.PowerDiagram` is before anything is integrated over its cells.

    Its arguments and attributes are those of that class.
    """

    def __init__(
        self, positions: Any, weights: Any = None, domain: Any = None, period: Any = None
    ) -> None:
        self.positions = freeze(check_positions(positions))
        self.weights = freeze(check_weights(weights, len(self.positions)))
        torus = None if period is None else _check_torus(period, domain)
        self.period = None if torus is None else freeze(torus.period)
        if torus is not None:
            domain = torus.box
        self.domain = None if domain is None else freeze(check_convex_domain(domain))
        self.region: tuple[FloatArray, ...] | None = None
        arrays: DiagramArrays
        if torus is None:
            arrays = DiagramArrays.build(self.positions, self.weights, driver.execution)
        else:
            places = torus.wrap(self.positions)
            arrays = PeriodicBuilder(places, torus, driver.execution).build(self.weights)
        owners = np.arange(len(self.positions))
        self._placed = PlacedDiagram(arrays, Frame(np.zeros(2), np.ones(2)), owners, len(owners))

    @classmethod
    def placed(
        cls,
        positions: FloatArray,
        weights: FloatArray,
        placed: PlacedDiagram,
        domain: FloatArray | None,
        region: tuple[FloatArray, ...] | None,
        *,
        period: FloatArray | None = None,
    ) -> Self:
        """Put together a diagram that is known in other coordinates, without any check."""
        result = cls.__new__(cls)
        result.positions, result.weights = freeze(positions), freeze(weights)
        result.domain = None if domain is None else freeze(domain)
        result.period = None if period is None else freeze(period)
        result.region = None if region is None else tuple(freeze(ring) for ring in region)
        result._placed = placed
        return result

    def check_parts(self) -> None:
        """Check what was pickled as the arguments are checked."""
        check_weights(check_positions(self.positions)[:, 0], len(self.weights))
        if self.domain is not None:
            check_convex_domain(self.domain)
        check_real_array(self.weights, "weights")
        for ring in self.region or ():
            check_part(ring, "region", (None, 2))
        if self.period is not None:
            _check_torus(self.period, None)
        if self._placed.arrays.is_periodic != (self.period is not None):
            raise ValueError("period: expected one for a diagram on a torus only")
        if self._placed.count != len(self.positions):
            raise ValueError("positions: expected as many as the diagram has sites")

    def __len__(self) -> int:
        return len(self.positions)

    @cached_property
    def hidden_sites(self) -> IndexArray:
        """Sites without a cell, in increasing order (h,)."""
        return freeze(self._placed.hidden_sites)

    @cached_property
    def cells(self) -> tuple[FloatArray, ...]:
        """The corners of each cell inside the domain, counter-clockwise (k_i, 2).

        Empty for hidden sites and for cells outside the domain.

        Raises
        ------
        ValueError
            If there is no domain: unbounded cells have no list of corners. If the region is not
            convex, or on a torus: a cell may have several `parts` there.
        """
        self._refuse_torus("cells", "where a cell may have several parts in the domain; use parts")
        if self.region is not None:
            raise ValueError(
                "cells: expected a diagram in a convex domain, but in this region a cell may have "
                "several parts; use parts"
            )
        points, offsets = self._polygons
        points = self._placed.to_plane(points)
        return tuple(freeze(part) for part in np.split(points, offsets[1:-1]))

    @cached_property
    def parts(self) -> tuple[tuple[FloatArray, ...], ...]:
        """The rings (k, 2) around each cell inside the domain or region, a tuple for each site.

        Counter-clockwise around every part of the cell, clockwise around every hole, so that the
        areas of a cell's rings, with their signs, sum to its area. In a convex domain a cell has
        one ring; hidden sites and cells outside have none.

        Raises
        ------
        ValueError
            If there is no domain.

        Examples
        --------
        >>> from sdot import PowerDiagram
        >>> u = [[0, 0], [3, 0], [3, 3], [2, 3], [2, 1], [1, 1], [1, 3], [0, 3]]
        >>> diagram = PowerDiagram([[1.5, 0.0], [1.5, 4.0]]).clip(u)
        >>> [len(rings) for rings in diagram.parts]
        [1, 2]
        """
        if self.torus is not None:
            points, offsets, owners = pieces_on_torus(self._placed, self.torus)
        elif self.region is None:
            return tuple((cell,) if len(cell) else () for cell in self.cells)
        else:
            points, offsets, owners = self._rings
        rings = np.split(freeze(self._placed.to_plane(points)), offsets[1:-1])
        ends = np.searchsorted(owners, np.arange(len(self) + 1))
        return tuple(tuple(rings[a:b]) for a, b in pairwise(ends))

    @cached_property
    def areas(self) -> FloatArray:
        """The area of each cell inside the domain (n,); infinite for an unbounded cell."""
        return freeze(self._moments[0])

    @cached_property
    def centroids(self) -> FloatArray:
        """The centroid of each cell inside the domain (n, 2); NaN where there is no area.

        Also NaN for an unbounded cell. On a torus the mean of the cell's points as seen from its
        site, which may be outside of the domain.
        """
        return freeze(self._moments[1])

    def clip(self, polygon: Any) -> Self:
        """Return the same diagram with its cells cut to a polygon, convex or not.

        Parameters
        ----------
        polygon : array_like
            ``((x_min, y_min), (x_max, y_max))`` or the corners (k, 2) of a simple polygon, in
            either orientation.

        Returns
        -------
        PowerDiagram
            Whose ``region`` is the part of the domain, or region, of this one in the polygon, in
            rings; or, where that is convex, whose ``domain`` it is. The diagram itself is not
            computed again; cells are cut, exactly up to the rounding of corners, when asked for.

        Raises
        ------
        ValueError, TypeError
            If the polygon is not simple, or has no part of the domain, or on a torus.

        Examples
        --------
        >>> from sdot import PowerDiagram
        >>> diagram = PowerDiagram([[0.25, 0.5], [0.75, 0.5]], domain=((0, 0), (1, 1)))
        >>> diagram.clip([[0, 0], [1, 0], [0, 1]]).areas
        array([0.375, 0.125])
        """
        self._refuse_torus("clip", "whose cells are cut to the domain")
        region: list[FloatArray] = [_check_polygon(polygon)]
        own = self.region if self.domain is None or self.region is not None else (self.domain,)
        if own is not None:
            region = overlay([segments_of(own), segments_of(region)], all)
            if not region:
                raise ValueError(
                    "polygon: expected one that meets the domain of the diagram, "
                    f"{np.concatenate(own).min(axis=0)} to {np.concatenate(own).max(axis=0)}"
                )
        domain = convex_hull(np.concatenate(region))
        return self.placed(self.positions, self.weights, self._placed, domain, non_convex(region))

    @property
    def torus(self) -> Torus | None:
        """The torus that the diagram is on, None for the plane."""
        if self.period is None or self.domain is None:
            return None
        return Torus(self.domain.min(axis=0), self.period)

    def _seen_from_sites(self, points: FloatArray) -> FloatArray:
        """Points (n, 2) that are seen from sites in the domain, as seen from the sites as given."""
        assert self.torus is not None
        return points + (self.positions - self.torus.wrap(self.positions))

    @cached_property
    def _polygons(self) -> tuple[FloatArray, npt.NDArray[np.int64]]:
        """Corners, in the coordinates of the placed diagram, and offsets of all cells."""
        if self.domain is None:
            raise ValueError(
                "cells: expected a diagram with a domain; "
                "pass domain=((x_min, y_min), (x_max, y_max)) to cut unbounded cells"
            )
        return self._placed.polygons(self.domain)

    @cached_property
    def _rings(self) -> tuple[FloatArray, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Corners and offsets of all rings in the region, and whose they are."""
        assert self.region is not None
        segments = segments_of([self._placed.frame.apply(ring) for ring in self.region])
        return cells_in_region(*self._polygons, segments)

    @cached_property
    def _moments(self) -> tuple[FloatArray, FloatArray]:
        if self.torus is not None:
            areas, centroids = moments_on_torus(self._placed, self.torus)
            centroids = self._seen_from_sites(self._placed.to_plane(centroids))
            return areas * np.prod(self._placed.frame.scale), centroids
        if self.domain is None:
            areas, centroids = self._placed.moments_in_plane()
        elif self.region is None:
            areas, centroids = polygon_moments(*self._polygons)
        else:
            areas, centroids = ring_moments(*self._rings, len(self))
        return areas * np.prod(self._placed.frame.scale), self._placed.to_plane(centroids)

    def _refuse_torus(self, name: str, reason: str) -> None:
        """Refuse what there is in the plane only."""
        if self.period is not None:
            raise ValueError(f"{name}: expected a diagram in the plane, not on a torus, {reason}")


def non_convex(rings: Sequence[FloatArray] | None) -> tuple[FloatArray, ...] | None:
    """Return the rings around a region, or None if it is the whole plane or convex."""
    if rings is None or (len(rings) == 1 and is_convex(rings[0])):
        return None
    return tuple(rings)


def _check_torus(period: Any, domain: Any) -> Torus:
    sides = check_real_array(period, "period")
    if sides.shape != (2,) or not (sides > 0).all():
        raise ValueError(f"period: expected two positive numbers, not {period!r}")
    if domain is None:
        return torus_of(check_box(np.array([np.zeros(2), sides]), "period"))
    torus = torus_of(check_box(domain))
    if not np.allclose(torus.period, sides, rtol=1e-14, atol=0):
        raise ValueError(
            f"domain: expected a box whose sides are the period, {sides.tolist()}, not "
            f"{torus.period.tolist()}; leave it out, or make them the same"
        )
    return torus


def _check_polygon(polygon: Any) -> FloatArray:
    corners = check_real_array(polygon, "polygon")
    if corners.shape == (2, 2):
        return box_corners(check_box(corners))
    return check_simple_polygon(corners, "polygon")
