# SPDX-License-Identifier: GPL-3.0-or-later
"""Derivatives of the bounds on W2^2 between two densities (`quantisation/density_bounds.py`).

With the cells of the partition of f where they are, the masses m_i and barycentres b_i move with f.
By the envelope theorem W2^2(mu, g) changes with them by sum_i 2 m_i (b_i - z_i) . db_i + w_i dm_i,
z_i the barycentre of what of g goes to b_i. Together with the change of D, all terms in db_i, and
those in b_i^2, add up to one integral:

    d upper = integral of Phi df + integral of phi dg,
    Phi(x) = |x - z_i|^2 - (|z_i - b_i|^2 - w_i) on cell i,

which is discontinuous from cell to cell: |x - z_0|^2, the same on all of them, and a function that
is affine on each.

The lower bound is the integral of psi f + phi g. With the potentials as they are, which remain a
lower bound for all densities on the same domain, its change is that of psi df + phi dg.
"""

from __future__ import annotations

import numpy as np

from sdot.diagrams import DiagramArrays
from sdot.distributions.density import CellPotential, Frame, SolvedCells
from sdot.distributions.density_derivatives import AffineFunction
from sdot.errors import NotDifferentiableError
from sdot.quantisation.density_bounds import GluedBounds
from sdot.validation import FloatArray

__all__ = ["lower_gradients", "upper_gradients"]


def upper_gradients(bounds: GluedBounds) -> list[FloatArray]:
    """Return the gradients by ``(*first.arrays, *second.arrays)``, at fixed cells of the first."""
    return [*_of_partition(bounds), *_of_second(bounds)]


def lower_gradients(bounds: GluedBounds) -> list[FloatArray]:
    """Return the gradients at fixed potentials; NaN if the bound does not come from any."""
    arrays = (*bounds.first.arrays, *bounds.second.arrays)
    if not bounds.is_dual:
        return [np.full(np.shape(array), np.nan) for array in arrays]
    return [*_of_transform(bounds), *_of_second(bounds)]


def _of_second(bounds: GluedBounds) -> tuple[FloatArray, ...]:
    """Integrals of phi against changes of g."""
    if not bounds.second.arrays:
        return ()
    solution = bounds.solution
    frame = solution.normalisation.frame
    potential = _tilted(solution.cell_potential, frame, bounds.shift, bounds.wholes[1].mean)
    return bounds.second.pull_back(solution.diagram, frame, potential, bounds.execution)


def _of_transform(bounds: GluedBounds) -> tuple[FloatArray, ...]:
    """Integrals of psi against changes of f."""
    if not bounds.first.arrays:
        return ()
    diagram, frame, potential = bounds.transform
    potential = _tilted(potential, frame, -bounds.shift, bounds.wholes[0].mean)
    return bounds.first.pull_back(diagram, frame, potential, bounds.execution)


def _tilted(
    potential: CellPotential, frame: Frame, shift: FloatArray, mean: FloatArray
) -> CellPotential:
    """The potential plus ``2 s . (x - mean)``.

    With s the means' difference, ``|x - z|^2 = |x + s - z|^2 + 2 s . (z - x) - |s|^2``: that joins
    to a potential what has been split off.
    """
    away = frame.origin + frame.scale * potential.sites - mean
    return potential._replace(
        slopes=potential.slopes + 2.0 * frame.scale * shift,
        constants=potential.constants - 2.0 * (away * shift).sum(axis=1),
    )


def _of_partition(bounds: GluedBounds) -> list[FloatArray]:
    """Integrals of Phi against changes of f, up to a constant.

    With c the mean of f, s the difference of the means, and y_i = b_i + s the sites of the plan, of
    weights w_i, Phi is |x - c|^2 plus, on cell i,

        w_i - |b_i - c|^2 - 2 s . (b_i - c) + 2 (c - z_i) . (x - b_i).
    """
    first, partition, solution = bounds.first, bounds.partition, bounds.solution
    if not first.arrays:
        return []
    frame, filled = partition.frame, partition.filled
    centre, metric = bounds.wholes[0].mean, frame.scale**2
    away = partition.barycenters - centre
    values, slopes = np.zeros(len(partition.centres)), np.zeros((len(partition.centres), 2))
    along = (away * (away + 2.0 * bounds.shift)).sum(axis=1)
    values[filled] = solution.potentials - along
    slopes[filled] = 2.0 * frame.scale * (solution.gaps - bounds.shift - away)
    middle = frame.apply(centre)[None]
    common = CellPotential(metric, middle, np.zeros((1, 2)), np.zeros(1))
    everywhere = DiagramArrays.build(middle, np.zeros(1), bounds.execution)
    round_part = first.pull_back(everywhere, frame, common, bounds.execution)
    nothing = np.zeros(len(partition.centres))
    cells = SolvedCells(
        partition.diagram,
        frame,
        CellPotential(metric, partition.centres, 0.0 * partition.centres, nothing),
        partition.centres,
        bounds.execution,
    )
    affine_part = first.derivative(cells).pull_back(AffineFunction(values, slopes))
    return [_sum(one, other) for one, other in zip(round_part, affine_part, strict=True)]


def _sum(one: FloatArray, other: FloatArray | None) -> FloatArray:
    if other is None:
        raise NotDifferentiableError(
            "distance_bounds: the upper bound cannot be differentiated in the domain of the "
            "density that is quantised; quantise the other one"
        )
    return np.asarray(one + other)
