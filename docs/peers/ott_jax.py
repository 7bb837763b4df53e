"""OTT-JAX: Sinkhorn's iteration on the pixels' centres."""

import jax
from ott.geometry import pointcloud
from ott.problems.linear import linear_problem
from ott.solvers.linear import sinkhorn
from task import measure, pixels, points

jax.config.update("jax_enable_x64", True)
CENTRES, MASSES = map(jax.numpy.asarray, pixels())


@jax.jit
def solved(epsilon: float) -> jax.Array:
    geometry = pointcloud.PointCloud(jax.numpy.asarray(points()), CENTRES, epsilon=epsilon)
    problem = linear_problem.LinearProblem(geometry, b=MASSES)
    return sinkhorn.Sinkhorn(threshold=1e-5, max_iterations=20_000)(problem).primal_cost


measure(
    {
        f"Sinkhorn, epsilon={epsilon:g}": lambda epsilon=epsilon: solved(epsilon).item()
        for epsilon in (1e-2, 3e-3, 1e-3)
    }
)
