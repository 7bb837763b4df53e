"""Random polynomial grids with sites, and what is exactly true of them."""

from __future__ import annotations

import numpy as np

from sdot.distributions.grid_kernel import GridDensityKernel
from support.exact import box_polygon, power_cell
from support.problems import random_coefficients, random_lines


class RandomGrid:
    """A random polynomial grid with its compiled kernel and its exact integrals."""

    def __init__(self, seed: int, degree: int, is_uniform: bool, box: tuple[float, ...]) -> None:
        rng = np.random.default_rng([seed, degree])
        self.shape = (4, 3)
        self.box = box
        x0, y0, x1, y1 = box
        if is_uniform:
            self.x_lines = np.linspace(x0, x1, self.shape[0] + 1)
            self.y_lines = np.linspace(y0, y1, self.shape[1] + 1)
        else:
            self.x_lines = random_lines(rng, self.shape[0], x0, x1)
            self.y_lines = random_lines(rng, self.shape[1], y0, y1)
        self.coefficients = random_coefficients(rng, self.shape, degree)
        self.kernel = GridDensityKernel(self.x_lines, self.y_lines, self.coefficients, is_uniform)
        self.sites = rng.uniform([x0, y0], [x1, y1], (8, 2))
        self.weights = rng.uniform(0, 0.01 * (x1 - x0) ** 2, 8)

    @property
    def largest_term(self) -> float:
        """An upper bound of the mass, of the same order."""
        pixels = np.diff(self.x_lines)[:, None] * np.diff(self.y_lines)
        return float((np.abs(self.coefficients).sum(axis=(2, 3)) * pixels).sum())

    def exact_cell(self, i: int) -> list:
        return power_cell(self.sites, self.weights, i, box_polygon(*self.box))
