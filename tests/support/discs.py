"""Integrals over power cells cut by discs, slowly: by quadrature in polar coordinates.

Around its site a cell cut by a disc is ``lower(angle) <= r <= upper(angle)``, with bounds that are
smooth between the directions of the corners. No polygon is cut and no arc is looked at on its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from itertools import combinations
from typing import NamedTuple

import numpy as np

from sdot.diagrams import DiagramArrays
from sdot.distributions.density import CellMoments
from sdot.distributions.disc_kernel import DiscMasses
from sdot.distributions.grid_kernel import GridDensityKernel
from sdot.validation import FloatArray

Function = Callable[[FloatArray], FloatArray]  # of points (k, 2), to (k,) or (k, m)

_ANGLES = np.polynomial.legendre.leggauss(24)
_RADII = np.polynomial.legendre.leggauss(8)


class HalfPlanes(NamedTuple):
    """``normals @ x <= offsets``."""

    normals: FloatArray
    offsets: FloatArray

    def and_box(self, low: FloatArray, high: FloatArray) -> HalfPlanes:
        normals = np.array([[-1.0, 0], [1, 0], [0, -1], [0, 1]])
        offsets = np.array([-low[0], high[0], -low[1], high[1]])
        return HalfPlanes(
            np.concatenate([self.normals, normals]), np.concatenate([self.offsets, offsets])
        )


def power_cell_of(sites: FloatArray, weights: FloatArray, i: int) -> HalfPlanes:
    """The half-planes of a power cell."""
    others = np.delete(np.arange(len(sites)), i)
    normals = 2 * (sites[others] - sites[i])
    sizes = (sites**2).sum(axis=1) - weights
    return HalfPlanes(normals, sizes[others] - sizes[i])


class CutCell:
    """Half-planes cut by the disc of a radius around a centre."""

    def __init__(self, half_planes: HalfPlanes, centre: FloatArray, squared_radius: float) -> None:
        self.normals = half_planes.normals
        self.gaps = half_planes.offsets - half_planes.normals @ centre
        self.centre, self.radius = centre, float(np.sqrt(max(squared_radius, 0.0)))

    def integral(self, function: Function) -> FloatArray:
        """The integral of a polynomial of degree 14 or less."""
        angles, weights = self._nodes
        lower, upper = self._bounds(angles)
        is_met = lower < upper
        angles, lower, reach = angles[is_met], lower[is_met], (upper - lower)[is_met]
        radii = lower[:, None] + reach[:, None] * (_RADII[0] + 1) / 2
        all_weights = (weights[is_met] * reach)[:, None] * radii * _RADII[1] / 2
        values = function(self._at(np.repeat(angles, len(_RADII[0])), radii.reshape(-1)))
        return np.asarray(all_weights.reshape(-1) @ values)

    def arc(self, density: Function) -> float:
        """Half of the integral of a density over the angle, along the arcs."""
        angles, weights = self._nodes
        lower, upper = self._bounds(angles)
        on_arc = (upper == self.radius) & (lower < upper)
        return 0.5 * float((weights * on_arc) @ density(self._at(angles, upper)))

    def _at(self, angles: FloatArray, radii: FloatArray) -> FloatArray:
        return self.centre + radii[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)

    def _bounds(self, angles: FloatArray) -> tuple[FloatArray, FloatArray]:
        rates = np.stack([np.cos(angles), np.sin(angles)], axis=1) @ self.normals.T
        with np.errstate(divide="ignore", invalid="ignore"):
            ends = self.gaps / rates
        upper = np.where(rates > 0, ends, np.inf).min(axis=1, initial=self.radius)
        lower = np.where(rates < 0, ends, -np.inf).max(axis=1, initial=0.0)
        return lower, np.maximum(upper, lower)

    @cached_property
    def _nodes(self) -> tuple[FloatArray, FloatArray]:
        breaks = np.sort(np.concatenate([[-np.pi, np.pi], self._corner_angles()]))
        half = np.diff(breaks)[:, None] / 2
        angles = breaks[:-1, None] + half * (_ANGLES[0] + 1)
        return angles.reshape(-1), (half * _ANGLES[1]).reshape(-1)

    def _corner_angles(self) -> FloatArray:
        """Directions of all points where two lines, or a line and the circle, meet."""
        corners = [np.zeros((0, 2))]
        for i, j in combinations(range(len(self.gaps)), 2):
            pair = self.normals[[i, j]]
            if np.linalg.det(pair) != 0:
                corners.append(np.linalg.solve(pair, self.gaps[[i, j]])[None])
        for normal, gap in zip(self.normals, self.gaps, strict=True):
            size = np.linalg.norm(normal)
            foot, along = normal * gap / size**2, np.array([-normal[1], normal[0]]) / size
            half = self.radius**2 - foot @ foot
            if half > 0:
                corners.append(foot + np.outer([-1, 1], along) * np.sqrt(half))
            corners.append(_directions_near(along))
        x, y = np.concatenate(corners).T
        return np.arctan2(y, x)


class SlowDiscKernel(GridDensityKernel):
    """A polynomial grid whose integrals within discs are those of quadrature in polar coordinates.

    For some ten sites and pixels: every site is compared with every other and with every pixel.
    """

    def disc_masses(self, diagram: DiagramArrays, squared_radii: FloatArray) -> DiscMasses:
        """Masses of the cells within their discs, with the weights of edges and arcs."""
        masses, arcs = np.zeros((2, len(diagram.positions)))
        for i in range(len(masses)):
            for cell, density in self._cut_cells(diagram, squared_radii, i):
                masses[i] += cell.integral(density)
                arcs[i] += cell.arc(density)
        gaps = np.linalg.norm(np.diff(diagram.positions[diagram.edge_sites], axis=1)[:, 0], axis=1)
        edges = self.edge_integrals(diagram, squared_radii)[:, 0] / (2 * gaps)
        return DiscMasses(masses, edges, arcs)

    def disc_moments(self, diagram: DiagramArrays, squared_radii: FloatArray) -> CellMoments:
        """Moments of order 0, 1, 2 of every cell within its disc."""
        sums = np.array(
            [
                self.disc_integral(diagram, squared_radii, i, _powers)
                for i in range(len(squared_radii))
            ]
        )
        with np.errstate(invalid="ignore", divide="ignore"):
            centroids = sums[:, 1:3] / sums[:, :1]
        filled = np.where(sums[:, :1] > 0, centroids, 0.0)
        x, y = (sums[:, :1] * filled).T
        second = sums[:, 3:] - np.stack([x * filled[:, 0], x * filled[:, 1], y * filled[:, 1]], 1)
        return CellMoments(sums[:, 0], centroids, second)

    def disc_integral(
        self, diagram: DiagramArrays, squared_radii: FloatArray, i: int, function: Function
    ) -> FloatArray:
        """The integral of a polynomial (k, m) against the density over one cut cell."""
        width = function(np.zeros((1, 2))).shape[1]
        total = np.zeros(width)
        for cell, density in self._cut_cells(diagram, squared_radii, i):
            total += cell.integral(lambda x, rho=density: function(x) * rho(x)[:, None])
        return total

    def arc_integrals(self, diagram: DiagramArrays, squared_radii: FloatArray) -> FloatArray:
        """Half of those of the density times 1, x, y, x**2, x y, y**2 over the angle (n, 6)."""
        totals = np.zeros((len(squared_radii), 6))
        for i in range(len(totals)):
            for cell, density in self._cut_cells(diagram, squared_radii, i):
                for k in range(6):
                    totals[i, k] += cell.arc(lambda x, k=k, rho=density: rho(x) * _powers(x)[:, k])
        return totals

    def edge_integrals(self, diagram: DiagramArrays, squared_radii: FloatArray) -> FloatArray:
        """Those of the density times 1, x, y, x**2, x y, y**2 along edges in the discs (e, 6)."""
        edges = [self._edge(diagram, squared_radii, i, j) for i, j in diagram.edge_sites]
        return np.array(edges).reshape(-1, 6)

    def _cut_cells(
        self, diagram: DiagramArrays, squared_radii: FloatArray, i: int
    ) -> Iterator[tuple[CutCell, Function]]:
        """The parts of one cut cell in single pixels, and the polynomials there."""
        if squared_radii[i] <= 0 or diagram.is_hidden[i]:
            return
        weights = diagram.weights + diagram.low_weights
        cell = power_cell_of(diagram.positions, weights, i)
        for ix in range(len(self.x_lines) - 1):
            for iy in range(len(self.y_lines) - 1):
                low, high, density = self._pixel(ix, iy)
                half_planes = cell.and_box(low, high)
                yield CutCell(half_planes, diagram.positions[i], squared_radii[i]), density

    def _pixel(self, ix: int, iy: int) -> tuple[FloatArray, FloatArray, Function]:
        low = np.array([self.x_lines[ix], self.y_lines[iy]])
        high = np.array([self.x_lines[ix + 1], self.y_lines[iy + 1]])
        coefficients = self._coefficients[ix, iy]

        def density(points: FloatArray) -> FloatArray:
            s, t = ((points - low) / (high - low)).T
            return np.polynomial.polynomial.polyval2d(s, t, coefficients)

        return low, high, density

    def _edge(
        self, diagram: DiagramArrays, squared_radii: FloatArray, i: int, j: int
    ) -> FloatArray:
        """Integrals of powers along the edge of two sites within both discs."""
        sites, weights = diagram.positions, diagram.weights + diagram.low_weights
        gap = sites[j] - sites[i]
        distance = float(np.linalg.norm(gap))
        share = 0.5 + (weights[i] - weights[j]) / (2 * distance**2)
        origin, along = sites[i] + share * gap, np.array([-gap[1], gap[0]]) / distance
        low, high = -np.inf, np.inf
        for site in (i, j):
            foot = (sites[site] - origin) @ along
            half = squared_radii[site] - ((sites[site] - origin) ** 2).sum() + foot**2
            if half <= 0:
                return np.zeros(6)
            low, high = max(low, foot - np.sqrt(half)), min(high, foot + np.sqrt(half))
        cell = power_cell_of(sites, weights, i)
        others = np.delete(np.arange(len(sites)), i)
        total = np.zeros(6)
        for ix in range(len(self.x_lines) - 1):
            for iy in range(len(self.y_lines) - 1):
                box_low, box_high, density = self._pixel(ix, iy)
                apart = others != j
                bounds = HalfPlanes(cell.normals[apart], cell.offsets[apart])
                begin, end = _on_line(bounds.and_box(box_low, box_high), origin, along, low, high)
                if begin < end:
                    nodes = begin + (end - begin) / 2 * (_RADII[0] + 1)
                    points = origin + nodes[:, None] * along
                    values = density(points)[:, None] * _powers(points)
                    total += (end - begin) / 2 * (_RADII[1] @ values)
        return total


def _directions_near(along: FloatArray) -> FloatArray:
    """Directions of a line, and more and more of them near it: rays that are almost parallel to it
    meet it far away, at distances that change fast with the angle."""
    angles = np.concatenate([[0.0], *(sign * 4.0 ** -np.arange(6) for sign in (-1, 1))])
    turned = np.outer(np.cos(angles), along)
    turned += np.outer(np.sin(angles), [-along[1], along[0]])
    return np.concatenate([turned, -turned])


def _on_line(
    half_planes: HalfPlanes, origin: FloatArray, along: FloatArray, low: float, high: float
) -> tuple[float, float]:
    """The part of a line within half-planes."""
    for normal, offset in zip(*half_planes, strict=True):
        rate, gap = normal @ along, offset - normal @ origin
        if rate > 0:
            high = min(high, gap / rate)
        elif rate < 0:
            low = max(low, gap / rate)
        elif gap < 0:
            return 0.0, 0.0
    return low, high


def _powers(points: FloatArray) -> FloatArray:
    x, y = points.T
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=1)
