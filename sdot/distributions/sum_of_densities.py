# SPDX-License-Identifier: GPL-3.0-or-later
"""Sums of densities with positive factors."""

from __future__ import annotations

import numbers
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from sdot.array_types import Array_co
from sdot.cached_property import cached_property
from sdot.diagrams import DiagramArrays
from sdot.distributions.computed import computed
from sdot.distributions.convex_hull import convex_hull
from sdot.distributions.density import (
    CellMoments,
    CellPotential,
    Density,
    DensityDerivative,
    DensityKernel,
    EdgeMoments,
    Frame,
    Rounding,
    SolvedCells,
)
from sdot.distributions.density_derivatives import AffineFunction, Gradients, Tangents
from sdot.distributions.disc_kernel import DiscBorders, DiscKernel, DiscMasses, cuts_discs
from sdot.distributions.regions import overlay, segments_of
from sdot.distributions.sampling import choose
from sdot.execution import SERIAL, Execution
from sdot.frameworks import common_framework
from sdot.limits import check_size
from sdot.periodic_diagrams import Torus
from sdot.validation import FloatArray, freeze

__all__ = ["DiscSumKernel", "SumKernel", "SumOfDensities", "sum_kernel"]


class SumOfDensities(Density[Array_co]):
    """``a * density + b * density + ...`` with positive numbers a, b.

    This is what arithmetic with densities returns. The parts may be of any kind and anywhere.

    Parameters
    ----------
    densities : sequence of Density
        The parts; sums among them are taken apart.
    factors : sequence of float, optional
        One positive number per part, all 1 by default.

    Attributes
    ----------
    densities, factors : tuples of the parts and what they are multiplied with.
    total_mass : the sum of the parts' masses times their factors.
    domain : the convex hull of the parts' domains; None if one of them is the whole plane.

    Raises
    ------
    TypeError
        If something is not a density, or a factor not a number.
    ValueError
        If there is no part, there are not as many factors as parts, or one is not positive and
        finite.

    Examples
    --------
    >>> from sdot import Box, Polygon
    >>> floor = Box(((0, 0), (4, 4)))
    >>> 3 * Polygon([[1, 1], [2, 1], [1, 2]]) + floor
    3 * Polygon(3 corners, area 0.5, mass 1) + Box([0, 4] x [0, 4], mass 1)
    """

    def __init__(
        self,
        densities: Sequence[Density[Array_co]],
        factors: Sequence[float] | None = None,
    ) -> None:
        densities = list(densities)
        if not densities:
            raise ValueError("densities: expected at least one density, not none")
        wrong = [part for part in densities if not isinstance(part, Density)]
        if wrong:
            raise TypeError(
                f"densities: expected densities such as PolynomialGrid, not {wrong[0]!r}"
            )
        factors = [1.0] * len(densities) if factors is None else list(factors)
        if len(factors) != len(densities):
            raise ValueError(
                f"factors: expected one number per density, {len(densities)}, not {len(factors)}"
            )
        flat = [
            (_check_factor(factor) * inner, part)
            for factor, density in zip(factors, densities, strict=True)
            for inner, part in _parts(density)
        ]
        common_framework(*(array for _, part in flat for array in part.arrays))
        _check_tori([part for _, part in flat])
        self._parameters = {f"part_{k}": part for k, (_, part) in enumerate(flat)}
        self._options = {"factors": tuple(factor for factor, _ in flat)}

    @property
    def densities(self) -> tuple[Density, ...]:
        """The parts."""
        return tuple(self._parameters.values())

    @property
    def factors(self) -> tuple[float, ...]:
        """What the parts are multiplied with."""
        factors: tuple[float, ...] = self._options["factors"]
        return factors

    @property
    def arguments(self) -> Mapping[str, Any]:
        """Arguments with which the class makes the same object."""
        return {"densities": self.densities, "factors": self.factors}

    def __repr__(self) -> str:
        return " + ".join(
            repr(part) if factor == 1 else f"{factor:g} * {part!r}"
            for factor, part in zip(self.factors, self.densities, strict=True)
        )

    @computed
    def _masses(self) -> FloatArray:
        return np.array(
            [
                factor * part.total_mass
                for factor, part in zip(self.factors, self.densities, strict=True)
            ]
        )

    @property
    def total_mass(self) -> float:
        """The integral of the density."""
        return float(self._masses.sum())

    @computed
    def domain(self) -> FloatArray | None:
        """The convex hull of the parts' domains, or None for the whole plane."""
        if self.torus is not None:
            return self.densities[0].domain
        corners = []
        for part in self.densities:
            if part.domain is None:
                return None
            corners.append(part.domain)
        return freeze(convex_hull(np.concatenate(corners)))

    @computed
    def region(self) -> tuple[FloatArray, ...] | None:
        """The rings around the union of the parts' regions, or None for the whole plane."""
        if self.torus is not None:
            return self.densities[0].region
        borders = []
        for part in self.densities:
            if part.region is None:
                return None
            borders.append(segments_of(part.region))
        if len(borders) == 1:
            return self.densities[0].region
        return tuple(freeze(ring) for ring in overlay(borders, any))

    @property
    def torus(self) -> Torus | None:
        """The torus that the parts are on, if any."""
        return self.densities[0].torus

    def essential_box(self, tail: float) -> FloatArray:
        """Return a box around those of the parts that are not all in the tail."""
        shares = self._masses / self.total_mass
        order = np.argsort(shares, kind="stable")
        dropped = np.cumsum(shares[order]) <= tail / 2
        kept = [self.densities[k] for k in order[~dropped]]
        return _box_around([part.essential_box(tail / 2) for part in kept])

    def values_at(self, points: FloatArray, execution: Execution) -> FloatArray:
        """Return the density at points; see those of the parts."""
        values = [
            factor * part.values_at(points, execution)
            for factor, part in zip(self.factors, self.densities, strict=True)
        ]
        return np.asarray(sum(values[1:], start=values[0]))

    def draw(self, count: int, rng: np.random.Generator) -> FloatArray:
        """Return independent random points (count, 2) of the sum."""
        chosen = choose(self._masses, count, rng)
        points = np.empty((count, 2))
        for k, part in enumerate(self.densities):
            mine = np.flatnonzero(chosen == k)
            points[mine] = part.draw(len(mine), rng)
        return points

    def kernel_in(self, frame: Frame, execution: Execution) -> SumKernel:
        """Return the integrals of the density in a frame, scaled to mass one."""
        shares = (self._masses / self.total_mass).tolist()
        kernels = [part.kernel(frame, execution) for part in self.densities]
        return sum_kernel(list(zip(shares, kernels, strict=True)))

    def pull_back(
        self,
        diagram: DiagramArrays,
        frame: Frame,
        potential: CellPotential,
        execution: Execution = SERIAL,
    ) -> tuple[FloatArray, ...]:
        """Return the derivatives with respect to the parts' arrays, one after the other."""
        return tuple(
            factor * derivative
            for factor, part in zip(self.factors, self.densities, strict=True)
            if part.arrays
            for derivative in part.pull_back(diagram, frame, potential, execution)
        )

    def pull_back_in_discs(
        self,
        diagram: DiagramArrays,
        squared_radii: FloatArray,
        frame: Frame,
        potential: CellPotential,
        execution: Execution = SERIAL,
    ) -> tuple[FloatArray, ...]:
        """Return those of `pull_back` for a potential that is zero outside discs."""
        return tuple(
            factor * derivative
            for factor, part in zip(self.factors, self.densities, strict=True)
            for derivative in part.pull_back_in_discs(
                diagram, squared_radii, frame, potential, execution
            )
        )

    def derivative(self, cells: SolvedCells) -> SumDerivative:
        """Return how integrals over the cells change with the parts' arrays."""
        return SumDerivative(
            [
                (factor, len(part.arrays), part.derivative(cells))
                for factor, part in zip(self.factors, self.densities, strict=True)
            ]
        )


