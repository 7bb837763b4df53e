"""POT: the network simplex on the pixels' centres, and averaged stochastic gradients."""

import numpy as np
import ot
from ot.semidiscrete import solve_semidiscrete
from task import draw, measure, pixels, points


def simplex(refined: int) -> float:
    centres, masses = pixels(refined)
    costs = ot.dist(points(), centres)
    equal = np.full(len(costs), 1 / len(costs))
    return ot.emd2(equal, masses, costs, numItermax=10**7)


def stochastic(steps: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    return solve_semidiscrete(
        points(), lambda count: draw(count, rng), max_iter=steps, batch_size=64
    )


measure(
    {
        "emd2, 64 x 64 points": lambda: simplex(1),
        "emd2, 128 x 128 points": lambda: simplex(2),
        "semidiscrete, 3,000 steps": lambda: stochastic(3_000),
        "semidiscrete, 10,000 steps": lambda: stochastic(10_000),
    }
)
