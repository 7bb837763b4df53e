"""Densities and sites that several tests share."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.spatial import Delaunay

from sdot import PolynomialGrid

FloatArray = npt.NDArray[np.float64]

UNIT_BOX = ((0.0, 0.0), (1.0, 1.0))


def gmm_image(pixels: int, floor: float = 0.0) -> FloatArray:
    """Two peaks exp(-50 r**2) at (.3, .3) and (.7, .7), sampled at pixel centres."""
    t = (np.arange(pixels) + 0.5) / pixels
    x, y = np.meshgrid(t, t, indexing="ij")
    first = np.exp(-50 * ((x - 0.3) ** 2 + (y - 0.3) ** 2))
    second = np.exp(-50 * ((x - 0.7) ** 2 + (y - 0.7) ** 2))
    return np.asarray(first + second + floor)


def uniform() -> PolynomialGrid:
    """The uniform density on the unit square."""
    return PolynomialGrid([[1.0]])


def random_image(seed: int = 0, shape: tuple[int, int] = (5, 7)) -> FloatArray:
    """A positive image without any symmetry."""
    return np.random.default_rng(seed).uniform(0.5, 2.0, shape)


def random_sites(n: int, seed: int | None = None) -> FloatArray:
    """Uniform sites in the unit square; the seed is n unless given."""
    return np.random.default_rng(n if seed is None else seed).random((n, 2))


def lattice(k: int) -> FloatArray:
    """The centres of k x k pixels."""
    c = (np.arange(k) + 0.5) / k
    return np.stack(np.meshgrid(c, c, indexing="ij"), axis=-1).reshape(-1, 2)


def random_coefficients(
    rng: np.random.Generator, shape: tuple[int, int], degree: int
) -> FloatArray:
    """Coefficients (nx, ny, k + 1, k + 1) of both signs of a nonnegative polynomial grid."""
    result = rng.uniform(-1.0, 1.0, (*shape, degree + 1, degree + 1))
    result[..., 0, 0] = 0.0
    # On [0, 1]**2 every monomial is at most 1.
    result[..., 0, 0] = np.abs(result).sum(axis=(2, 3)) + rng.uniform(0.0, 1.0, shape)
    return result


def random_lines(
    rng: np.random.Generator, count: int, low: float = 0.0, high: float = 1.0
) -> FloatArray:
    """Non-uniform increasing grid lines from low to high."""
    gaps = rng.uniform(0.2, 1.0, count)
    lines = low + (high - low) * np.concatenate([[0.0], np.cumsum(gaps)]) / gaps.sum()
    lines[-1] = high
    return np.asarray(lines)


def random_mesh(points: int, seed: int) -> tuple[FloatArray, npt.NDArray[np.int64]]:
    """Vertices and triangles (Delaunay's) that cover the unit square."""
    inside = np.random.default_rng(seed).random((points, 2))
    vertices = np.concatenate([inside, [[0, 0], [1, 0], [1, 1], [0, 1]]])
    return vertices, Delaunay(vertices).simplices.astype(np.int64)


def annulus(corners: int, inner: float = 0.5) -> tuple[FloatArray, npt.NDArray[np.int64]]:
    """Vertices and triangles between two regular polygons."""
    angles = 2 * np.pi * np.arange(corners) / corners
    outer = np.column_stack([np.cos(angles), np.sin(angles)])
    i = np.arange(corners)
    j = (i + 1) % corners
    halves = [np.column_stack([i, j, corners + i]), np.column_stack([j, corners + j, corners + i])]
    return np.concatenate([outer, inner * outer]), np.concatenate(halves)


def star(points: int = 5, inner: float = 0.4) -> FloatArray:
    """The corners of a star around the origin."""
    angles = np.pi * np.arange(2 * points) / points
    radii = np.where(np.arange(2 * points) % 2, inner, 1.0)
    return np.asarray(radii[:, None] * np.column_stack([np.cos(angles), np.sin(angles)]))
