# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernels that are made of others, for densities that are easier to solve for."""

from __future__ import annotations

import numpy as np

from sdot.distributions.density import DensityKernel
from sdot.distributions.grid_kernel import GridDensityKernel
from sdot.distributions.periodic_kernel import PeriodicKernel
from sdot.distributions.sum_of_densities import sum_kernel
from sdot.execution import Execution

__all__ = ["averaged_kernel", "mixed_kernel"]


def averaged_kernel(
    kernel: DensityKernel, boxes: int, execution: Execution, *, periodic: bool = False
) -> DensityKernel:
    """The averages of a density over each of boxes x boxes equal parts of its box."""
    low, high = box = kernel.box
    heights = kernel.coarsened(box, boxes) * (boxes**2 / np.prod(high - low))
    x_lines, y_lines = (np.linspace(low[k], high[k], boxes + 1) for k in range(2))
    average = GridDensityKernel(x_lines, y_lines, heights[:, :, None, None], True, execution)
    return PeriodicKernel(average, box) if periodic else average


def mixed_kernel(first: DensityKernel, second: DensityKernel, share: float) -> DensityKernel:
    """``(1 - share) * first + share * second``."""
    return sum_kernel([(1 - share, first), (share, second)])
