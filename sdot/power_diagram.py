"""Power (Laguerre) diagrams of weighted sites."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from sdot.cgal_wrap.diagram import cell_polygons as polygon_kernels
from sdot.cgal_wrap.diagram import power_diagram as diagram_kernels
from sdot.driver import driver
from sdot.validation import FloatArray, check_box, check_real_array, freeze

IndexArray = npt.NDArray[np.int32]

__all__ = [
    "DiagramArrays",
    "DiagramBuilder",
    "PowerDiagram",
    "box_corners",
    "check_convex_domain",
]


@dataclass(frozen=True, eq=False)
class DiagramArrays:
    """A power diagram as flat arrays, the form in which the integrals read it.

    Attributes
    ----------
    positions, weights : sites (n, 2) and their weights (n,).
    low_weights : what the weights have below an ulp (n,), for sites close to each other.
    vertices : corners of the diagram (v, 2).
    edge_sites : the sites to the left and to the right of each edge (e, 2).
    edge_vertices : where each edge starts and ends, -1 at infinity (e, 2).
    hidden_sites : sites without a cell (h,).
    """

    positions: FloatArray
    weights: FloatArray
    low_weights: FloatArray
    vertices: FloatArray
    edge_sites: IndexArray
    edge_vertices: IndexArray
    hidden_sites: IndexArray

    @staticmethod
    def build(positions: FloatArray, weights: FloatArray) -> DiagramArrays:
        """Dualise CGAL's regular triangulation."""
        return DiagramBuilder(positions, diagram_kernels.hilbert_order(positions)).build(weights)

    @property
    def edges(self) -> tuple[FloatArray | IndexArray, ...]:
        """All but the hidden sites, as the compiled kernels take it."""
        return (
            self.positions,
            self.weights,
            self.low_weights,
            self.vertices,
            self.edge_sites,
            self.edge_vertices,
        )

    @cached_property
    def is_hidden(self) -> npt.NDArray[np.uint8]:
        """Flags (n,), 1 for a site without a cell."""
        flags = np.zeros(len(self.positions), dtype=np.uint8)
        flags[self.hidden_sites] = 1
        return flags

    @cached_property
    def cells(self) -> tuple[IndexArray, IndexArray]:
        """Offsets (n + 1,) and the edges around each site (2 e,)."""
        return diagram_kernels.edges_around_sites(  # type: ignore[no-any-return]
            self.edge_sites, len(self.positions)
        )

    def polygons(self, domain: FloatArray) -> tuple[FloatArray, npt.NDArray[np.int64]]:
        """Corners (p, 2) and offsets (n + 1,) of the cells cut to a convex polygon (k, 2)."""
        return polygon_kernels.cell_polygons(  # type: ignore[no-any-return]
            self.edges, *self.cells, self.is_hidden, domain, driver.threads
        )


class DiagramBuilder:
    """Builds power diagrams of the same sites for changing weights, reusing the last one.

    ``built`` is called for every one of them. Not for several threads at once.
    """

    def __init__(
        self,
        positions: FloatArray,
        order: IndexArray,
        built: Callable[[], None] = lambda: None,
    ) -> None:
        self._positions, self._built = positions, built
        self._triangulator = diagram_kernels.Triangulator(positions, order)

    def build(self, weights: FloatArray, low_weights: FloatArray | None = None) -> DiagramArrays:
        """Return the diagram, built from scratch."""
        if low_weights is None:
            low_weights = np.zeros(len(weights))
        arrays = self._triangulator.power_diagram(weights, low_weights, driver.threads)
        self._built()
        return DiagramArrays(self._positions, weights, low_weights, *arrays)

    def update(self, weights: FloatArray, low_weights: FloatArray) -> DiagramArrays | None:
        """Return the diagram by flips from the last one; None if a site seems hidden.

        Where the last one is no basis for flips it is built from scratch.
        """
        if not self._triangulator.is_complete:
            return self.build(weights, low_weights)
        arrays = self._triangulator.repaired_power_diagram(weights, low_weights, driver.threads)
        if arrays is None:
            return None
        self._built()
        return DiagramArrays(self._positions, weights, low_weights, *arrays)


