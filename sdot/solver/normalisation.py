# SPDX-License-Identifier: GPL-3.0-or-later
"""From the caller's coordinates to well-scaled ones, and back.

Only the products ``x . y_i`` matter for the optimal partition (math page, "normalise before
solving"): it does not change when the density is mapped by ``x -> (x - o) / a``, axis by axis,
and the sites by ``y -> t a (y - c)``. So sites far away, in a tiny cluster, or on a domain far
from the origin are solved as if they lay around the unit square, in full precision.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sdot.cgal_wrap.diagram.power_diagram import hilbert_order
from sdot.diagrams import DiagramArrays
from sdot.distributions.density import CellMoments, CellPotential, Density, Frame, Rounding
from sdot.execution import SERIAL, Execution
from sdot.periodic_diagrams import Torus
from sdot.records import Record
from sdot.solver.budget import Budget
from sdot.solver.problem import Shares, TransportProblem, builder_of
from sdot.validation import FloatArray

__all__ = ["CarriedCells", "Normalisation", "distinct_sites", "normalise"]

# Sites this many times larger, smaller or further away than the density are moved to it.
_WELL_SCALED = 4.0
# Sides of sites and density may differ this much in aspect before the axes are balanced.
_WELL_SHAPED = 8.0
# So far from the frame's origin, in units of its scale, are sites that need not be moved.
_NEAR = 2 * _WELL_SCALED
# The size of a density is that of a box with all but this share of its mass.
_TAIL = 1e-3


class CarriedCells(NamedTuple):
    """Cells in the caller's units."""

    masses: FloatArray  # (n,), shares of the whole
    centroids: FloatArray  # (n, 2)
    offsets: FloatArray  # (n, 2): the sites from the frame's origin
    gaps: FloatArray  # (n, 2): from centroids to sites, to more digits than their difference
    spreads: FloatArray  # (n,): integrals of |x - centroid|**2


@dataclass(frozen=True, eq=False)
class Normalisation(Record):
    """How a problem in well-scaled coordinates came from the caller's."""

    positions: FloatArray  # the caller's (n, 2)
    met_box: FloatArray  # every optimal cell meets it
    frame: Frame
    site_centre: FloatArray
    site_scale: float
    site_of: npt.NDArray[np.intp]  # (n,): which normalised site a caller's site became
    share: FloatArray  # (n,): its share of that site's mass

    @property
    def torus_of_caller(self) -> Torus | None:
        """The torus of the density, if it is periodic."""
        return None

    @property
    def torus_in_frame(self) -> Torus | None:
        """The same in the coordinates of the problem."""
        return None

    def normalised_sites(self, positions: FloatArray) -> FloatArray:
        """Sites (k, 2) in the well-scaled coordinates."""
        return (positions - self.site_centre) * (self.site_scale * self.frame.scale)

    def potentials(self, weights: FloatArray) -> FloatArray:
        """The caller's weights (n,), up to a constant, from those of the normalised sites."""
        return self.potentials_of(self.positions, weights[self.site_of])

    def potentials_of(self, positions: FloatArray, weights: FloatArray) -> FloatArray:
        """The caller's weights of any sites (k, 2), up to the same constant, from normalised ones.

        From ``x . y - psi`` with ``psi = (|y|**2 - w) / 2`` on both sides, up to a constant

            W = w / t + |y - o|**2 - t |a (y - c)|**2.

        Of the squares only the differences from those of the first site are formed, axis by axis:
        the constant is by far the greatest term where sites and density are far from each other,
        or where all sites have nearly the same place on an axis.
        """
        a, t = self.frame.scale, self.site_scale
        first = self.positions[0]
        sums = (positions - self.frame.origin) + (first - self.frame.origin)
        centred = (positions - self.site_centre) + (first - self.site_centre)
        squares = (positions - first) * (sums - t * a * a * centred)
        result: FloatArray = weights / t + squares.sum(axis=1)
        return result

    def normalised_weights(self, potentials: FloatArray) -> FloatArray:
        """The inverse of `potentials`, one weight per normalised site."""
        count = int(self.site_of.max()) + 1
        weights = np.empty(count)
        zero = self.potentials(np.zeros(count))
        weights[self.site_of] = (potentials - zero) * self.site_scale
        return weights

    def cell_potential(self, potentials: FloatArray, diagram: DiagramArrays) -> CellPotential:
        """The potential on the cells of the normalised sites, from those of the caller's sites.

        In coordinates u of the frame, for sites z and weights w of the diagram, it is up to a
        constant

            |x - y|**2 - W = |a u|**2 - 2 a u . (c - o) - (2 u . z - |z|**2 + w) / t,

        which is how it is formed where the sites are far from the density.
        """
        a, t = self.frame.scale, self.site_scale
        representative = np.empty(len(diagram.positions), dtype=np.intp)
        representative[self.site_of] = np.arange(len(self.site_of))
        sites = self.frame.apply(self.positions[representative])
        if np.abs(sites).max() <= _NEAR:
            return CellPotential(a**2, sites, np.zeros_like(sites), potentials[representative])
        away = a * (self.site_centre - self.frame.origin)
        slopes = -2.0 * (away + diagram.positions / t)
        constants = (diagram.weights - (diagram.positions**2).sum(axis=1)) / t
        first = representative[0]
        distance = np.square(self.positions[first] - self.frame.origin).sum()
        common = potentials[first] - distance - constants[0]
        return CellPotential(a**2, np.zeros_like(sites), slopes, constants, float(common))

    def cells(self, moments: CellMoments) -> CarriedCells:
        """The cells of the caller's sites, from the moments of those of the normalised ones."""
        a, offsets = self.frame.scale, self.positions - self.frame.origin
        masses = moments.masses[self.site_of] * self.share
        from_origin = a * moments.centroids[self.site_of]
        spreads = (
            a[0] ** 2 * moments.second_moments[:, 0] + a[1] ** 2 * moments.second_moments[:, 2]
        )
        return CarriedCells(
            masses,
            self.frame.origin + from_origin,
            offsets,
            offsets - from_origin,
            spreads[self.site_of] * self.share,
        )

    def potential_ranges(self, diagram: DiagramArrays) -> tuple[float, float]:
        """How far potentials may still be from the best ones, and the size of what they are of.

        The first is the greatest difference over x in `met_box` of ``|x - y_i|**2 - w_i`` for two
        sites, at a corner of it. In the normalised coordinates u of x and z of the sites this is,
        up to what all sites have in common, ``(|z|**2 - w - 2 u . z) / t``: no digits are lost,
        wherever the sites are.
        """
        box, sites = self.frame.apply(self.met_box), diagram.positions
        first, second = sites.T.copy()
        constants = first * first + second * second - diagram.weights
        along = [constants - 2.0 * x * first for x in box[:, 0]]
        greatest = max(float(np.ptp(part - 2.0 * y * second)) for part in along for y in box[:, 1])
        furthest, reach = np.abs(sites).max(axis=0), np.abs(box).max(axis=0)
        size = (furthest * (furthest + 2.0 * reach)).sum() + np.abs(diagram.weights).max()
        return greatest / self.site_scale, float(size) / self.site_scale

    def rounding(self, rounding: Rounding) -> Rounding:
        """That of moments in the frame, in the caller's units."""
        return rounding._replace(second_moments=rounding.second_moments * self.frame.scale**2)


