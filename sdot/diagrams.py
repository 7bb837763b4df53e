# SPDX-License-Identifier: GPL-3.0-or-later
"""Power diagrams as flat arrays, the form in which the integrals read them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from sdot.cached_property import cached_property
from sdot.cgal_wrap.diagram import cell_polygons as polygon_kernels
from sdot.cgal_wrap.diagram import power_diagram as diagram_kernels
from sdot.execution import SERIAL, Execution
from sdot.records import Record, check_part
from sdot.validation import FloatArray

IndexArray = npt.NDArray[np.int32]

__all__ = ["CellsNearDiscs", "DiagramArrays", "DiagramBuilder", "IndexArray"]


class CellsNearDiscs(NamedTuple):
    """Polygons with all of the cells that is in their discs, as the compiled kernels take them.

    Attributes
    ----------
    points, offsets : corners (p, 2) and offsets (n + 1,): cells within their discs as they are,
        others cut to boxes around them.
    discs : centres (n, 2), squared radii (n,), and flags (n,), 0 for cells within their discs.
    """

    points: FloatArray
    offsets: npt.NDArray[np.int64]
    discs: tuple[FloatArray, FloatArray, npt.NDArray[np.uint8]]


@dataclass(frozen=True, eq=False)
class DiagramArrays(Record):
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

    is_periodic: ClassVar[bool] = False
    is_cut: ClassVar[bool] = False  # cells leave out a part of the density's support

    def check_parts(self) -> None:
        """Refuse arrays that native code could not read."""
        count, corners = len(self.positions), len(self.vertices)
        check_part(self.positions, "positions", (None, 2))
        check_part(self.weights, "weights", (count,))
        check_part(self.low_weights, "low_weights", (count,))
        check_part(self.vertices, "vertices", (None, 2), is_finite=False)
        edges = len(self.edge_sites)
        check_part(self.edge_sites, "edge_sites", (None, 2), dtype=np.int32, limits=(0, count))
        ends = (-1, corners)
        check_part(self.edge_vertices, "edge_vertices", (edges, 2), dtype=np.int32, limits=ends)
        check_part(self.hidden_sites, "hidden_sites", (None,), dtype=np.int32, limits=(0, count))

    @staticmethod
    def build(
        positions: FloatArray, weights: FloatArray, execution: Execution = SERIAL
    ) -> DiagramArrays:
        """Dualise CGAL's regular triangulation."""
        order = diagram_kernels.hilbert_order(positions)
        return DiagramBuilder(positions, order, execution).build(weights)

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
        if len(self.hidden_sites):
            flags[self.hidden_sites] = 1
        return flags

    @cached_property
    def cells(self) -> tuple[IndexArray, IndexArray]:
        """Offsets (n + 1,) and the edges around each site (2 e,)."""
        return diagram_kernels.edges_around_sites(  # type: ignore[no-any-return]
            self.edge_sites, len(self.positions)
        )

    @cached_property
    def neighbors(self) -> tuple[IndexArray, IndexArray]:
        """Offsets (n + 1,) and the neighbours of each site (2 e,)."""
        offsets, edges = self.cells
        own = np.repeat(np.arange(len(self.positions), dtype=np.int32), np.diff(offsets))
        return offsets, self.edge_sites[edges].sum(axis=1, dtype=np.int32) - own

    def polygons(
        self, domain: FloatArray, execution: Execution = SERIAL
    ) -> tuple[FloatArray, npt.NDArray[np.int64]]:
        """Corners (p, 2) and offsets (n + 1,) of the cells cut to a convex polygon (k, 2)."""
        return polygon_kernels.cell_polygons(  # type: ignore[no-any-return]
            self.edges, *self.cells, self.is_hidden, domain, execution.threads
        )

    def polygons_near_discs(
        self, domain: FloatArray, squared_radii: FloatArray, execution: Execution = SERIAL
    ) -> CellsNearDiscs:
        """Those of `polygons` near discs around their sites, of squared radii (n,)."""
        radii = np.ascontiguousarray(squared_radii, dtype=np.float64)
        points, offsets, is_cut = polygon_kernels.cells_near_discs(
            *self.polygons(domain, execution), self.positions, radii, execution.threads
        )
        return CellsNearDiscs(points, offsets, (self.positions, radii, is_cut))

    # On a torus a cell has a piece for each copy of its site; in the plane it is one of its own.

    def sites_of_pieces(self, pieces: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Which sites pieces are of."""
        return pieces

    def values_of_pieces(self, values: FloatArray) -> FloatArray:
        """What the pieces have of values (n, ...) of their sites."""
        return values

    def places_of_pieces(self, points: FloatArray) -> FloatArray:
        """Where the pieces have points (n, 2) that move with their sites."""
        return points

    @property
    def edge_normals(self) -> FloatArray:
        """From the site on the left of every edge to that on the right (e, 2)."""
        first, second = (self.positions.take(sites, 0) for sites in self.edge_sites.T)
        return np.asarray(second - first)

    def edge_points(self, points: FloatArray, side: int) -> FloatArray:
        """Points on the edges (e, 2) as seen from the sites on the left, 0, or the right, 1."""
        return points


class DiagramBuilder:
    """Builds power diagrams of the same sites for changing weights, reusing the last one.

    ``built`` is called for every one of them. Not for several threads at once.
    """

    def __init__(
        self,
        positions: FloatArray,
        order: IndexArray,
        execution: Execution = SERIAL,
        built: Callable[[], None] = lambda: None,
    ) -> None:
        self._positions, self._built = positions, built
        self._threads = execution.threads
        self._triangulator = diagram_kernels.Triangulator(positions, order)

    def build(self, weights: FloatArray, low_weights: FloatArray | None = None) -> DiagramArrays:
        """Return the diagram, built from scratch."""
        if low_weights is None:
            low_weights = np.zeros(len(weights))
        arrays = self._triangulator.power_diagram(weights, low_weights, self._threads)
        self._built()
        return DiagramArrays(self._positions, weights, low_weights, *arrays)

    def update(self, weights: FloatArray, low_weights: FloatArray) -> DiagramArrays | None:
        """Return the diagram by flips from the last one; None if a site seems hidden.

        Where the last one is no basis for flips it is built from scratch.
        """
        if not self._triangulator.is_complete:
            return self.build(weights, low_weights)
        arrays = self._triangulator.repaired_power_diagram(weights, low_weights, self._threads)
        if arrays is None:
            return None
        self._built()
        return DiagramArrays(self._positions, weights, low_weights, *arrays)
