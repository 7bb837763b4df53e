"""The task that every library is given: W2^2 between 500 points and the density of the tutorial."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import numpy as np

POINTS, PIXELS = 500, 64


def points() -> np.ndarray:
    """Of equal masses, on the unit square."""
    return np.random.default_rng(0).random((POINTS, 2))


def pixels(refined: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """The centres of pixels, each cut into so many squared, and their masses."""
    centres = (np.arange(PIXELS * refined) + 0.5) / (PIXELS * refined)
    x, y = np.meshgrid(centres, centres, indexing="ij")
    masses = heights().repeat(refined, 0).repeat(refined, 1).ravel()
    return np.stack([x.ravel(), y.ravel()], axis=1), masses / masses.sum()


def heights() -> np.ndarray:
    """Two peaks over a floor, constant on 64 x 64 pixels of the unit square."""
    centres = (np.arange(PIXELS) + 0.5) / PIXELS
    x, y = np.meshgrid(centres, centres, indexing="ij")
    values = 0.01 + sum(np.exp(-50 * ((x - a) ** 2 + (y - a) ** 2)) for a in (0.3, 0.7))
    return values / values.mean()


def draw(count: int, rng: np.random.Generator) -> np.ndarray:
    """Random points of the density."""
    corners, masses = pixels()
    chosen = rng.choice(len(masses), count, p=masses)
    return corners[chosen] + (rng.random((count, 2)) - 0.5) / PIXELS


def semidual(potentials: np.ndarray, refined: int = 8) -> float:
    """What potentials prove, by a fine rule of quadrature: for peers that return these only."""
    x, masses = pixels(refined)
    y, total = points(), potentials.mean()
    for part, mass in zip(np.array_split(x, 64), np.array_split(masses, 64), strict=True):
        costs = ((part[:, None] - y) ** 2).sum(axis=-1) - potentials
        total += mass @ costs.min(axis=1)
    return float(total)


def measure(runs: dict[str, Callable[[], float | np.ndarray]]) -> None:
    """Print a value and the seconds of each, after one call of the first to warm up."""
    next(iter(runs.values()))()
    for name, run in runs.items():
        begin, spent = time.perf_counter(), time.process_time()
        result = run()
        seconds, cpu = time.perf_counter() - begin, time.process_time() - spent
        value = result if np.ndim(result) == 0 else semidual(np.asarray(result, dtype=float))
        row = {"settings": name, "value": float(value), "seconds": seconds, "cpu": cpu}
        print(json.dumps(row), flush=True)
