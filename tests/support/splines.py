"""Splines for tests: values, nodes, and what a transport to one costs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from sdot import SplineGrid, SumOfDiracs, distance

from .problems import random_sites

Array = np.ndarray
CONTINUITIES = (0, 1, 2)
BOX = np.array([[-1.0, 2.0], [3.0, 3.5]])
TIGHT = {"tol": 1e-12, "warm_start": False}
# Splines of these values fall below zero.
STEEP = np.array([[1.0, 0, 0, 0, 9], [1, 0, 0, 0, 9], [1, 0, 0, 0, 9], [1, 1, 1, 1, 9]])


def positive_values(seed: int = 0, shape: tuple[int, int] = (5, 6)) -> Array:
    """Positive values on which no spline falls below zero."""
    return np.random.default_rng(seed).uniform(2.0, 3.0, shape)


def nodes_of(shape: tuple[int, int], box: Array = BOX) -> Array:
    sides = [np.linspace(box[0, k], box[1, k], shape[k]) for k in range(2)]
    return np.stack(np.meshgrid(*sides, indexing="ij"), axis=-1)


def lattice_of(count: int) -> Array:
    t = np.linspace(0, 1, count)
    return np.stack(np.meshgrid(t, t, indexing="ij"), axis=-1)


def cost_of(continuity: int, negative: str = "limit") -> Callable[..., Any]:
    def cost(values: Any, domain: Any = ((0.0, 0.0), (1.0, 1.0))) -> Any:
        density = SplineGrid(values, continuity, domain, negative=negative)
        return distance(SumOfDiracs(random_sites(6)), density, **TIGHT)

    return cost
