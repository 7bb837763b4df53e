"""Random transport problems of every kind that is known to be hard, each from one number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from soak_densities import DENSITIES, TORI, Shape, log_uniform

from sdot.distributions.density import Density

Array = npt.NDArray[np.float64]
Generator = np.random.Generator
Family = TypeVar("Family")

# Sites of most problems, of one in fifty, and of one in three hundred.
_FEW, _MANY, _MOST = 300, 3000, 10_000
# Of every ten numbers the sites of one are turned about the middle of the domain, and those of one
# are on a torus.
_TURNED, _PERIODIC, _NUMBERS = 7, 8, 10


@dataclass(frozen=True, eq=False)
class Problem:
    """A problem, and the names of the families that it was drawn from."""

    seed: int
    families: dict[str, str]
    positions: npt.NDArray[np.floating]
    weights: Array | None
    shape: Shape
    box: Array

    def density(self, shift: Array | float = 0.0) -> Density:
        """A new density: what one solve remembers must not help another."""
        return self.shape.placed(self.box + shift)

    def __str__(self) -> str:
        kind = ", ".join(f"{key} {value}" for key, value in self.families.items())
        return f"seed {self.seed}: n = {len(self.positions)}, {kind}"


def draw(seed: int, most: int | None = None) -> Problem:
    """Return the problem with this number, of at most so many sites if that is given."""
    rng = np.random.default_rng(seed)
    names = {
        "density": _choice(rng, DENSITIES),
        "sites": "random" if rng.random() < 0.1 else _choice(rng, SITES),
        "masses": str(rng.choice(list(MASSES), p=_MASS_SHARES)),
        "domain": "unit" if rng.random() < 0.5 else _choice(rng, DOMAINS),
        "dtype": "float64" if rng.random() < 0.9 else "float32",
    }
    usual = _most_sites(rng)
    count = log_uniform(rng, 1, usual if most is None else most)
    shape = DENSITIES[names["density"]](rng)
    box = DOMAINS[names["domain"]](rng)
    positions = box[0] + (box[1] - box[0]) * SITES[names["sites"]](rng, count, shape)
    weights = MASSES[names["masses"]](rng, len(positions))
    if seed % _NUMBERS == _TURNED:
        names["sites"] += ", turned"
        positions = _turned(rng, positions, box)
    elif seed % _NUMBERS == _PERIODIC:
        names |= {"density": _choice(rng, TORI), "dtype": "float64"}
        shape = TORI[names["density"]](rng)
        positions = box[0] + np.mod(positions - box[0], box[1] - box[0])
    return Problem(seed, names, positions.astype(names["dtype"]), weights, shape, box)


def _turned(rng: Generator, positions: Array, box: Array) -> Array:
    angle, middle = rng.uniform(0, 2 * np.pi), box.mean(axis=0)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return np.asarray(middle + (positions - middle) @ turn)


def _most_sites(rng: Generator) -> int:
    rarity = rng.random()
    return _MOST if rarity < 1 / 300 else _MANY if rarity < 1 / 50 else _FEW


def _choice(rng: Generator, table: dict[str, Family]) -> str:
    return list(table)[rng.integers(len(table))]


# ---- weights (n,), None if equal ----


def _unequal(rng: Generator, n: int) -> Array:
    return np.asarray(10.0 ** (-rng.uniform(0, 8) * rng.random(n)))


def _some_zero(rng: Generator, n: int) -> Array:
    weights = rng.uniform(0.5, 2.0, n) * (rng.random(n) < rng.uniform(0.1, 0.9))
    weights[rng.integers(n)] = 1.0
    return weights


MASSES: dict[str, Callable[[Generator, int], Array | None]] = {
    "equal": lambda rng, n: None,
    "like 1 to 4": lambda rng, n: rng.uniform(0.5, 2.0, n),
    "unequal": _unequal,
    "some zero": _some_zero,
}
_MASS_SHARES = (0.6, 0.05, 0.3, 0.05)


# ---- sites, relative to the domain: (n, 2) ----


def _random(rng: Generator, n: int, shape: Shape) -> Array:
    return rng.random((n, 2))


def _outside(rng: Generator, n: int, shape: Shape) -> Array:
    distance = 10.0 ** rng.uniform(0, 3)
    angle = rng.uniform(0, 2 * np.pi)
    return rng.random((n, 2)) + distance * np.array([np.cos(angle), np.sin(angle)])


def _far_away(rng: Generator, n: int, shape: Shape) -> Array:
    distance, size = 10.0 ** rng.uniform(3, 7), 10.0 ** rng.uniform(-3, 0)
    angle = rng.uniform(0, 2 * np.pi)
    return size * rng.random((n, 2)) + distance * np.array([np.cos(angle), np.sin(angle)])


def _many_scales(rng: Generator, n: int, shape: Shape) -> Array:
    return 0.5 + rng.normal(size=(n, 2)) * 10.0 ** rng.uniform(-7, 2, (n, 1))


def _corner(rng: Generator, n: int, shape: Shape) -> Array:
    """A small part of the domain."""
    return 10.0 ** -rng.uniform(0.3, 2) * rng.random((n, 2))


def _cluster(rng: Generator, n: int, shape: Shape) -> Array:
    return rng.random(2) + 1e-6 * rng.random((n, 2))


def _axis_parallel_line(rng: Generator, n: int, shape: Shape) -> Array:
    sites = rng.random((n, 2))
    sites[:, rng.integers(2)] = 0.5
    return sites


def _slanted_line(rng: Generator, n: int, shape: Shape) -> Array:
    return rng.random(2) / 2 + np.outer(rng.random(n), rng.uniform(-0.5, 0.5, 2))


def _circle(rng: Generator, n: int, shape: Shape) -> Array:
    regular = np.arange(n) / n
    angles = 2 * np.pi * (regular if rng.random() < 0.5 else rng.random(n))
    return 0.5 + 0.4 * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _lattice(rng: Generator, n: int, shape: Shape) -> Array:
    """Centres or corners of the density's pixels, or of a grid that divides or doubles them."""
    factor = 2.0 ** rng.integers(-1, 2)
    counts = np.maximum(1, np.minimum(factor * np.array(shape.pixels), np.sqrt(n)))
    shift = rng.choice([0.0, 0.5])
    axes = [(np.arange(int(k)) + shift) / int(k) for k in counts]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)


