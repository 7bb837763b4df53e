"""Random transport problems of every kind that is known to be hard, each from one number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sdot import PolynomialGrid

Array = npt.NDArray[np.float64]
Generator = np.random.Generator

_FEW, _MANY = 300, 3000  # sites
_LARGE_IMAGE = 2048


@dataclass(frozen=True, eq=False)
class Problem:
    """A problem, and the names of the families that it was drawn from."""

    seed: int
    families: dict[str, str]
    positions: npt.NDArray[np.floating]
    weights: Array | None
    values: Array
    domain: Array

    def density(self) -> PolynomialGrid:
        """A new density: what one solve remembers must not help another."""
        return PolynomialGrid(self.values, domain=self.domain)

    def __str__(self) -> str:
        kind = ", ".join(f"{key} {value}" for key, value in self.families.items())
        shape = " x ".join(str(size) for size in self.values.shape)
        return f"seed {self.seed}: n = {len(self.positions)}, {kind}, image {shape}"


def draw(seed: int) -> Problem:
    """Return the problem with this number."""
    rng = np.random.default_rng(seed)
    names = {
        "density": _choice(rng, DENSITIES),
        "sites": _choice(rng, SITES),
        "masses": "equal" if rng.random() < 0.7 else "unequal",
        "domain": "unit" if rng.random() < 0.6 else _choice(rng, DOMAINS),
        "dtype": "float64" if rng.random() < 0.9 else "float32",
    }
    count = _log_uniform(rng, 1, _MANY if rng.random() < 0.03 else _FEW)
    values = DENSITIES[names["density"]](rng)
    domain = DOMAINS[names["domain"]](rng)
    unit_positions = SITES[names["sites"]](rng, count, values)
    positions = domain[0] + (domain[1] - domain[0]) * unit_positions
    weights = None
    if names["masses"] == "unequal":
        weights = 10.0 ** (-rng.uniform(0, 8) * rng.random(len(positions)))
    return Problem(seed, names, positions.astype(names["dtype"]), weights, values, domain)


def _choice(rng: Generator, table: dict[str, Callable[..., Array]]) -> str:
    return list(table)[rng.integers(len(table))]


def _log_uniform(rng: Generator, low: int, high: int) -> int:
    return round(float(np.exp(rng.uniform(np.log(low), np.log(high)))))


# ---- densities: (nx, ny) or (nx, ny, terms) ----


def _shape(rng: Generator, smallest: int = 2) -> tuple[int, int]:
    largest = _LARGE_IMAGE if rng.random() < 0.01 else 128
    return _log_uniform(rng, smallest, largest), _log_uniform(rng, smallest, largest)


def _half_zero(rng: Generator) -> Array:
    values = rng.uniform(0.5, 1.0, _shape(rng)) if rng.random() < 0.5 else np.ones(_shape(rng))
    values[: len(values) // 2] = 0.0
    return values


def _checkerboard(rng: Generator) -> Array:
    k = _log_uniform(rng, 2, 32)
    return np.indices((k, k)).sum(axis=0) % 2 * 1.0


def _one_pixel(rng: Generator) -> Array:
    return _single_pixels(rng, 1)


def _two_far_pixels(rng: Generator) -> Array:
    values = np.zeros(_shape(rng, 8))
    values[rng.integers(2), rng.integers(2)] = 1.0
    values[-1 - rng.integers(2), -1 - rng.integers(2)] = rng.uniform(0.1, 1.0)
    return values


def _scattered_pixels(rng: Generator) -> Array:
    shape = _shape(rng, 4)
    return _single_pixels(rng, max(1, round(rng.uniform(0.01, 0.2) * shape[0] * shape[1])), shape)


def _single_pixels(rng: Generator, count: int, shape: tuple[int, int] | None = None) -> Array:
    values = np.zeros(_shape(rng) if shape is None else shape)
    values.ravel()[rng.integers(values.size, size=count)] = 1.0
    return values


def _dynamic_range(rng: Generator) -> Array:
    return np.asarray(10.0 ** rng.uniform(0, 12, _shape(rng)))


def _smooth_mixture(rng: Generator) -> Array:
    nx, ny = _shape(rng, 4)
    x, y = np.meshgrid((np.arange(nx) + 0.5) / nx, (np.arange(ny) + 0.5) / ny, indexing="ij")
    sharpness = 10.0 ** rng.uniform(0, 2.5)
    values = np.full((nx, ny), 0.0 if rng.random() < 0.5 else 1e-3)
    for a, b in rng.random((rng.integers(1, 5), 2)):
        values += np.exp(-sharpness * ((x - a) ** 2 + (y - b) ** 2))
    return values


def _ring(rng: Generator) -> Array:
    nx, ny = _shape(rng, 16)
    x, y = np.meshgrid((np.arange(nx) + 0.5) / nx, (np.arange(ny) + 0.5) / ny, indexing="ij")
    return (np.abs(np.hypot(x - 0.5, y - 0.5) - 0.4) < 0.08) * 1.0


def _polynomial(rng: Generator) -> Array:
    """Without constant terms in half of the cases: zero on corners or edges of pixels."""
    nx, ny = rng.integers(1, 12, 2)
    values = rng.random((nx, ny, (rng.integers(1, 4) + 1) ** 2))
    if rng.random() < 0.5:
        values[..., 0] = 0.0
    return values


DENSITIES: dict[str, Callable[[Generator], Array]] = {
    "one pixel grid": lambda rng: np.ones((1, 1)),
    "half zero": _half_zero,
    "checkerboard": _checkerboard,
    "one pixel": _one_pixel,
    "two far pixels": _two_far_pixels,
    "scattered pixels": _scattered_pixels,
    "dynamic range 1e12": _dynamic_range,
    "smooth mixture": _smooth_mixture,
    "ring": _ring,
    "polynomial": _polynomial,
}


# ---- sites, relative to the domain: (n, 2) ----


def _random(rng: Generator, n: int, values: Array) -> Array:
    return rng.random((n, 2))


def _outside(rng: Generator, n: int, values: Array) -> Array:
    distance = 10.0 ** rng.uniform(0, 3)
    angle = rng.uniform(0, 2 * np.pi)
    return rng.random((n, 2)) + distance * np.array([np.cos(angle), np.sin(angle)])


def _cluster(rng: Generator, n: int, values: Array) -> Array:
    return rng.random(2) + 1e-6 * rng.random((n, 2))


def _axis_parallel_line(rng: Generator, n: int, values: Array) -> Array:
    sites = rng.random((n, 2))
    sites[:, rng.integers(2)] = 0.5
    return sites


def _slanted_line(rng: Generator, n: int, values: Array) -> Array:
    return rng.random(2) / 2 + np.outer(rng.random(n), rng.uniform(-0.5, 0.5, 2))


def _circle(rng: Generator, n: int, values: Array) -> Array:
    regular = np.arange(n) / n
    angles = 2 * np.pi * (regular if rng.random() < 0.5 else rng.random(n))
    return 0.5 + 0.4 * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _lattice(rng: Generator, n: int, values: Array) -> Array:
    """Centres or corners of the density's pixels, or of a grid that divides or doubles them."""
    factor = 2.0 ** rng.integers(-1, 2)
    counts = np.maximum(1, np.minimum(factor * np.array(values.shape[:2]), np.sqrt(n)))
    shift = rng.choice([0.0, 0.5])
    axes = [(np.arange(int(k)) + shift) / int(k) for k in counts]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)


