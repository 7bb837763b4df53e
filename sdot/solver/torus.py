# SPDX-License-Identifier: GPL-3.0-or-later
"""A transport problem on a torus.

The coordinates are those of the density's domain, both axes in units of its longer side, for sites
and density alike: products ``x . y`` do not decide here. Sites are taken modulo the period, and the
barycentre of a cell is as seen from its site.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy

from sdot.cgal_wrap.diagram.power_diagram import hilbert_order
from sdot.diagrams import DiagramArrays
from sdot.distributions.density import CellMoments, CellPotential, Density, Frame
from sdot.execution import SERIAL, Execution
from sdot.periodic_diagrams import PeriodicDiagram, Torus
from sdot.records import check_part
from sdot.solver.budget import Budget
from sdot.solver.normalisation import CarriedCells, Normalisation, distinct_sites
from sdot.solver.problem import Shares, TransportProblem, builder_of
from sdot.validation import FloatArray

__all__ = ["TorusNormalisation", "normalise_on_torus"]

# Places of sites in other periods are known to so many units in the last place of theirs.
_SAME_PLACE = 4.0


@dataclass(frozen=True, eq=False)
class TorusNormalisation(Normalisation):
    """How a problem in the coordinates of the domain came from the caller's."""

    torus: Torus  # in the caller's coordinates
    sites: FloatArray  # (n, 2): the caller's, modulo the period, in the frame

    def check_parts(self) -> None:
        """Refuse sites that are not those of the positions."""
        check_part(self.sites, "sites", (len(self.positions), 2))

    @property
    def torus_of_caller(self) -> Torus:
        """The torus of the density."""
        return self.torus

    @property
    def torus_in_frame(self) -> Torus:
        """The torus in the coordinates of the problem."""
        return Torus(np.zeros(2), self.torus.period / self.frame.scale)

    def normalised_sites(self, positions: FloatArray) -> FloatArray:
        """Sites (k, 2) in the coordinates of the problem, modulo the period."""
        return self.frame.apply(self.torus.wrap(positions))

    def potentials_of(self, positions: FloatArray, weights: FloatArray) -> FloatArray:
        """The caller's weights of any sites (k, 2) from those of the problem."""
        return np.asarray(weights / self.site_scale)

    def cell_potential(self, potentials: FloatArray, diagram: DiagramArrays) -> CellPotential:
        """The potential on the cells of the normalised sites, from those of the caller's sites."""
        sites = diagram.positions
        constants = np.empty(len(sites))
        constants[self.site_of] = potentials
        return CellPotential(self.frame.scale**2, sites, np.zeros_like(sites), constants)

    def cells(self, moments: CellMoments) -> CarriedCells:
        """The cells of the caller's sites; centroids are as far from the site as their mass is."""
        gaps = self.frame.scale * (self.sites - moments.centroids[self.site_of])
        return super().cells(moments)._replace(centroids=self.positions - gaps, gaps=gaps)

    def potential_ranges(self, diagram: DiagramArrays) -> tuple[float, float]:
        """How far potentials may still be from the best ones, and the size of what they are of.

        Costs on the torus are at most the square of half a diagonal D. Every optimal cell has a
        point, where its site is the nearest up to the best potentials w*: so these differ by at
        most D**2, and those of the diagram by what they do.
        """
        assert isinstance(diagram, PeriodicDiagram)
        period = self.torus.period / self.frame.scale
        greatest = 0.25 * float((period**2).sum()) + float(np.ptp(diagram.weights))
        furthest = np.abs(diagram.copies.positions).max(axis=0)
        size = (furthest * (furthest + 2.0 * period)).sum() + np.abs(diagram.weights).max()
        return greatest / self.site_scale, float(size) / self.site_scale


def normalise_on_torus(
    positions: FloatArray,
    masses: FloatArray,
    density: Density,
    budget: Budget | None = None,
    execution: Execution = SERIAL,
) -> tuple[TransportProblem, TorusNormalisation]:
    """Take sites modulo the period, merge coincident ones, sort along a Hilbert curve."""
    torus = density.torus
    assert torus is not None
    budget = Budget() if budget is None else budget
    scale = np.full(2, torus.period.max())
    frame = Frame(torus.low, scale)
    sites = frame.apply(_places(positions, torus))
    distinct, site_of = distinct_sites(sites)
    order = hilbert_order(distinct)
    rank = np.empty(len(order), dtype=np.intp)
    rank[order] = np.arange(len(order))
    site_of = rank[site_of]
    merged = np.bincount(site_of, weights=masses, minlength=len(order))
    share = masses / merged[site_of]
    sorted_sites = np.ascontiguousarray(distinct[order])
    kernel = density.kernel(frame, execution)
    low, high = kernel.box
    in_frame = Torus(low, high - low)
    problem = TransportProblem(
        sorted_sites,
        merged / merged.sum(),
        kernel,
        builder_of(sorted_sites, in_frame, budget, execution),
        budget,
        execution,
        shares=Shares(masses, site_of, share),
        torus=in_frame,
    )
    normalisation = TorusNormalisation(
        positions,
        torus.box,
        frame,
        frame.origin,
        float(1.0 / scale[0] ** 2),
        site_of,
        share,
        torus,
        sites,
    )
    return problem, normalisation


def _places(positions: FloatArray, torus: Torus) -> FloatArray:
    """The sites modulo the period (n, 2); those that rounding alone has parted are at one place.

    In another period a place is known to the rounding of a greater number, so that y and y plus a
    period need not be the same any more. Sites in the domain stay where they are.
    """
    places, turns = torus.wrapped(positions)
    is_moved = (turns != 0).any(axis=1)
    if not is_moved.any():
        return places
    near = _SAME_PLACE * float(np.spacing(np.abs(positions).max() + torus.period.max()))
    inside = np.minimum(np.maximum(places - torus.low, 0.0), np.nextafter(torus.period, 0))
    pairs = scipy.spatial.cKDTree(inside, boxsize=torus.period).query_pairs(
        near, output_type="ndarray"
    )
    pairs = pairs[is_moved[pairs].any(axis=1)]
    if not len(pairs):
        return places
    return places[_first_of_groups(pairs, is_moved)]


def _first_of_groups(
    pairs: npt.NDArray[np.intp], is_moved: npt.NDArray[np.bool_]
) -> npt.NDArray[np.intp]:
    """For every site (n,) the first one that pairs join it to, if possible one in the domain."""
    count = len(is_moved)
    graph = scipy.sparse.coo_array((np.ones(len(pairs)), pairs.T), shape=(count, count))
    _, group_of = scipy.sparse.csgraph.connected_components(graph, directed=False)
    order = np.lexsort([is_moved, group_of])
    _, first = np.unique(group_of[order], return_index=True)
    return np.asarray(order[first][group_of])
