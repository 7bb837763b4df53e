# SPDX-License-Identifier: GPL-3.0-or-later
"""Cells that are given as polygons, and parts of edges, for the integrals of any density."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from sdot.cgal_wrap.pieces.piece_parts import cut_to_domain
from sdot.diagrams import CellsNearDiscs, DiagramArrays
from sdot.execution import SERIAL, Execution
from sdot.validation import FloatArray

__all__ = ["PolygonCells"]

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class PolygonCells(DiagramArrays):
    """Convex polygons in place of the cells of a diagram; or no cells, but edges.

    Attributes
    ----------
    points, offsets : corners (p, 2) and offsets (n + 1,) of the polygons.
    """

    points: FloatArray
    offsets: Integers

    is_cut: ClassVar[bool] = True

    @staticmethod
    def of(points: FloatArray, offsets: Integers, sites: FloatArray | None = None) -> PolygonCells:
        """Return cells without edges, of sites (n, 2) if discs around these matter."""
        count = len(offsets) - 1
        none = np.empty((0, 2), dtype=np.int32)
        zeros, corners = np.zeros(count), np.empty((0, 2))
        hidden = np.empty(0, dtype=np.int32)
        places = np.zeros((count, 2)) if sites is None else sites
        return PolygonCells(places, zeros, zeros, corners, none, none, hidden, points, offsets)

    @staticmethod
    def of_edges(diagram: DiagramArrays, ends: FloatArray, edges: Integers) -> PolygonCells:
        """Return parts of a diagram's edges, with ends (m, 2, 2), and no cells."""
        count, sites = len(edges), len(diagram.positions)
        return PolygonCells(
            diagram.positions,
            diagram.weights,
            diagram.low_weights,
            ends.reshape(-1, 2),
            diagram.edge_sites[edges],
            np.arange(2 * count, dtype=np.int32).reshape(-1, 2),
            diagram.hidden_sites,
            np.empty((0, 2)),
            np.zeros(sites + 1, dtype=np.int64),
        )

    def and_one(self, polygon: FloatArray) -> PolygonCells:
        """Return the same with one more polygon, wherever it is."""
        points = np.concatenate([self.points, polygon])
        return PolygonCells.of(points, np.append(self.offsets, len(points)))

    def polygons_near_discs(
        self, domain: FloatArray, squared_radii: FloatArray, execution: Execution = SERIAL
    ) -> CellsNearDiscs:
        """Those of `polygons` near discs; edges without cells are all cut to the discs."""
        points, offsets, discs = super().polygons_near_discs(domain, squared_radii, execution)
        if len(self.edge_sites):
            discs = (*discs[:2], np.ones_like(discs[2]))
        return CellsNearDiscs(points, offsets, discs)

    def polygons(
        self, domain: FloatArray, execution: Execution = SERIAL
    ) -> tuple[FloatArray, Integers]:
        """Corners and offsets of the polygons, cut to a convex one."""
        points, offsets = cut_to_domain(self.points, self.offsets, domain)
        return points, offsets
