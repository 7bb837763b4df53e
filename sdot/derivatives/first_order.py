# SPDX-License-Identifier: GPL-3.0-or-later
"""Derivatives of the transport cost: the mathematics, once, in NumPy.

By the envelope theorem the derivative of W2^2 is that of the dual at fixed optimal weights
(derived on the mathematics page of the documentation):

    d W2^2 / d y_i = 2 m_i (y_i - b_i),    d W2^2 / d m_i = w_i + constant,

with b_i the barycentre of cell i and w_i its potential; and for a parameter t of the density rho,
with phi the potential on the density's side,

    d W2^2 / d t = integral of phi  d rho / d t.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from sdot.distributions.density import Density
from sdot.distributions.sum_of_diracs import SumOfDiracs
from sdot.solver.solution import Solution
from sdot.validation import FloatArray

__all__ = ["gradients"]


def gradients(
    diracs: SumOfDiracs, density: Density, solution: Solution, needed: Sequence[bool]
) -> list[FloatArray | None]:
    """Return dW2^2 with respect to ``(*diracs.arrays, *density.arrays)``, None where not needed."""
    found: list[FloatArray | None] = list(_of_diracs(diracs, solution))
    if any(needed[len(found) :]):
        found += _of_density(density, solution)
    else:
        found += [None] * (len(needed) - len(found))
    return [gradient if wanted else None for gradient, wanted in zip(found, needed, strict=True)]


def _of_diracs(diracs: SumOfDiracs, solution: Solution) -> Iterator[FloatArray]:
    yield position_gradient(solution)
    if diracs.numpy_weights is not None:
        yield weight_gradient(solution, diracs.numpy_weights)


def _of_density(density: Density, solution: Solution) -> tuple[FloatArray, ...]:
    frame, execution = solution.normalisation.frame, solution.execution
    diagram, potential = solution.diagram, solution.cell_potential
    radii = solution.squared_radii
    if radii is None:
        return density.pull_back(diagram, frame, potential, execution)
    return density.pull_back_in_discs(diagram, radii, frame, potential, execution)


def position_gradient(solution: Solution) -> FloatArray:
    """Return dW2^2/dy (n, 2)."""
    return np.asarray(2.0 * solution.masses[:, None] * solution.gaps)


def weight_gradient(solution: Solution, weights: FloatArray) -> FloatArray:
    """Return dW2^2/du (n,) for weights u of which the masses are ``M u / sum(u)``.

    The normalisation takes the mean out of the potentials, and with it their free constant.
    """
    total = solution.masses.sum()
    mean = (solution.masses * solution.potentials).sum() / total
    return np.asarray((solution.potentials - mean) * total / weights.sum())
