"""The error bound against exact arithmetic, where that takes no more than a second."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from soak_families import Problem
from support.exact_transport import ExactCost, exact_cost, exact_pieces

from sdot import SumOfGaussians
from sdot.plan import OtPlan

_FEW_SITES = 6
_FEW_PARTS = 60  # sites times pieces
_SHARPNESS = 1e-2  # of the exact value, relative to the bound that is tested


def exact_complaints(plan: OtPlan, problem: Problem) -> list[str]:
    """Tell if the value misses the true one by more than the plan's error bound."""
    cost = _cost(plan, problem)
    if cost is None:
        return []
    total = Fraction(plan.density.total_mass)
    value = Fraction(float(plan.distance))
    # The greatest error that is certain.
    error = max(cost.lower * total - value, value - cost.upper * total)
    if error <= Fraction(plan.error_bound):
        return []
    ratio = float(error / Fraction(plan.error_bound)) if plan.error_bound else float("inf")
    return [f"bound: the error is at least {float(error):.2g}, {ratio:.3g} times error_bound"]


def _cost(plan: OtPlan, problem: Problem) -> ExactCost | None:
    positions = problem.positions.astype(np.float64)
    weights = np.ones(len(positions)) if problem.weights is None else problem.weights
    kept = weights > 0
    positions, weights = positions[kept], weights[kept]
    if isinstance(plan.density, SumOfGaussians):
        return _cost_of_one(plan.density, positions)
    pieces = exact_pieces(plan.density)
    distinct = len(np.unique(positions, axis=0)) == len(positions)
    few = len(positions) <= _FEW_SITES
    if not (distinct and few and pieces and len(positions) * pieces <= _FEW_PARTS):
        return None
    gap = _SHARPNESS * plan.error_bound
    return exact_cost(positions, weights, plan.density, np.asarray(plan.potentials)[kept], gap)


def _cost_of_one(density: SumOfGaussians, positions: np.ndarray) -> ExactCost | None:
    """Of one site in the whole plane: its squared distances to the means, and the variances."""
    if density.domain is not None or len(np.unique(positions, axis=0)) > 1:
        return None
    x, y = (Fraction(float(v)) for v in positions[0])
    weights = [Fraction(float(v)) for v in np.asarray(density.weights)]
    cost = Fraction(0)
    parts = zip(weights, np.asarray(density.means), np.asarray(density.covs), strict=True)
    for weight, mean, covariance in parts:
        a, b = (Fraction(float(v)) for v in mean)
        spread = Fraction(float(covariance[0, 0])) + Fraction(float(covariance[1, 1]))
        cost += weight / sum(weights) * ((a - x) ** 2 + (b - y) ** 2 + spread)
    return ExactCost(cost, cost)
