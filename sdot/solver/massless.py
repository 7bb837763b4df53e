# SPDX-License-Identifier: GPL-3.0-or-later
"""Sites without mass: they have no cell, but a potential and a place where it would appear.

The cell of a site y of weight w is where ``|x - y|**2 - w <= phi(x)``, phi the potential on the
density's side that the other sites make. So it has mass only for w above

    min over x of |x - y|**2 - phi(x) = min over x of max over j of |x - y|**2 - |x - y_j|**2 + w_j,

the potential of the site: the derivative of W2^2 with respect to a mass m, at m = 0 from above, is
this weight (up to the constant that all potentials share). The function is convex, and affine on
each cell, so on a convex domain it is least at a corner of a cell cut to the domain. A first bit of
mass is carried from there: it is the limit of the cell's barycentre.

The domain is convex, around all of the density. Where it is zero on a part of it and the least
value is taken there, the potential is still a weight of an empty cell, but not the greatest.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sdot.distributions.density import Density
from sdot.periodic_diagrams import Torus
from sdot.solver.solution import IndexArray, Solution
from sdot.validation import FloatArray, box_corners, freeze

__all__ = ["with_massless_sites"]

_MOST_ENTRIES = 1_000_000  # of a table of sites and corners


def with_massless_sites(
    solution: Solution, positions: FloatArray, heavy: IndexArray, density: Density
) -> Solution:
    """Return the solution for the sites with mass as one for all positions (n, 2).

    ``heavy`` are the indices of the former. O(corners of cells) for each of the latter.
    """
    count = len(positions)
    massless = np.setdiff1d(np.arange(count), heavy)
    places, potentials = _first_places(solution, positions[massless], density)

    def filled(values: FloatArray, others: FloatArray | float) -> FloatArray:
        result = np.empty((count, *values.shape[1:]))
        result[heavy], result[massless] = values, others
        return freeze(result)

    return replace(
        solution,
        positions=freeze(positions.copy()),
        masses=filled(solution.masses, 0.0),
        barycenters=filled(solution.barycenters, places),
        gaps=filled(solution.gaps, positions[massless] - places),
        cell_masses=filled(solution.cell_masses, 0.0),
        spreads=filled(solution.spreads, 0.0),
        potentials=filled(solution.potentials, potentials),
        heavy=freeze(heavy),
    )


def _first_places(
    solution: Solution, sites: FloatArray, density: Density
) -> tuple[FloatArray, FloatArray]:
    """Where a cell of each site (k, 2) would appear (k, 2), and its potential (k,).

    In the normalised coordinates, where no digits are lost wherever the sites are.
    """
    normalisation = solution.normalisation
    torus = normalisation.torus_in_frame
    corners, values = _corners(solution, density)
    normalised = normalisation.normalised_sites(sites)
    places, weights = np.empty_like(sites), np.empty(len(sites))
    chunk = max(1, _MOST_ENTRIES // len(corners))
    for start in range(0, len(sites), chunk):
        part = slice(start, start + chunk)
        heights = _heights(normalised[part, None], corners, torus) - values
        least = heights.argmin(axis=1)
        places[part] = corners[least]
        weights[part] = heights[np.arange(len(least)), least]
    known = normalisation.potentials(solution.diagram.weights)[0]
    potentials = normalisation.potentials_of(sites, weights) + (solution.potentials[0] - known)
    if torus is not None:  # as seen from the sites
        gaps = torus.nearest(places - normalised)
        return sites + gaps * normalisation.frame.scale, potentials
    return normalisation.frame.origin + places * normalisation.frame.scale, potentials


def _corners(solution: Solution, density: Density) -> tuple[FloatArray, FloatArray]:
    """Corners (p, 2) of the cells within the domain, and the least height of a site there (p,)."""
    frame, diagram = solution.normalisation.frame, solution.diagram
    domain = box_corners(density.essential_box(0)) if density.domain is None else density.domain
    points, offsets = diagram.polygons(frame.apply(domain), solution.execution)
    cell = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    cell = diagram.sites_of_pieces(cell)
    torus = solution.normalisation.torus_in_frame
    return points, _heights(diagram.positions[cell], points, torus) - diagram.weights[cell]


def _heights(sites: FloatArray, points: FloatArray, torus: Torus | None) -> FloatArray:
    """``|z|**2 - 2 u . z``: the squared distance, up to what is the same for all sites z.

    On a torus that distance itself.
    """
    if torus is not None:
        gaps = torus.nearest(points - sites)
        return np.asarray(gaps[..., 0] ** 2 + gaps[..., 1] ** 2)
    terms = sites * (sites - 2.0 * points)
    return np.asarray(terms[..., 0] + terms[..., 1])