def _two_clusters(rng: Generator, n: int, shape: Shape) -> Array:
    size, distance = 10.0 ** rng.uniform(-6, -1), 10.0 ** rng.uniform(-1, 1)
    return size * rng.random((n, 2)) + distance * rng.integers(2, size=(n, 1))


def _coincident_groups(rng: Generator, n: int, shape: Shape) -> Array:
    return rng.random((n, 2))[rng.integers(max(1, n // 5), size=n)]


def _near_coincident(gap: float) -> Callable[[Generator, int, Shape], Array]:
    def sites(rng: Generator, n: int, shape: Shape) -> Array:
        return _coincident_groups(rng, n, shape) + gap * rng.standard_normal((n, 2))

    return sites


def _same_site(rng: Generator, n: int, shape: Shape) -> Array:
    return np.tile(rng.random(2), (n, 1))


SITES: dict[str, Callable[[Generator, int, Shape], Array]] = {
    "random": _random,
    "outside": _outside,
    "far away": _far_away,
    "many scales": _many_scales,
    "corner": _corner,
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


def _far_box(rng: Generator) -> Array:
    size = 10.0 ** rng.uniform(-3, 3)
    return _box(size, size, size * 10.0 ** rng.uniform(1, 6))


DOMAINS: dict[str, Callable[[Generator], Array]] = {
    "unit": lambda rng: _box(1.0, 1.0),
    "offset 1e6": lambda rng: _box(1.0, 1.0, 1e6),
    "far away": _far_box,
    "size 1e-6": lambda rng: _box(1e-6, 1e-6),
    "size 1e6": lambda rng: _box(1e6, 1e6),
    "elongated": _elongated,
}
