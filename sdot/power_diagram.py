"""Power (Laguerre) diagrams of weighted sites."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from sdot.cached_property import cached_property
from sdot.diagram_integrals import (
    CellIntegrals,
    EdgeIntegrals,
    MassJacobian,
    cell_integrals,
    edge_integrals,
    mass_jacobian,
)
from sdot.diagrams import DiagramArrays, IndexArray
from sdot.distributions.convex_hull import convex_hull
from sdot.distributions.density import Density, Frame, check_density
from sdot.distributions.polygon import check_simple_polygon, is_convex
from sdot.distributions.regions import overlay, segments_of
from sdot.drawing import Drawn
from sdot.driver import driver
from sdot.notebook import box_text, range_text
from sdot.periodic_diagrams import PeriodicBuilder, Torus, torus_of
from sdot.placed_diagram import PlacedDiagram, polygon_moments
from sdot.records import Record, check_part
from sdot.region_cells import cells_in_region, ring_moments
from sdot.torus_cells import edges_on_torus, moments_on_torus, pieces_on_torus
from sdot.validation import (
    FloatArray,
    box_corners,
    check_box,
    check_convex_domain,
    check_points,
    check_positions,
    check_real_array,
    check_weights,
    freeze,
)

__all__ = ["PowerDiagram", "non_convex"]


class PowerDiagram(Drawn, Record):
    """The power diagram of weighted sites, cut to a domain.

    The cell of site ``i`` is the set of points ``x`` with
    ``|x - y_i|**2 - w_i <= |x - y_j|**2 - w_j`` for all ``j``. It may be empty (the site is
    hidden), and it may be unbounded if there is no domain. Of coincident sites the heaviest
    has the cell, the first one if several are. With equal weights this is the Voronoi diagram.

    Parameters
    ----------
    positions : array_like, (n, 2)
        The sites.
    weights : array_like, (n,), optional
        Their weights, squared lengths of either sign. All zero by default.
    domain : array_like, optional
        ``((x_min, y_min), (x_max, y_max))`` or the corners (k, 2) of a convex polygon,
        counter-clockwise. None for the whole plane. `clip` cuts to any simple polygon.
    period : pair of float, optional
        ``(a, b)``: on a torus with these periods. The domain then is a box with these sides,
        ``((0, 0), (a, b))`` by default, sites are taken modulo the period, and cells may come in
        several `parts`, cut by the sides of the domain.

    Attributes
    ----------
    positions, weights, domain : the arguments as read-only float64 arrays.
    period : the periods (2,), None in the plane.
    region : None, or the rings (k, 2) of the region within ``domain`` to which cells are cut,
        if it is not convex: that of a density, or of `clip`.

    Raises
    ------
    ValueError, TypeError
        For arrays of a wrong shape or type, or with NaN or infinite entries.

    Notes
    -----
    The combinatorics are exact (CGAL's regular triangulation with exact predicates); corners
    are rounded to double. Time is O(n log n). All arrays are read-only.
    """

    plotter = "plot_diagram"

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
    ) -> PowerDiagram:
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

    def __repr__(self) -> str:
        where = "the plane" if self.domain is None else f"a polygon of {len(self.domain)} corners"
        if self.region is not None:
            where = f"a region of {sum(len(ring) for ring in self.region)} corners"
        if self.period is not None:
            where = f"a torus with periods {self.period[0]:g} and {self.period[1]:g}"
        return f"PowerDiagram({len(self)} sites in {where}, {len(self.hidden_sites)} hidden)"

    @property
    def _facts(self) -> Mapping[str, str]:
        """What a notebook's table says of it."""
        known = {"sites": str(len(self)), "without a cell": str(len(self.hidden_sites))}
        if self.domain is not None:
            known["torus" if self.period is not None else "domain"] = box_text(self.domain)
            known["areas"] = range_text(self.areas)
        return {**known, "weights": range_text(self.weights)}

    @cached_property
    def hidden_sites(self) -> IndexArray:
        """Sites without a cell, in increasing order (h,)."""
        return freeze(self._placed.hidden_sites)

    @cached_property
    def edges(self) -> IndexArray:
        """Pairs of neighbouring sites, the smaller first, sorted (e, 2).

        Neighbours in the plane: the edge between them may lie outside the domain. On a torus each
        pair once, though their cells may share several edges, and none of a site with itself.
        """
        if self.torus is not None:
            return freeze(edges_on_torus(self._placed, self.torus))
        pairs = np.sort(self._placed.edge_sites, axis=1)
        return freeze(pairs[np.lexsort(pairs.T[::-1])])

    @cached_property
    def neighbors(self) -> tuple[IndexArray, ...]:
        """The neighbours of each site, in increasing order."""
        both = np.concatenate([self.edges, self.edges[:, ::-1]])
        both = both[np.lexsort(both.T[::-1])]
        ends = np.cumsum(np.bincount(both[:, 0], minlength=len(self)))[:-1]
        return tuple(freeze(part) for part in np.split(both[:, 1], ends))

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
        if self.period is not None:
            raise ValueError(
                "cells: expected a diagram in the plane, but on a torus a cell may have several "
                "parts in the domain; use parts"
            )
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

    def clip(self, polygon: Any) -> PowerDiagram:
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
        if self.period is not None:
            raise ValueError(
                "clip: expected a diagram in the plane, not on a torus, whose cells are cut to the "
                "domain"
            )
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
        return PowerDiagram.placed(
            self.positions, self.weights, self._placed, domain, non_convex(region)
        )

    def locate(self, x: Any) -> npt.NDArray[np.int64]:
        """Return in whose cells points are.

        Parameters
        ----------
        x : array_like, (..., 2)
            Points in any shape, of any framework.

        Returns
        -------
        numpy.ndarray, (...)
            For each point the index of the site ``i`` with the least ``|x - y_i|**2 - w_i``, int64:
            decided exactly, as the diagram itself is. Of sites that are equally near it is the
            first. A site without a cell is never found, but every point has one that is: outside
            of the domain, to which cells are only cut, it is the one of the whole plane.

        Raises
        ------
        ValueError, TypeError
            For points of a wrong shape or type, or with NaN or infinite entries.

        Notes
        -----
        Walks from cell to cell, for many points along a space-filling curve: O(1) for each of as
        many points as sites or more, O(n**(1/3)) for a single one, where sites lie evenly. On all
        threads of `sdot.driver`.

        Examples
        --------
        >>> from sdot import PowerDiagram
        >>> diagram = PowerDiagram([[0.25, 0.5], [0.75, 0.5]], weights=[0.2, 0.0])
        >>> diagram.locate([[0.0, 0.5], [0.6, 0.5], [0.9, 0.5]])
        array([0, 0, 1])
        """
        points = check_points(x, "x")
        if self.torus is not None:
            points = self.torus.wrap(points)
        return self._placed.locate(points, driver.execution)

    def moments(self, density: Density) -> CellIntegrals:
        """Return the masses, centroids and second moments of a density over the cells.

        Parameters
        ----------
        density : Density
            Of any kind; its total mass need not be one. Its arrays are read as they are now.

        Returns
        -------
        CellIntegrals
            A named tuple of NumPy arrays: ``masses`` (n,), ``centroids`` (n, 2) and
            ``second_moments`` (n, 2, 2) about the centroids. Over the cells in the domain, if the
            diagram has one; exact up to rounding, as in a solve, and as quick.

        Raises
        ------
        TypeError
            If it is not a density.
        ValueError
            If cells are cut to a region that is not convex, and not that of the density; if the
            density and the diagram are not on the same torus.

        Examples
        --------
        >>> from sdot import Box, PowerDiagram
        >>> diagram = PowerDiagram([[0.5, 0.5], [1.5, 0.5]])
        >>> masses, centroids, second_moments = diagram.moments(Box(((0, 0), (2, 1)), mass=2))
        >>> masses, centroids
        (array([1., 1.]), array([[0.5, 0.5],
               [1.5, 0.5]]))
        """
        density = self._own_density(density)
        found = cell_integrals(self._placed, density, self.domain, self.region)
        if self.torus is None:
            return found
        return found._replace(centroids=freeze(self._seen_from_sites(found.centroids)))

    def edge_moments(self, density: Density) -> EdgeIntegrals:
        """Return the moments of a density along the edges between cells.

        They are the derivatives of integrals over the cells: with ``a`` the weight of the edge of
        cells i and j, ``c`` its centroid and s its spread, a larger weight of site i brings
        ``a * h(c)`` of the integral of an affine function h from cell j to cell i, and of that of
        ``|x - z|**2``, for any point z, ``a * (|c - z|**2 + s)``.

        Parameters
        ----------
        density : Density
            Zero outside of the diagram's domain, if it has one.

        Returns
        -------
        EdgeIntegrals
            A named tuple of NumPy arrays, for edges with mass: ``sites`` (e, 2), ``weights`` (e,),
            which are the entries of `mass_jacobian`, ``centroids`` (e, 2) and ``spreads`` (e,).

        Raises
        ------
        TypeError
            If it is not a density.
        ValueError
            If the density reaches beyond the domain or region, or for a diagram on a torus.
        NotDifferentiableError
            If an edge lies along a jump of the density.

        Examples
        --------
        >>> from sdot import Box, PowerDiagram
        >>> edges = PowerDiagram([[0.25, 0.5], [0.75, 0.5]]).edge_moments(Box())
        >>> edges.sites, edges.weights, edges.centroids
        (array([[0, 1]], dtype=int32), array([1.]), array([[0.5, 0.5]]))
        """
        if self.period is not None:
            raise ValueError(
                "edge_moments: expected a diagram in the plane, not on a torus, where an edge is "
                "seen from its two sites at two places; use mass_jacobian"
            )
        density = self._own_density(density)
        return edge_integrals(self._placed, density, self.domain, self.region)

    def mass_jacobian(self, density: Density) -> MassJacobian:
        """Return the derivatives of the cells' masses with respect to weights and positions.

        Parameters
        ----------
        density : Density
            Zero outside of the diagram's domain, if it has one.

        Returns
        -------
        MassJacobian
            A named tuple of `scipy.sparse.csr_array`: ``weights`` (n, n), the symmetric graph
            Laplacian that is the matrix of Newton's method, and ``positions`` (n, 2 n), with the
            coordinates of all sites in a row. Both have columns of sum zero: no mass is lost.
            Zero for sites without a cell. Formulas: the mathematics page (de Gournay, Kahn and
            Lebrat, 2019).

        Raises
        ------
        TypeError
            If it is not a density.
        ValueError
            If the density reaches beyond the domain or region, or is not on the same torus.
        NotDifferentiableError
            If an edge lies along a jump of the density.

        Examples
        --------
        >>> from sdot import Box, PowerDiagram
        >>> diagram = PowerDiagram([[0.25, 0.5], [0.75, 0.5]])
        >>> diagram.mass_jacobian(Box()).weights.toarray()
        array([[ 1., -1.],
               [-1.,  1.]])
        """
        density = self._own_density(density)
        places = self.positions if self.torus is None else self.torus.wrap(self.positions)
        return mass_jacobian(self._placed, places, density, self.domain, self.region)

    @property
    def torus(self) -> Torus | None:
        """The torus that the diagram is on, None for the plane."""
        if self.period is None or self.domain is None:
            return None
        return Torus(self.domain.min(axis=0), self.period)

    def _own_density(self, density: Any) -> Density:
        """Return a density, if it is on the same torus as the diagram or both are in the plane."""
        own: Density = check_density(density)
        here, there = self.torus, own.torus
        if here is None and there is None:
            return own
        if here is None or there is None or not here.is_like(there):
            raise ValueError(
                "density: expected one that is periodic, on the domain of the diagram, for a "
                f"diagram on a torus, and else one that is not, not {own!r} for {self!r}"
            )
        return own

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
