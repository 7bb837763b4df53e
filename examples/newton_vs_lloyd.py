"""
Newton against Lloyd
====================

From where Lloyd's iteration crawls, a trust region method with the exact Hessian reaches the
minimum to rounding in a dozen steps.

Lloyd's iteration, the gradient descent that moves every point to the barycentre of its cell, crawls
along the last valleys: the cells' grain has to rearrange. A trust region method with exact products
with the Hessian, `plan.hessian()`, walks through, and ends quadratically. :math:`W_2^2` is not
convex, and what both find is a local minimum.
"""

from functools import lru_cache

import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import minimize

from sdot import OtPlan, PolynomialGrid, SumOfDiracs, optimal_transport_plan

N, LLOYD_STEPS, MORE_STEPS = 200, 1000, 200

t = np.linspace(0, 1, 64)
x, y = np.meshgrid(t, t)
target = PolynomialGrid(
    np.exp(-50 * ((x - 0.3) ** 2 + (y - 0.3) ** 2))
    + np.exp(-50 * ((x - 0.7) ** 2 + (y - 0.7) ** 2))
)


def plan_of(points: np.ndarray) -> OtPlan:
    return optimal_transport_plan(SumOfDiracs(points), target, tol=1e-10, warm_start=True)


def gradient_norm(plan: OtPlan, points: np.ndarray) -> float:
    return float(np.linalg.norm(2 / N * (points - plan.barycenters)))


# %%
# Lloyd's iteration, and SciPy's trust region method.


def lloyd(points: np.ndarray, steps: int) -> tuple[np.ndarray, list[float]]:
    norms = []
    for _ in range(steps):
        plan = plan_of(points)
        norms.append(gradient_norm(plan, points))
        points = plan.barycenters
    return points, norms


@lru_cache(maxsize=2)  # value, gradient and Hessian are asked for one after the other
def plan_at(raveled: bytes) -> OtPlan:
    return plan_of(np.frombuffer(raveled).reshape(N, 2))


def newton(points: np.ndarray, tolerance: float) -> tuple[np.ndarray, list[float]]:
    """Minimise n / 2 times W2^2, which has the gradient y - b and a Hessian of size one."""
    norms = [gradient_norm(plan_of(points), points)]

    def record(raveled: np.ndarray) -> None:
        norms.append(gradient_norm(plan_at(raveled.tobytes()), raveled.reshape(N, 2)))

    found = minimize(
        lambda v: N / 2 * plan_at(v.tobytes()).distance,
        points.ravel(),
        jac=lambda v: v - plan_at(v.tobytes()).barycenters.ravel(),
        hessp=lambda v, p: N / 2 * (plan_at(v.tobytes()).hessian() @ p),
        method="trust-ncg",
        callback=record,
        options={"gtol": N / 2 * tolerance, "initial_trust_radius": 0.02},
    )
    return found.x.reshape(N, 2), norms


# %%
# A thousand steps of Lloyd's, then 200 more of them or Newton's.

points, first_norms = lloyd(np.random.RandomState(0).rand(N, 2), LLOYD_STEPS)
further, more_norms = lloyd(points, MORE_STEPS)
print(f"Lloyd,  {LLOYD_STEPS:4d} steps   |gradient| = {more_norms[0]:.1e}")
print(f"Lloyd,  {MORE_STEPS:4d} more    |gradient| = {more_norms[-1]:.1e}")
best, newton_norms = newton(points, 1e-10)
print(f"Newton, {len(newton_norms) - 1:4d} steps   |gradient| = {newton_norms[-1]:.1e}")
print(
    f"W2^2: {plan_of(further).distance:.9f} after Lloyd, {plan_of(best).distance:.9f} after Newton"
)

# %%

figure, (left, right) = plt.subplots(1, 2, figsize=(12, 5), layout="constrained")
left.semilogy(np.concatenate([first_norms, more_norms]), label="Lloyd")
left.semilogy(LLOYD_STEPS + np.arange(len(newton_norms)), newton_norms, ".-", label="Newton")
left.set(xlabel="steps", ylabel=r"$|\nabla W_2^2|$", title="norm of the gradient")
left.legend()
plan_of(best).plot(right, arrows=False, colorbar="density")
right.set(title=f"the minimum, $W_2^2$ = {plan_of(best).distance:.6f}", xticks=[], yticks=[])
plt.show()
