"""pysdot: Newton's method on power diagrams, exact for images too."""

import numpy as np
from pysdot import OptimalTransport
from pysdot.domain_types import ScaledImage
from task import heights, measure, points


def solve(accuracy: float) -> float:
    image = ScaledImage([0, 0], [1, 1], heights().T)
    y = points()
    masses = np.full(len(y), 1 / len(y))
    transport = OptimalTransport(y, np.ones(len(y)), image, masses, linear_solver="Scipy")
    transport.obj_max_dw, transport.obj_max_dm = 0, accuracy
    transport.adjust_weights()
    return float(np.sum(transport.pd.second_order_moments()))


measure(
    {
        f"obj_max_dm={accuracy:g}": lambda accuracy=accuracy: solve(accuracy)
        for accuracy in (1e-5, 1e-10)
    }
)