class PowerDiagram:
    """The power diagram of weighted sites, cut to a convex domain.

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
        counter-clockwise. None for the whole plane.

    Attributes
    ----------
    positions, weights, domain : the arguments as read-only float64 arrays.

    Raises
    ------
    ValueError, TypeError
        For arrays of a wrong shape or type, or with NaN or infinite entries.

    Notes
    -----
    The combinatorics are exact (CGAL's regular triangulation with exact predicates); corners
    are rounded to double. Time is O(n log n). All arrays are read-only.
    """

    def __init__(self, positions: Any, weights: Any = None, domain: Any = None) -> None:
        self.positions = freeze(check_positions(positions))
        self.weights = freeze(check_weights(weights, len(self.positions)))
        self.domain = None if domain is None else freeze(check_convex_domain(domain))
        self._arrays = DiagramArrays.build(self.positions, self.weights)

    def __len__(self) -> int:
        return len(self.positions)

    def __repr__(self) -> str:
        where = "the plane" if self.domain is None else f"a polygon of {len(self.domain)} corners"
        return f"PowerDiagram({len(self)} sites in {where}, {len(self.hidden_sites)} hidden)"

    @cached_property
    def hidden_sites(self) -> IndexArray:
        """Sites without a cell, in increasing order (h,)."""
        return freeze(np.sort(self._arrays.hidden_sites))

    @cached_property
    def edges(self) -> IndexArray:
        """Pairs of neighbouring sites, the smaller first, sorted (e, 2).

        Neighbours in the plane: the edge between them may lie outside the domain.
        """
        pairs = np.sort(self._arrays.edge_sites, axis=1)
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
            If there is no domain: unbounded cells have no list of corners.
        """
        points, offsets = self._polygons
        return tuple(freeze(part) for part in np.split(points, offsets[1:-1]))

    @cached_property
    def areas(self) -> FloatArray:
        """The area of each cell inside the domain (n,); infinite for an unbounded cell."""
        return freeze(self._moments[0])

    @cached_property
    def centroids(self) -> FloatArray:
        """The centroid of each cell inside the domain (n, 2); NaN where there is no area.

        Also NaN for an unbounded cell.
        """
        return freeze(self._moments[1])

    @cached_property
    def _polygons(self) -> tuple[FloatArray, npt.NDArray[np.int64]]:
        if self.domain is None:
            raise ValueError(
                "cells: expected a diagram with a domain; "
                "pass domain=((x_min, y_min), (x_max, y_max)) to cut unbounded cells"
            )
        return self._arrays.polygons(self.domain)

    @cached_property
    def _moments(self) -> tuple[FloatArray, FloatArray]:
        if self.domain is not None:
            areas, centroids, _ = polygon_kernels.polygon_moments(*self._polygons, driver.threads)
            centroids[areas <= 0] = np.nan
            return areas, centroids
        return self._moments_in_plane()

    def _moments_in_plane(self) -> tuple[FloatArray, FloatArray]:
        arrays = self._arrays
        points = np.concatenate([arrays.vertices, self.positions])
        low, high = points.min(axis=0) - 1, points.max(axis=0) + 1
        around = np.array([low, [high[0], low[1]], high, [low[0], high[1]]])
        polygons = arrays.polygons(around)
        areas, centroids, _ = polygon_kernels.polygon_moments(*polygons, driver.threads)
        open_edges = (arrays.edge_vertices < 0).any(axis=1)
        unbounded = np.unique(arrays.edge_sites[open_edges])
        if len(self) - len(arrays.hidden_sites) == 1:
            unbounded = np.flatnonzero(arrays.is_hidden == 0).astype(np.int32)
        areas[unbounded] = np.inf
        centroids[unbounded] = np.nan
        centroids[arrays.hidden_sites] = np.nan
        return areas, centroids


def check_positions(positions: Any, name: str = "positions") -> FloatArray:
    """Return sites as a float64 copy of shape (n, 2), n >= 1."""
    result = check_real_array(positions, name)
    if result.ndim != 2 or result.shape[1] != 2 or len(result) == 0:
        raise ValueError(
            f"{name}: expected an array of shape (n, 2) with n >= 1, not {result.shape}"
        )
    return result


def check_weights(weights: Any, count: int, name: str = "weights") -> FloatArray:
    """Return one float64 number per site, zeros for None."""
    if weights is None:
        return np.zeros(count)
    result = check_real_array(weights, name)
    if result.shape != (count,):
        raise ValueError(
            f"{name}: expected one number per site, shape ({count},), not {result.shape}"
        )
    return result


def check_convex_domain(domain: Any) -> FloatArray:
    """Return the corners (k, 2) of a box or of a convex, counter-clockwise polygon."""
    corners = check_real_array(domain, "domain")
    if corners.ndim != 2 or corners.shape[1] != 2 or len(corners) < 2:
        raise ValueError(
            "domain: expected ((x_min, y_min), (x_max, y_max)) or the corners (k, 2) of a convex "
            f"polygon, not an array of shape {corners.shape}"
        )
    if len(corners) == 2:
        corners = box_corners(check_box(corners))
    sides = np.roll(corners, -1, axis=0) - corners
    turns = _turns(sides)
    total_turn = np.arctan2(turns, (sides * np.roll(sides, -1, axis=0)).sum(axis=1)).sum()
    if not ((turns >= 0).all() and (turns > 0).any() and abs(total_turn - 2 * np.pi) < 1e-6):
        raise ValueError(
            "domain: expected a convex polygon with positive area and corners in counter-clockwise "
            "order; reorder the corners or take their convex hull"
        )
    return corners


def box_corners(box: FloatArray) -> FloatArray:
    """Return the corners (4, 2) of ``[[x_min, y_min], [x_max, y_max]]``, counter-clockwise."""
    (x0, y0), (x1, y1) = box
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])


def _turns(sides: FloatArray) -> FloatArray:
    following = np.roll(sides, -1, axis=0)
    turns: FloatArray = sides[:, 0] * following[:, 1] - sides[:, 1] * following[:, 0]
    return turns
