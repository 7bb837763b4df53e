"""Densities and plans on a torus that several tests share."""

from __future__ import annotations

from typing import Any

import numpy as np

from sdot import Box, PolynomialGrid, SplineGrid, SumOfDiracs, optimal_transport_plan
from support.problems import random_image

__all__ = ["COPIES", "FRAME", "IMAGE", "TORUS", "grid_on_torus", "plan_on_torus", "spline_on_torus"]

TORUS = Box(periodic=True)
FRAME = ((-1.0, 2.0), (1.0, 3.0))
IMAGE = random_image()
COPIES = np.array([(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)])


def plan_on_torus(sites: Any, density: Any = TORUS, weights: Any = None, tol: float = 1e-12) -> Any:
    """The plan from sites, modulo the period."""
    return optimal_transport_plan(SumOfDiracs(sites, weights), density, tol=tol)


def grid_on_torus(values: Any) -> Any:
    """Pixels on a torus of two periods."""
    return PolynomialGrid(values, ((0, 0), (1, 1.5)), periodic=True)


def spline_on_torus(values: Any) -> Any:
    """A smooth spline there."""
    return SplineGrid(values, 2, ((0, 0), (1, 1.5)), periodic=True)