class SumDerivative:
    """Of a sum: that of the parts, with the number of arrays of each (see `DensityDerivative`)."""

    def __init__(self, parts: Sequence[tuple[float, int, DensityDerivative]]) -> None:
        self._parts = parts

    def push_forward(self, tangents: Tangents) -> AffineFunction:
        """Integrals of d rho over the cells."""
        first, *rest = (
            derivative.push_forward(own).scaled(factor)
            for factor, derivative, own in self._with_own(tangents)
        )
        for part in rest:
            first = first.plus(part)
        return first

    def pull_back(self, function: AffineFunction) -> Gradients:
        """Integrals of a function on the cells against d rho."""
        return tuple(
            None if gradient is None else factor * gradient
            for factor, _, derivative in self._parts
            for gradient in derivative.pull_back(function)
        )

    def curvature(self, tangents: Tangents) -> Gradients:
        """The derivative of the first derivatives at fixed cells."""
        return tuple(
            None if gradient is None else factor * gradient
            for factor, derivative, own in self._with_own(tangents)
            for gradient in derivative.curvature(own)
        )

    def _with_own(self, tangents: Tangents) -> Iterator[tuple[float, DensityDerivative, Tangents]]:
        start = 0
        for factor, count, derivative in self._parts:
            yield factor, derivative, tangents[start : start + count]
            start += count


