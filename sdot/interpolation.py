# SPDX-License-Identifier: GPL-3.0-or-later
"""Displacement interpolation: what lies between a density and Diracs."""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic

import numpy as np

from sdot.array_types import Array_co, Scalar_co
from sdot.cached_property import cached_property
from sdot.distributions.distribution import array_or_none
from sdot.frameworks import to_numpy
from sdot.periodic_diagrams import Torus
from sdot.power_diagram import PowerDiagram
from sdot.records import Record
from sdot.validation import FloatArray, check_points, freeze

if TYPE_CHECKING:  # it is above
    from sdot.plan import OtPlan

__all__ = ["Interpolation", "check_time"]

Rings = tuple[FloatArray, ...]


@dataclass(frozen=True, eq=False)
class Interpolation(Record, Generic[Array_co, Scalar_co]):
    """The density on its way to the sites, after a share ``t`` of it: from `OtPlan.interpolate`.

    Every point x of the density moves along a straight line, at a constant speed, to the site of
    its cell: it is at ``(1 - t) * x + t * y_i`` now. So cells keep their shapes and masses while
    they shrink, by ``1 - t``, into their sites, and their densities grow; between them there is
    nothing. This is the shortest path in Wasserstein's metric (McCann, 1997): the squared distance
    W2^2 from the density is ``t**2`` times the whole, and from the sites ``(1 - t)**2`` times.

    Attributes
    ----------
    plan : OtPlan
    t : float
        From 0, the density, to 1, the sites.

    Examples
    --------
    >>> from sdot import Box, SumOfDiracs, optimal_transport_plan
    >>> plan = optimal_transport_plan(SumOfDiracs([[0.5, 0.5]]), Box(((0, 0), (1, 1))))
    >>> halfway = plan.interpolate(0.5)
    >>> halfway.areas.tolist(), halfway.densities.tolist()
    ([0.25], [4.0])
    """

    plan: OtPlan[Array_co, Scalar_co]
    t: float

    def check_parts(self) -> None:
        """Refuse a time that is none."""
        check_time(self.t)

    @property
    def masses(self) -> Array_co:
        """The mass (n,) of each cell, which it keeps: `OtPlan.cell_masses`."""
        return self.plan.cell_masses

    @property
    def barycenters(self) -> Array_co:
        """The centroid (n, 2) of each moved cell, of the plan's framework, with its derivatives."""
        plan: Any = self.plan
        found: Array_co = (1.0 - self.t) * plan.barycenters + self.t * plan.positions
        return found

    @property
    def barycentres(self) -> Array_co:
        """The same as `barycenters`."""
        return self.barycenters

    @property
    def spreads(self) -> Array_co:
        """The second moments (n, 2, 2) about `barycenters`, as in `OtPlan.spreads`."""
        spreads: Any = self.plan.spreads
        found: Array_co = (1.0 - self.t) ** 2 * spreads
        return found

    @cached_property
    def cells(self) -> tuple[FloatArray, ...]:
        """The corners (k_i, 2) of each moved cell, as in `PowerDiagram.cells`.

        Raises
        ------
        ValueError
            If the density is one on the whole plane, whose cells are unbounded, or its region is
            not convex, or a torus: see `parts`.
        """
        cells = self.plan.power_diagram.cells
        return tuple(self._moved(i, cell) for i, cell in enumerate(cells))

    @cached_property
    def parts(self) -> tuple[Rings, ...]:
        """The rings (k, 2) around each moved cell, as in `PowerDiagram.parts`.

        On a torus a part goes to the nearest copy of its site, which may be outside of the box.

        Raises
        ------
        ValueError
            If the density is one on the whole plane, whose cells are unbounded.
        """
        parts = self.plan.power_diagram.parts
        return tuple(tuple(self._moved(i, ring) for ring in rings) for i, rings in enumerate(parts))

    @cached_property
    def areas(self) -> FloatArray:
        """The area (n,) of each moved cell."""
        return freeze((1.0 - self.t) ** 2 * self.plan.power_diagram.areas)

    @cached_property
    def densities(self) -> FloatArray:
        """The mean density (n,) over each moved cell: its mass by its area.

        NaN without a cell, where there is neither; infinite at ``t = 1``; zero in cells without a
        bound.
        """
        plan = self.plan
        masses = plan.power_diagram.moments(plan.density).masses
        with np.errstate(divide="ignore", invalid="ignore"):
            return freeze(masses / self.areas)

    def transport(self, x: Any) -> Any:
        """Return where points of the density are now: ``(1 - t) * x + t * plan.transport(x)``.

        Parameters
        ----------
        x : array_like, (..., 2)
            Points in any shape, of any framework.

        Returns
        -------
        array, (..., 2)
            As of `OtPlan.transport`.

        Examples
        --------
        >>> from sdot import Box, SumOfDiracs, optimal_transport_plan
        >>> plan = optimal_transport_plan(SumOfDiracs([[0.5, 2.0]]), Box())
        >>> plan.interpolate(0.5).transport([[0.0, 0.0], [1.0, 1.0]])
        array([[0.25, 1.  ],
               [0.75, 1.5 ]])
        """
        images = self.plan.transport(x)
        return (1.0 - self.t) * array_or_none(x) + self.t * images

    def sample(self, n: int, rng: np.random.Generator | int | None = None) -> FloatArray:
        """Return independent random points of the moved density, scaled to mass one.

        Parameters
        ----------
        n, rng
            As of `Density.sample`. From one seed the points at all times are the same ones, on
            their way.

        Returns
        -------
        numpy.ndarray, (n, 2)

        Examples
        --------
        >>> from sdot import Box, SumOfDiracs, optimal_transport_plan
        >>> plan = optimal_transport_plan(SumOfDiracs([[0.2, 0.4], [0.9, 0.4]]), Box())
        >>> plan.interpolate(1).sample(4, 0)[:, 1]
        array([0.4, 0.4, 0.4, 0.4])
        """
        points = self.plan.density.sample(n, rng)
        sites = self.plan.power_diagram.locate(points)
        images = self._positions[sites]
        if self._torus is not None:
            images = points - self._gaps(points, sites)
        return np.asarray((1.0 - self.t) * points + self.t * images)

    def evaluate(self, points: Any) -> FloatArray:
        """Return the moved density at points: its values before, divided by ``(1 - t)**2``.

        Parameters
        ----------
        points : array_like, (..., 2)
            In any shape, of any framework.

        Returns
        -------
        numpy.ndarray, (...)
            As of `Density.evaluate`; zero between the cells.

        Raises
        ------
        ValueError
            At ``t = 1``, where nothing but the sites is left.

        Notes
        -----
        The moved cells lie within those of the power diagram of the same sites for weights
        ``(1 - t) w``, which tells where a point has come from if it has come from anywhere.

        Examples
        --------
        >>> from sdot import Box, SumOfDiracs, optimal_transport_plan
        >>> plan = optimal_transport_plan(SumOfDiracs([[0.5, 0.5]]), Box())
        >>> plan.interpolate(0.5).evaluate([[0.5, 0.5], [0.9, 0.5]])
        array([4., 0.])
        """
        points = check_points(points)
        if self.t == 1.0:
            raise ValueError("t: expected less than 1, where only the sites are left; use masses")
        sites = self._places.locate(points)
        sources, is_source = self._sources(points, sites)
        # Close to an edge the other diagram's rounding may have told the wrong one of two cells.
        there = self.plan.power_diagram.locate(sources)
        other, is_other = self._sources(points, there)
        sources = np.where(is_source[..., None], sources, other)
        if self._torus is not None:
            sources = self._torus.wrap(sources)
        values = self.plan.density.evaluate(sources) / (1.0 - self.t) ** 2
        return np.where(is_source | is_other, values, 0.0)

    def _sources(self, points: FloatArray, sites: Any) -> tuple[FloatArray, Any]:
        """Where points come from if they go to these sites, and whether they do."""
        gaps = self._gaps(points, sites)
        sources = points + (self.t / (1.0 - self.t)) * gaps
        are_there = self.plan.power_diagram.locate(sources) == sites
        if self._torus is not None:  # a cell reaches half a period far, and no further
            are_there &= (np.abs(gaps) <= 0.5 * (1.0 - self.t) * self._torus.period).all(axis=-1)
        return sources, are_there

    def _gaps(self, points: FloatArray, sites: Any) -> FloatArray:
        """From the sites, on a torus from their nearest copies, to points."""
        gaps = points - self._positions[sites]
        return gaps if self._torus is None else self._torus.nearest(gaps)

    @property
    def _torus(self) -> Torus | None:
        return self.plan.power_diagram.torus

    @property
    def _positions(self) -> FloatArray:
        return self.plan.power_diagram.positions

    @cached_property
    def _places(self) -> PowerDiagram:
        """Around each of the moved cells."""
        diagram = self.plan.power_diagram
        domain = None if self._torus is None else self._torus.box
        weights = (1.0 - self.t) * diagram.weights
        return PowerDiagram(diagram.positions, weights, domain, diagram.period)

    def _moved(self, site: int, corners: FloatArray) -> FloatArray:
        image = self._positions[site]
        if self._torus is not None and len(corners):
            middle = corners.mean(axis=0)
            image = middle - self._gaps(middle, site)
        return freeze((1.0 - self.t) * corners + self.t * image)

    def __repr__(self) -> str:
        return f"Interpolation(t={self.t:g} of {self.plan!r})"


def check_time(t: Any) -> float:
    """Return a number from 0 to 1."""
    if isinstance(t, bool) or not isinstance(t, numbers.Real):
        values = None if isinstance(t, bool | str) or t is None else to_numpy(t)
        if values is None or values.ndim != 0 or values.dtype.kind not in "fiu":
            raise TypeError(f"t: expected a number from 0 to 1, not {t!r}")
        t = values
    if not (math.isfinite(float(t)) and 0 <= float(t) <= 1):
        raise ValueError(f"t: expected a number from 0, the density, to 1, the sites, not {t!r}")
    return float(t)
