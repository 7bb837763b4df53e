# SPDX-License-Identifier: GPL-3.0-or-later
"""A density in pieces, each of which a point at its barycentre stands for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sdot.diagrams import DiagramArrays
from sdot.distributions.density import CellMoments, Density, Frame
from sdot.execution import Execution
from sdot.quantisation.descent import descend
from sdot.quantisation.energies import FreeMasses, isotropic_frame
from sdot.quantisation.starts import equal_sites
from sdot.validation import FloatArray

__all__ = ["Partition", "Whole", "partition_at", "partition_of", "whole"]

# Steps from a start of about equal masses: more make pieces rounder by a few percent only.
_STEPS = 4
_ROUND = 5e-2


@dataclass(frozen=True, eq=False)
class Partition:
    """A density over Voronoi cells.

    Attributes
    ----------
    diagram, frame : the cells, of m sites, in the coordinates of a frame.
    filled : which of them have mass (n,).
    masses, barycenters : theirs (n,), (n, 2).
    centres : the barycentres in the frame (m, 2); of cells without mass their sites.
    spread : the integral of ``|x - barycenter|**2``, what it costs to gather the pieces.
    """

    diagram: DiagramArrays
    frame: Frame
    filled: np.ndarray
    masses: FloatArray
    barycenters: FloatArray
    centres: FloatArray
    spread: float


def partition_of(density: Density, count: int, seed: int, execution: Execution) -> Partition:
    """Return a good partition into at most so many pieces, the same for the same seed."""
    start = equal_sites(density, count, np.random.default_rng(seed))
    energy = FreeMasses(density, execution)
    found = descend(energy, start, tol=_ROUND, max_iterations=_STEPS)
    return partition_at(density, found.last.positions, execution)


def partition_at(density: Density, sites: FloatArray, execution: Execution) -> Partition:
    """Return the partition by the Voronoi cells of sites (m, 2)."""
    frame = isotropic_frame(density)
    placed = frame.apply(sites)
    diagram = DiagramArrays.build(placed, np.zeros(len(placed)), execution)
    found = density.kernel(frame, execution).moments(diagram)
    filled = np.flatnonzero(found.masses > 0)
    mass, scale = density.total_mass, float(frame.scale[0])
    centres = np.where((found.masses > 0)[:, None], found.centroids, placed)
    return Partition(
        diagram,
        frame,
        filled,
        mass * found.masses[filled],
        frame.origin + scale * centres[filled],
        centres,
        mass * scale**2 * float(found.second_moments[:, [0, 2]].sum()),
    )


@dataclass(frozen=True, eq=False)
class Whole:
    """A density as a whole: its mass, mean, and covariance (2, 2) times the mass."""

    mass: float
    mean: FloatArray
    second_moments: FloatArray


def whole(density: Density, execution: Execution) -> Whole:
    """Return the moments over the plane."""
    frame = isotropic_frame(density)
    diagram = DiagramArrays.build(np.array([[0.5, 0.5]]), np.zeros(1), execution)
    found: CellMoments = density.kernel(frame, execution).moments(diagram)
    mass, scale = density.total_mass, float(frame.scale[0])
    xx, xy, yy = mass * scale**2 * found.second_moments[0]
    mean = frame.origin + scale * found.centroids[0]
    return Whole(mass, mean, np.array([[xx, xy], [xy, yy]]))
