"""The error bound against exact arithmetic, where that takes no more than a second."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from soak_families import Problem
from support.exact_transport import ExactCost, exact_cost, exact_pieces

from sdot import SumOfGaussians
from sdot.distributions.density import Density
from sdot.plan import OtPlan

_FEW_SITES = 6
_FEW_PARTS = 60  # sites times pieces
_SHARPNESS = 1e-2  # of the exact value, relative to the bound that is tested


def exact_complaints(plan: OtPlan, problem: Problem) -> list[str]:
    """Tell if the value misses the true one by more than the plan's error bound."""
    error = certain_error(plan, problem)
    if error is None or error <= Fraction(plan.error_bound):
        return []
    ratio = float(error / Fraction(plan.error_bound)) if plan.error_bound else float("inf")
    return [f"bound: the error is at least {float(error):.2g}, {ratio:.3g} times error_bound"]


def certain_error(plan: OtPlan, problem: Problem, most_parts: int = _FEW_PARTS) -> Fraction | None:
    """By how much the value misses W2^2 at least; None where that would take too long to find.

    ``most_parts``: sites times pieces of the density.
    """
    cost = _cost(plan, problem, most_parts)
    if cost is None:
        return None
    total = Fraction(plan.density.total_mass)
    value = Fraction(float(plan.distance))
    return max(cost.lower * total - value, value - cost.upper * total, Fraction(0))


def is_quick(density: Density, problem: Problem, most_parts: int = _FEW_PARTS) -> bool:
    """Whether the exact cost is found in less than a second."""
    positions, _ = _with_mass(problem)
    distinct = len(np.unique(positions, axis=0))
    if isinstance(density, SumOfGaussians):
        return density.domain is None and distinct == 1
    pieces = exact_pieces(density)
    few = distinct == len(positions) <= _FEW_SITES
    return bool(few and pieces and len(positions) * pieces <= most_parts)


def _cost(plan: OtPlan, problem: Problem, most_parts: int) -> ExactCost | None:
    if not is_quick(plan.density, problem, most_parts):
        return None
    positions, weights = _with_mass(problem)
    if isinstance(plan.density, SumOfGaussians):
        return _cost_of_one(plan.density, positions)
    gap = _SHARPNESS * plan.error_bound
    potentials = np.asarray(plan.potentials)
    if problem.weights is not None:
        potentials = potentials[problem.weights > 0]
    return exact_cost(positions, weights, plan.density, potentials, gap)


def _with_mass(problem: Problem) -> tuple[np.ndarray, np.ndarray]:
    """Sites with mass, and their weights."""
    positions = problem.positions.astype(np.float64)
    weights = np.ones(len(positions)) if problem.weights is None else problem.weights
    kept = weights > 0
    return positions[kept], weights[kept]


def _cost_of_one(density: SumOfGaussians, positions: np.ndarray) -> ExactCost:
    """Of one site in the whole plane: its squared distances to the means, and the variances."""
    x, y = (Fraction(float(v)) for v in positions[0])
    weights = [Fraction(float(v)) for v in np.asarray(density.weights)]
    cost = Fraction(0)
    parts = zip(weights, np.asarray(density.means), np.asarray(density.covs), strict=True)
    for weight, mean, covariance in parts:
        a, b = (Fraction(float(v)) for v in mean)
        spread = Fraction(float(covariance[0, 0])) + Fraction(float(covariance[1, 1]))
        cost += weight / sum(weights) * ((a - x) ** 2 + (b - y) ** 2 + spread)
    return ExactCost(cost, cost)
