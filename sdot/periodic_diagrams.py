# SPDX-License-Identifier: GPL-3.0-or-later
"""Power diagrams on a torus, by copies of the sites in the plane.

On a torus the cell of a site is cut out of a box, the fundamental domain, by the cells of all its
copies, which lie a multiple of the period apart and have the same weight. Most copies have no cell
in the domain. Which do is read off a diagram of some copies: the cells that these have in the plane
are at least as large as those among all copies. So where a cell of one copy of a site, moved by
every period that brings it to the domain, is a cell of a copy that is already there, no other copy
of that site is needed; else it is added. A site's own copies confine its cell to half a period
around it, so at most four copies (nine, on lines between them) are ever needed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from sdot.cgal_wrap.diagram import cell_polygons as polygon_kernels
from sdot.cgal_wrap.diagram.power_diagram import hilbert_order
from sdot.diagrams import DiagramArrays, DiagramBuilder
from sdot.execution import SERIAL, Execution
from sdot.records import check_part
from sdot.validation import FloatArray

__all__ = ["PeriodicBuilder", "PeriodicDiagram", "Torus", "torus_of"]

BoolArray = npt.NDArray[np.bool_]
IndexArray = npt.NDArray[np.intp]

# Up to so many sites all the copies that any weights could need are there from the start.
_FEW_SITES = 30
# Copies at first, around the domain, and those that are added around others: so many times the side
# of a square of the mean area of a cell.
_FIRST_MARGIN = 3.0
_MARGIN = 1.0
# Cells that rounding may have kept away from the domain reach it. In units of the period.
_TOUCH = 1e-9
_SAME = 1e-14  # relative
_TURNS = np.array([-1, 0, 1])  # of a copy along an axis


class Torus(NamedTuple):
    """The plane modulo a rectangular lattice, with the box ``low <= x < low + period``."""

    low: FloatArray  # (2,)
    period: FloatArray  # (2,), positive

    @property
    def box(self) -> FloatArray:
        """``[[x_min, y_min], [x_max, y_max]]``."""
        return np.array([self.low, self.low + self.period])

    def is_like(self, other: Torus) -> bool:
        """Whether another one is the same up to rounding."""
        near = _SAME * np.maximum(self.period, np.abs(self.low))
        gaps = np.abs(np.stack([self.low - other.low, self.period - other.period]))
        return bool((gaps <= near).all())

    def wrap(self, points: FloatArray) -> FloatArray:
        """The same points (..., 2) modulo the period, in the box; those in it keep their bits."""
        return self.wrapped(points)[0]

    def wrapped(self, points: FloatArray) -> tuple[FloatArray, FloatArray]:
        """`wrap`, and how many periods were taken away (..., 2)."""
        turns = np.floor((points - self.low) / self.period)
        result = points - turns * self.period
        # What rounding has left outside is on the border.
        beyond = result >= self.low + self.period
        turns += beyond
        return np.where(beyond | (result < self.low), self.low, result), turns

    def nearest(self, gaps: FloatArray) -> FloatArray:
        """The shortest of the vectors (..., 2) that are gaps modulo the period."""
        return np.asarray(gaps - self.period * np.round(gaps / self.period))


def torus_of(box: FloatArray) -> Torus:
    """Return the torus with this box as its fundamental domain."""
    return Torus(box[0], box[1] - box[0])


@dataclass(frozen=True, eq=False)
class PeriodicDiagram(DiagramArrays):
    """A power diagram on a torus: like `DiagramArrays`, but the sites have copies.

    Attributes
    ----------
    copies : the diagram of all copies in the plane; within the domain its cells are right.
    site_of : which site each copy is of (c,).
    shifts : where it is, from that site (c, 2).
    """

    copies: DiagramArrays
    site_of: IndexArray
    shifts: FloatArray

    is_periodic: ClassVar[bool] = True

    @staticmethod
    def of_copies(
        copies: DiagramArrays,
        site_of: IndexArray,
        shifts: FloatArray,
        sites: tuple[FloatArray, FloatArray, FloatArray],
    ) -> PeriodicDiagram:
        """Return the diagram of sites: positions, weights, and what these have below an ulp."""
        return PeriodicDiagram(
            *sites,
            copies.vertices,
            site_of[copies.edge_sites].astype(np.int32),
            copies.edge_vertices,
            np.unique(site_of[copies.hidden_sites]).astype(np.int32),
            copies,
            site_of,
            shifts,
        )

    def check_parts(self) -> None:
        """Refuse arrays that native code could not read."""
        super().check_parts()
        self.copies.check_parts()
        count, sites = len(self.copies.positions), len(self.positions)
        check_part(self.site_of, "site_of", (count,), dtype=np.intp, limits=(0, sites))
        check_part(self.shifts, "shifts", (count, 2))

    def polygons(
        self, domain: FloatArray, execution: Execution = SERIAL
    ) -> tuple[FloatArray, npt.NDArray[np.int64]]:
        """Corners (p, 2) and offsets (c + 1,) of the pieces of cells, one for each copy."""
        return self.copies.polygons(domain, execution)

    def sites_of_pieces(self, pieces: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Which sites pieces are of."""
        return self.site_of[pieces].astype(np.int64)

    def values_of_pieces(self, values: FloatArray) -> FloatArray:
        """What the pieces have of values (n, ...) of their sites."""
        return values[self.site_of]

    def places_of_pieces(self, points: FloatArray) -> FloatArray:
        """Where the pieces have points (n, 2) that move with their sites."""
        return points[self.site_of] + self.shifts

    @property
    def edge_normals(self) -> FloatArray:
        """From the site on the left of every edge to that on the right (e, 2)."""
        return self.copies.edge_normals

    def edge_points(self, points: FloatArray, side: int) -> FloatArray:
        """Points on the edges (e, 2) as seen from the sites on the left, 0, or the right, 1."""
        return points - self.shifts[self.copies.edge_sites[:, side]]


