# SPDX-License-Identifier: GPL-3.0-or-later
"""Products with the Hessian of the distance, for NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from sdot.derivatives import hessian_product as product_of
from sdot.plan import OtPlan
from sdot.validation import FloatArray, check_real_array

__all__ = ["HessianProduct", "hessian_product"]


class HessianProduct(NamedTuple):
    """How the gradient of W2^2 changes in a direction.

    Attributes
    ----------
    positions : array (n, 2)
    weights : array (n,)
        Of the gradient with respect to relative weights, at those equal to the masses.
    density : tuple of arrays, of the shapes of ``plan.density.arrays``
        Empty if no direction was given for them.

    Examples
    --------
    >>> from sdot import Box, SumOfDiracs, hessian_product, optimal_transport_plan
    >>> plan = optimal_transport_plan(SumOfDiracs([[0.5, 0.5]]), Box(((0, 0), (1, 1))))
    >>> hessian_product(plan, [[1.0, 0.0]]).positions.tolist()
    [[2.0, 0.0]]
    """

    positions: Any
    weights: Any
    density: tuple[Any, ...]


def hessian_product(
    plan: OtPlan,
    positions: Any = None,
    *,
    weights: Any = None,
    density: Sequence[Any] | None = None,
) -> HessianProduct:
    """Return the product of the Hessian of W2^2 at a plan with a direction.

    Parameters
    ----------
    plan : OtPlan
        Its ``tol`` is the accuracy of the Hessian: 1e-8 by default.
    positions : array_like, (n, 2), optional
        The direction in which the positions move; zero by default.
    weights : array_like, (n,), optional
        That of relative weights u, of which the masses are ``M u / sum(u)``, at u = the masses.
    density : sequence, optional
        Those of ``plan.density.arrays``, None for zero: what the values of a grid, or means,
        covariances and weights of a mixture change by.

    Returns
    -------
    HessianProduct
        The changes ``positions``, ``weights`` and ``density`` of the gradient, exact but for
        rounding and the mass error of the plan, in the framework and dtype of the plan.

    Raises
    ------
    TypeError, ValueError
        If an array is not of real, finite numbers or of the shape that it belongs to.
    NotDifferentiableError
        Where W2^2 is not twice differentiable: coincident sites that move apart, a cell without
        mass, an edge along a jump of the density. Or with respect to a grid's ``domain``.

    Notes
    -----
    The first product of a plan factors the Newton matrix, which costs as much as a few of its
    steps; every further one solves with the factor, in less than the time of a power diagram.
    Formulas: de Gournay, Kahn and Lebrat, Differentiation and
    regularity of semi-discrete optimal transport with respect to the parameters of the discrete
    measure, Numer. Math. 141 (2019), and the mathematics page.

    Examples
    --------
    One site moves with all of the mass: the Hessian is twice the identity.

    >>> from sdot import PolynomialGrid, SumOfDiracs, hessian_product, optimal_transport_plan
    >>> plan = optimal_transport_plan(SumOfDiracs([[0.2, 0.4]]), PolynomialGrid([[1.0]]))
    >>> hessian_product(plan, [[1.0, 0.0]]).positions
    array([[2., 0.]])
    """
    linearisation = plan.linearisation
    count = len(linearisation.solution.positions)
    shapes = [np.shape(array) for array in plan.density.arrays]
    tangents = [
        _checked(positions, "positions", (count, 2)),
        _checked(weights, "weights", (count,)),
    ]
    if density is None:
        tangents += [None] * len(shapes)
    else:
        tangents += _checked_all(density, shapes)
    needed = [True, True, *(density is not None for _ in shapes)]
    found = product_of(linearisation, tangents, needed)
    by_positions, by_weights, *by_density = (
        None if part is None else plan.converted(part) for part in found
    )
    return HessianProduct(
        by_positions, by_weights, tuple(by_density) if density is not None else ()
    )


def _checked(direction: Any, name: str, shape: tuple[int, ...]) -> FloatArray | None:
    if direction is None:
        return None
    result = check_real_array(direction, name)
    if result.shape != shape:
        raise ValueError(f"{name}: expected a direction of shape {shape}, not {result.shape}")
    return result


def _checked_all(
    density: Sequence[Any], shapes: Sequence[tuple[int, ...]]
) -> list[FloatArray | None]:
    if len(density) != len(shapes):
        raise ValueError(
            f"density: expected one direction, or None, for each of its {len(shapes)} arrays, not "
            f"{len(density)}"
        )
    return [
        _checked(direction, f"density[{k}]", shape)
        for k, (direction, shape) in enumerate(zip(density, shapes, strict=True))
    ]