class SumKernel:
    """``sum_k share_k * kernel_k`` for shares that sum to 1 (see `DensityKernel`)."""

    def __init__(self, parts: Sequence[tuple[float, DensityKernel]]) -> None:
        self._parts = parts

    @property
    def box(self) -> FloatArray:
        """The box around those of the parts."""
        return _box_around([kernel.box for _, kernel in self._parts])

    def masses_and_edge_weights(self, diagram: DiagramArrays) -> tuple[FloatArray, FloatArray]:
        """Cell masses, and edge integrals over twice the sites' distance."""
        masses, edge_weights = np.zeros(len(diagram.positions)), np.zeros(len(diagram.edge_sites))
        for share, kernel in self._parts:
            part = kernel.masses_and_edge_weights(diagram)
            masses += share * part[0]
            edge_weights += share * part[1]
        return masses, edge_weights

    def moments(self, diagram: DiagramArrays) -> CellMoments:
        """Moments of order 0, 1, 2 of every cell."""
        return _merged([(share, kernel.moments(diagram)) for share, kernel in self._parts])

    def edge_moments(self, diagram: DiagramArrays) -> EdgeMoments:
        """Weight, centroid and variance of every edge."""
        return _sum_of_edges(
            [(share, kernel.edge_moments(diagram)) for share, kernel in self._parts]
        )

    @cached_property
    def rounding(self) -> Rounding:
        """Roundings in the moments of a cell: those of a part, and one for every part merged."""
        parts = [(share, kernel.rounding) for share, kernel in self._parts]
        return Rounding(
            max(part.relative for _, part in parts) + 4.0 * len(parts),
            np.sum([share * part.second_moments for share, part in parts], axis=0),
        )

    def coarsened(self, box: FloatArray, count: int) -> FloatArray:
        """Masses of the boxes of a uniform grid; approximate."""
        masses = np.zeros((count, count))
        for share, kernel in self._parts:
            masses += share * kernel.coarsened(box, count)
        return masses


class DiscSumKernel(SumKernel):
    """The same of kernels that all cut discs (see `DiscKernel`)."""

    def __init__(self, parts: Sequence[tuple[float, DiscKernel]]) -> None:
        super().__init__(parts)
        self._cutting = parts

    def disc_masses(self, diagram: DiagramArrays, squared_radii: FloatArray) -> DiscMasses:
        """Masses of the cells within their discs, with the weights of edges and arcs."""
        cells, edges = np.zeros((2, len(diagram.positions))), np.zeros(len(diagram.edge_sites))
        for share, kernel in self._cutting:
            part = kernel.disc_masses(diagram, squared_radii)
            cells += share * np.stack([part.masses, part.arc_weights])
            edges += share * part.edge_weights
        return DiscMasses(cells[0], edges, cells[1])

    def disc_moments(self, diagram: DiagramArrays, squared_radii: FloatArray) -> CellMoments:
        """Moments of order 0, 1, 2 of every cell within its disc."""
        return _merged(
            [
                (share, kernel.disc_moments(diagram, squared_radii))
                for share, kernel in self._cutting
            ]
        )

    def disc_borders(self, diagram: DiagramArrays, squared_radii: FloatArray) -> DiscBorders:
        """Moments along edges and arcs of cells within their discs."""
        parts = [
            (share, kernel.disc_borders(diagram, squared_radii)) for share, kernel in self._cutting
        ]
        edges = _sum_of_edges([(share, part.edges) for share, part in parts])
        return DiscBorders(edges, _merged([(share, part.arcs) for share, part in parts]))