def _two_clusters(rng: Generator, n: int, values: Array) -> Array:
    size, distance = 10.0 ** rng.uniform(-6, -1), 10.0 ** rng.uniform(-1, 1)
    return size * rng.random((n, 2)) + distance * rng.integers(2, size=(n, 1))


def _coincident_groups(rng: Generator, n: int, values: Array) -> Array:
    return rng.random((n, 2))[rng.integers(max(1, n // 5), size=n)]


def _near_coincident(gap: float) -> Callable[[Generator, int, Array], Array]:
    def sites(rng: Generator, n: int, values: Array) -> Array:
        return _coincident_groups(rng, n, values) + gap * rng.standard_normal((n, 2))

    return sites


def _same_site(rng: Generator, n: int, values: Array) -> Array:
    return np.tile(rng.random(2), (n, 1))


SITES: dict[str, Callable[[Generator, int, Array], Array]] = {
    "random": _random,
    "outside": _outside,
    "cluster 1e-6": _cluster,
    "axis-parallel line": _axis_parallel_line,
    "slanted line": _slanted_line,
    "circle": _circle,
    "lattice": _lattice,
    "two clusters": _two_clusters,
    "coincident groups": _coincident_groups,
    "near 1e-8": _near_coincident(1e-8),
    "near 1e-12": _near_coincident(1e-12),
    "same site": _same_site,
}


# ---- domains: corners (2, 2) ----


def _box(width: float, height: float, offset: float = 0.0) -> Array:
    return np.array([[offset, -offset], [offset + width, -offset + height]])


def _elongated(rng: Generator) -> Array:
    ratio = 10.0 ** rng.uniform(1, 4)
    return _box(ratio, 1.0) if rng.random() < 0.5 else _box(1.0, ratio)


DOMAINS: dict[str, Callable[[Generator], Array]] = {
    "unit": lambda rng: _box(1.0, 1.0),
    "offset 1e6": lambda rng: _box(1.0, 1.0, 1e6),
    "size 1e-6": lambda rng: _box(1e-6, 1e-6),
    "size 1e6": lambda rng: _box(1e6, 1e6),
    "elongated": _elongated,
}
