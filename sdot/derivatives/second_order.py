# SPDX-License-Identifier: GPL-3.0-or-later
"""Second derivatives of the distance: products with the Hessian.

The first derivatives (`first_order.py`) are differentiated once more, with what `linearisation.py`
says of the cells:

    d (2 m_i (y_i - b_i))
        = 2 m_i dy_i + 2 (y_i - b_i) dm_i - 2 d (integral over C_i of (x - b_i) rho),
    d w_i = beta_i - 2 (b_i - y_i) . dy_i + constant,
    d integral of phi d_theta rho = integral of dphi d_theta rho + integral of phi d2rho,

where dphi is affine on each cell and b_i on the right of the first line stays. One linear solve.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy

from sdot.derivatives.linearisation import Linearisation
from sdot.derivatives.plan_outputs import Change, change_of, checked
from sdot.distributions.density_derivatives import AffineFunction
from sdot.validation import FloatArray

__all__ = ["hessian_operator", "hessian_product"]

Tangents = Sequence[FloatArray | None]


def hessian_product(
    linearisation: Linearisation, tangents: Tangents, needed: Sequence[bool] | None = None
) -> list[FloatArray | None]:
    """Return the derivative of `gradients` in a direction, None where not needed.

    Parameters
    ----------
    linearisation : Linearisation
    tangents : one array of its shape, or None for zero, for each of
        ``(*diracs.arrays, *density.arrays)``.
    needed : which of the results to compute, all by default.

    Raises
    ------
    NotDifferentiableError
        Where the distance has no second derivative, or it is not available: coincident sites that
        move apart, a grid's ``domain``, parts of the density that no cell joins.
    """
    count = len(linearisation.diracs.arrays)
    if needed is None:
        needed = [True] * (count + len(linearisation.density.arrays))
    change = change_of(linearisation, tangents)
    found: list[FloatArray | None] = [_of_positions(linearisation, change)]
    if count > 1:
        found.append(_of_weights(linearisation, change))
    if any(needed[count:]):
        found += _of_density(linearisation, change, tangents[count:])
    else:
        found += [None] * (len(needed) - count)
    return checked(found, needed)


def hessian_operator(linearisation: Linearisation) -> scipy.sparse.linalg.LinearOperator:
    """Return the Hessian (2 n, 2 n) in the positions, raveled."""
    count = len(linearisation.solution.positions)
    arrays = len(linearisation.diracs.arrays) + len(linearisation.density.arrays)
    needed = [True] + [False] * (arrays - 1)

    def product(direction: FloatArray) -> FloatArray:
        move = np.asarray(direction, dtype=np.float64).reshape(count, 2)
        found = hessian_product(linearisation, [move, *[None] * (arrays - 1)], needed)[0]
        assert found is not None
        return found.ravel()

    return scipy.sparse.linalg.LinearOperator(
        (2 * count, 2 * count), product, product, dtype=np.float64
    )


def _of_positions(linearisation: Linearisation, change: Change) -> FloatArray:
    masses = linearisation.solution.masses[:, None]
    moments = linearisation.shares[:, None] * change.moments[linearisation.site_of]
    return np.asarray(
        2 * (masses * change.moves + linearisation.gaps * change.masses[:, None] - moments)
    )


def _of_weights(linearisation: Linearisation, change: Change) -> FloatArray:
    """Of ``w_i M / sum(u)``, with the mean of w zero."""
    weights = linearisation.diracs.numpy_weights
    assert weights is not None
    total, potentials = weights.sum(), linearisation.solution.potentials
    growth = change.masses.sum() - linearisation.total_mass * change.weights_sum / total
    return np.asarray((linearisation.total_mass * change.potentials + potentials * growth) / total)


def _of_density(
    linearisation: Linearisation, change: Change, tangents: Tangents
) -> list[FloatArray | None]:
    derivative = linearisation.density_derivative
    moved = derivative.pull_back(
        AffineFunction(-change.beta, -2 * linearisation.frame.scale * change.site_moves)
    )
    found: list[FloatArray | None] = list(moved)
    if all(tangent is None for tangent in tangents):
        return found
    bent = derivative.curvature(tangents)
    return [
        None if one is None or other is None else one + other
        for one, other in zip(moved, bent, strict=True)
    ]