def sum_kernel(parts: Sequence[tuple[float, DensityKernel]]) -> SumKernel:
    """Return ``sum_k share_k * kernel_k``, which cuts discs if all parts do."""
    cutting = [(share, kernel) for share, kernel in parts if cuts_discs(kernel)]
    return DiscSumKernel(cutting) if len(cutting) == len(parts) else SumKernel(parts)


def _sum(terms: Sequence[tuple[Any, Density]]) -> SumOfDensities:
    return SumOfDensities([part for _, part in terms], [factor for factor, _ in terms])


# The arithmetic of `Density` needs a class that is itself a density.
Density.make_sum = staticmethod(_sum)


def _parts(density: Density) -> list[tuple[float, Density]]:
    if isinstance(density, SumOfDensities):
        return list(zip(density.factors, density.densities, strict=True))
    return [(1.0, density)]


def _check_tori(parts: Sequence[Density]) -> None:
    """Refuse parts of which one is periodic and others are not, or elsewhere."""
    first = parts[0]
    for part in parts[1:]:
        same = (part.torus is None) == (first.torus is None)
        if same and part.torus is not None:
            same = np.array_equal(part.box, first.box)
        if not same:
            raise ValueError(
                "densities: expected all of them periodic, on the same domain, or none, not "
                f"{first!r} and {part!r}"
            )


def _check_factor(factor: Any) -> float:
    if isinstance(factor, bool) or not isinstance(factor, numbers.Real):
        raise TypeError(
            "factor: expected a positive real number to multiply a density with, not "
            f"{factor!r}; factors are not differentiated"
        )
    if not (np.isfinite(float(factor)) and float(factor) > 0):
        raise ValueError(f"factor: expected a positive finite number, not {factor!r}")
    check_size(float(factor), "factor")
    return float(factor)


def _box_around(boxes: Sequence[FloatArray]) -> FloatArray:
    stacked = np.array(boxes)
    return np.array([stacked[:, 0].min(axis=0), stacked[:, 1].max(axis=0)])


def _sum_of_edges(parts: Sequence[tuple[float, EdgeMoments]]) -> EdgeMoments:
    share, total = parts[0]
    total = total._replace(weights=share * total.weights)
    for share, part in parts[1:]:
        total = _merged_edges(total, part._replace(weights=share * part.weights))
    return total


def _merged_edges(first: EdgeMoments, second: EdgeMoments) -> EdgeMoments:
    """Of the sum of two densities; all on one line, so the gap of centroids is along it."""
    weights = first.weights + second.weights
    with np.errstate(invalid="ignore"):
        share = np.where(weights > 0, second.weights / weights, 0.0)
    gaps = second.centroids - first.centroids
    spreads = first.spreads + share * (second.spreads - first.spreads)
    spreads += share * (1 - share) * (gaps**2).sum(axis=1)
    return EdgeMoments(weights, first.centroids + share[:, None] * gaps, spreads)


def _merged(parts: Sequence[tuple[float, CellMoments]]) -> CellMoments:
    """Moments of a mixture, by the update formulas of Chan, Golub and LeVeque (1979)."""
    share, first = parts[0]
    masses, second = share * first.masses, share * first.second_moments
    centroids = np.where(first.masses[:, None] > 0, first.centroids, 0.0)
    for share, part in parts[1:]:
        added = share * part.masses
        total = masses + added
        with np.errstate(invalid="ignore"):
            weight = np.where(total > 0, added / total, 0.0)
        gap = np.where(part.masses[:, None] > 0, part.centroids - centroids, 0.0)
        x, y = gap.T
        spread = masses * weight
        second = second + share * part.second_moments
        second += spread[:, None] * np.stack([x * x, x * y, y * y], axis=1)
        centroids = centroids + weight[:, None] * gap
        masses = total
    centroids[~(masses > 0)] = np.nan
    return CellMoments(masses, centroids, second)