def normalise(
    positions: FloatArray,
    masses: FloatArray,
    density: Density,
    budget: Budget | None = None,
    execution: Execution = SERIAL,
) -> tuple[TransportProblem, Normalisation]:
    """Merge coincident sites, choose well-scaled coordinates, sort along a Hilbert curve."""
    budget = Budget() if budget is None else budget
    core = density.essential_box(_TAIL)
    low, high = positions.min(axis=0), positions.max(axis=0)
    frame = _choose_frame(high - low, core)
    centre, scale = _choose_site_map(low, high, frame, core)
    sites = (positions - centre) * (scale * frame.scale)
    distinct, site_of = distinct_sites(sites)
    order = hilbert_order(distinct)
    rank = np.empty(len(order), dtype=np.intp)
    rank[order] = np.arange(len(order))
    site_of = rank[site_of]
    merged = np.bincount(site_of, weights=masses, minlength=len(order))
    share = masses / merged[site_of]
    targets = merged / merged.sum()
    sorted_sites = np.ascontiguousarray(distinct[order])
    problem = TransportProblem(
        sorted_sites,
        targets,
        density.kernel(frame, execution),
        builder_of(sorted_sites, None, budget, execution),
        budget,
        execution,
        shares=Shares(masses, site_of, share),
    )
    # Less than the mass of any site lies outside of it.
    met_box = density.essential_box(0.5 * float(targets.min()))
    normalisation = Normalisation(positions, met_box, frame, centre, scale, site_of, share)
    return problem, normalisation


def _choose_frame(spread: FloatArray, box: FloatArray) -> Frame:
    sides = box[1] - box[0]
    width, height = sides.tolist()
    along_x, along_y = spread.tolist()
    if along_x > 0 and along_y > 0:
        ratios = width / along_x, height / along_y
        if max(ratios) > _WELL_SHAPED * min(ratios):
            roots = np.sqrt(ratios)
            return Frame(box[0], roots * (sides / roots).max())
    elif max(width, height) > _WELL_SHAPED * min(width, height):
        return Frame(box[0], sides)  # an axis without spread goes with any scale
    return Frame(box[0], np.full(2, max(width, height)))


def _choose_site_map(
    low: FloatArray, high: FloatArray, frame: Frame, box: FloatArray
) -> tuple[FloatArray, float]:
    """Centre c and scale t of ``y -> t a (y - c)`` for sites between two corners."""
    first, second = frame.scale.tolist()
    if first == second:
        offset = max(map(abs, (low + high - box[0] - box[1]).tolist())) / 2 / first
        size = max((high - low).tolist()) / first
        if offset <= _WELL_SCALED and 1 / _WELL_SCALED <= size <= _WELL_SCALED:
            return frame.origin, 1.0 / (first * first)
    sides = (box[1] - box[0]) / frame.scale
    size = float(((high - low) * frame.scale).max())
    t = 1.0 / size if size > 0 else float(1.0 / frame.scale.max() ** 2)
    return (low + high) / 2 - sides / 2 / (t * frame.scale), t


def distinct_sites(sites: FloatArray) -> tuple[FloatArray, npt.NDArray[np.intp]]:
    """Distinct sites, and the index of each site among them."""
    sorted_x = np.sort(sites[:, 0])
    if (sorted_x[1:] != sorted_x[:-1]).all():  # by far the quickest way to see there are none
        return sites, np.arange(len(sites))
    distinct, index = np.unique(sites, axis=0, return_inverse=True)
    return distinct, index.reshape(-1)