class PeriodicBuilder:
    """Builds diagrams of the same sites on a torus for changing weights, like `DiagramBuilder`.

    The sites are in the domain.
    """

    def __init__(
        self,
        positions: FloatArray,
        torus: Torus,
        execution: Execution = SERIAL,
        built: Callable[[], None] = lambda: None,
    ) -> None:
        self._positions, self._torus, self._built = positions, torus, built
        self._execution = execution
        count = len(positions)
        self._spacing = float(np.sqrt(np.prod(torus.period) / count))
        margin = np.full(2, _FIRST_MARGIN * self._spacing) if count > _FEW_SITES else torus.period
        margin = np.minimum(margin, (0.5 + _TOUCH) * torus.period)
        self._present = _reaching(positions - margin, positions + margin, torus)
        self._place_copies()

    def build(self, weights: FloatArray, low_weights: FloatArray | None = None) -> PeriodicDiagram:
        """Return the diagram, built from scratch."""
        if low_weights is None:
            low_weights = np.zeros(len(weights))
        while True:
            copies = self._builder.build(weights[self._site_of], low_weights[self._site_of])
            if self._is_enough(copies):
                return self._diagram(copies, weights, low_weights)

    def update(self, weights: FloatArray, low_weights: FloatArray) -> PeriodicDiagram | None:
        """Return the diagram by flips from the last one; None if a site seems hidden."""
        copies = self._builder.update(weights[self._site_of], low_weights[self._site_of])
        if copies is None:
            return None
        if not self._is_enough(copies):
            return self.build(weights, low_weights)
        return self._diagram(copies, weights, low_weights)

    def _diagram(
        self, copies: DiagramArrays, weights: FloatArray, low_weights: FloatArray
    ) -> PeriodicDiagram:
        sites = self._positions, weights, low_weights
        return PeriodicDiagram.of_copies(copies, self._site_of, self._shifts, sites)

    def _place_copies(self) -> None:
        self._site_of, copy = np.nonzero(self._present)
        self._turns = _TURNS[np.stack([copy // 3, copy % 3], axis=1)]
        self._shifts = self._turns * self._torus.period
        places = self._positions[self._site_of] + self._shifts
        order = hilbert_order(places)
        # Each counts, also those that show that copies are missing.
        self._builder = DiagramBuilder(places, order, self._execution, self._built)

    def _is_enough(self, copies: DiagramArrays) -> bool:
        """Whether no other copy can have a cell in the domain; if not, add those that might."""
        sites, low, high = self._cells_across(copies)
        if (_reaching(low, high, self._torus) <= self._present[sites]).all():
            return True
        margin = _MARGIN * self._spacing
        self._present[sites] |= _reaching(low - margin, high + margin, self._torus)
        self._place_copies()
        return False

    def _cells_across(self, copies: DiagramArrays) -> tuple[IndexArray, FloatArray, FloatArray]:
        """The sites none of whose copies has a cell within the domain, and a box around the cell.

        That of the copy with the smallest one, as seen from the site.
        """
        boxes = polygon_kernels.cell_boxes(
            copies.vertices, copies.edge_sites, copies.edge_vertices, len(self._site_of)
        )
        x, y, upper_x, upper_y = boxes.T
        low, high = self._torus.box
        across = (x < low[0]) | (y < low[1]) | (upper_x > high[0]) | (upper_y > high[1])
        is_open = np.ones(len(self._positions), dtype=bool)
        is_open[self._site_of[~across]] = False
        chosen = np.flatnonzero(is_open[self._site_of])
        lower, upper = boxes[chosen, :2], boxes[chosen, 2:]
        # Half a period around the site is as far as any cell reaches.
        half = 0.5 * self._torus.period
        places, sites = copies.positions[chosen], self._site_of[chosen]
        lower, upper = np.maximum(lower, places - half), np.minimum(upper, places + half)
        width, height = (upper - lower).T
        order = np.lexsort([width * height, sites])
        best = order[np.diff(sites[order], prepend=-1) > 0]
        shifts = self._shifts[chosen[best]]
        return sites[best], lower[best] - shifts, upper[best] - shifts


def _reaching(low: FloatArray, high: FloatArray, torus: Torus) -> BoolArray:
    """Which of their nine copies (m, 9) boxes (m, 2) reach the domain with."""
    below, above = torus.box + np.array([[-_TOUCH], [_TOUCH]]) * torus.period
    shifts = _TURNS[:, None] * torus.period
    reaches = (low[:, None] + shifts < above) & (high[:, None] + shifts > below)
    return np.asarray((reaches[:, :, None, 0] & reaches[:, None, :, 1]).reshape(-1, 9))
