# SPDX-License-Identifier: GPL-3.0-or-later
"""Sites to start from: random points of a density, averaged in small groups of neighbours.

Random points clump and leave gaps, with cells of a mass from next to nothing to many times the
mean. Of many more of them, in the order of a Hilbert curve, groups of neighbours have nearly the
same mass each, and lie within a square or two: their means have a third of the energy, at the cost
of sorting them.

Best of all is a solution with a quarter of the sites. Where they are best they lie on hexagons, and
with the midpoints between neighbours they are hexagons again, of half the size.
"""

from __future__ import annotations

import math

import numpy as np

from sdot.cgal_wrap.diagram.power_diagram import hilbert_order
from sdot.distributions.density import Density
from sdot.distributions.sampling import choose
from sdot.execution import Execution
from sdot.periodic_diagrams import torus_of
from sdot.quantisation.descent import descend
from sdot.quantisation.energies import FixedMasses, isotropic_frame, voronoi_diagram
from sdot.validation import FloatArray

__all__ = ["equal_sites", "free_sites", "refined_sites"]

_GROUP = 8  # points for one site
# How well a quarter of the sites is solved for, and how many more of them there are for each on the
# border, which has fewer neighbours.
_COARSE_TOLERANCE, _MOST_STEPS = 2e-2, 50
_BORDER = 0.6


def equal_sites(density: Density, count: int, rng: np.random.Generator) -> FloatArray:
    """Return sites (count, 2) with about the same mass around each."""
    points = _sorted_points(density, count, rng)
    return np.asarray(points.reshape(count, -1, 2).mean(axis=1))


def free_sites(
    density: Density, count: int, rng: np.random.Generator, execution: Execution
) -> FloatArray:
    """Return sites (count, 2), as dense as the best ones whose masses are free.

    That is in proportion to the square root of the density (Zador), so every point of it counts as
    one over that.
    """
    points = _sorted_points(density, count, rng)
    heights = density.values_at(points, execution)
    counts = np.sqrt(1.0 / np.maximum(heights, 1e-300 + 1e-12 * heights.max()))
    ends = np.cumsum(counts)
    group = np.minimum(((ends - 0.5 * counts) * (count / ends[-1])).astype(np.intp), count - 1)
    sizes = np.bincount(group, minlength=count)
    sums = np.stack([np.bincount(group, points[:, k], count) for k in range(2)], axis=1)
    alone = sizes == 0
    sites = sums / np.maximum(sizes, 1)[:, None]
    sites[alone] = points[choose(counts, int(alone.sum()), rng)]
    return np.asarray(sites)


def refined_sites(
    density: Density, count: int, rng: np.random.Generator, execution: Execution
) -> FloatArray:
    """Return sites (count, 2) between those of a solution with a quarter as many equal masses.

    Raises
    ------
    ConvergenceError
        If their cells are not found.
    """
    coarse = min(count, math.ceil(count / 4 + _BORDER * math.sqrt(count)))
    energy = FixedMasses(density, np.ones(coarse), execution)
    found = descend(
        energy,
        equal_sites(density, coarse, rng),
        tol=_COARSE_TOLERANCE,
        max_iterations=_MOST_STEPS,
    )
    sites = found.last.positions
    between = _midpoints(density, sites, execution)[: count - coarse]
    rest = density.draw(count - coarse - len(between), rng)
    return np.concatenate([sites, between, rest])


def _midpoints(density: Density, sites: FloatArray, execution: Execution) -> FloatArray:
    """Return the midpoints between neighbours, those with the most mass between them first."""
    frame, torus = isotropic_frame(density), density.torus
    kernel, places = density.kernel(frame, execution), sites
    if torus is not None:
        places, torus = torus.wrap(sites), torus_of(kernel.box)
    diagram = voronoi_diagram(frame.apply(places), torus, execution)
    _, weights = kernel.masses_and_edge_weights(diagram)
    order = np.argsort(-weights, kind="stable")
    first, second = diagram.edge_sites[order[weights[order] > 0]].T
    if density.torus is not None:
        return np.asarray(sites[first] + 0.5 * density.torus.nearest(sites[second] - sites[first]))
    return np.asarray(0.5 * (sites[first] + sites[second]))


def _sorted_points(density: Density, count: int, rng: np.random.Generator) -> FloatArray:
    points = density.draw(_GROUP * count, rng)
    return np.asarray(points[hilbert_order(points)])
