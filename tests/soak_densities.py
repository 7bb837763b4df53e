"""Random densities of every kind, drawn around the unit square and placed in any box."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from support.problems import random_lines, random_mesh, star

from sdot import Box, Mesh, Polygon, PolynomialGrid, SplineGrid, SumOfGaussians
from sdot.distributions.convex_hull import convex_hull
from sdot.distributions.density import Density

Array = npt.NDArray[np.float64]
Generator = np.random.Generator

_LARGE_IMAGE = 2048


@dataclass(frozen=True)
class Shape:
    """A density for every box ``((x_min, y_min), (x_max, y_max))``.

    ``pixels`` are those that a lattice of sites goes with.
    """

    placed: Callable[[Array], Density]
    pixels: tuple[int, int] = (8, 8)


def log_uniform(rng: Generator, low: int, high: int) -> int:
    """A whole number with a uniform logarithm."""
    return round(float(np.exp(rng.uniform(np.log(low), np.log(high)))))


def _moved(points: Array, box: Array) -> Array:
    """Points of the unit square in a box."""
    return np.asarray(box[0] + (box[1] - box[0]) * points)


# ---- grids: values (nx, ny) or (nx, ny, terms) ----


def _grid(values: Callable[[Generator], Array]) -> Callable[[Generator], Shape]:
    def shape(rng: Generator) -> Shape:
        drawn = values(rng)
        pixels = (drawn.shape[0], drawn.shape[1])
        return Shape(lambda box: PolynomialGrid(drawn, domain=box), pixels)

    return shape


def _size(rng: Generator, smallest: int = 2) -> tuple[int, int]:
    largest = _LARGE_IMAGE if rng.random() < 0.01 else 128
    return log_uniform(rng, smallest, largest), log_uniform(rng, smallest, largest)


def _half_zero(rng: Generator) -> Array:
    values = rng.uniform(0.5, 1.0, _size(rng)) if rng.random() < 0.5 else np.ones(_size(rng))
    values[: len(values) // 2] = 0.0
    return values


def _checkerboard(rng: Generator) -> Array:
    k = log_uniform(rng, 2, 32)
    return np.indices((k, k)).sum(axis=0) % 2 * 1.0


def _few_pixels(rng: Generator) -> Array:
    """Small enough for exact arithmetic."""
    return rng.random(tuple(rng.integers(1, 5, 2))) + 1e-3


def _one_pixel(rng: Generator) -> Array:
    return _single_pixels(rng, 1)


def _two_far_pixels(rng: Generator) -> Array:
    values = np.zeros(_size(rng, 8))
    values[rng.integers(2), rng.integers(2)] = 1.0
    values[-1 - rng.integers(2), -1 - rng.integers(2)] = rng.uniform(0.1, 1.0)
    return values


def _scattered_pixels(rng: Generator) -> Array:
    shape = _size(rng, 4)
    return _single_pixels(rng, max(1, round(rng.uniform(0.01, 0.2) * shape[0] * shape[1])), shape)


def _single_pixels(rng: Generator, count: int, shape: tuple[int, int] | None = None) -> Array:
    values = np.zeros(_size(rng) if shape is None else shape)
    values.ravel()[rng.integers(values.size, size=count)] = 1.0
    return values


def _dynamic_range(rng: Generator) -> Array:
    return np.asarray(10.0 ** rng.uniform(0, 12, _size(rng)))


def _bumps(rng: Generator, size: tuple[int, int]) -> Array:
    nx, ny = size
    x, y = np.meshgrid((np.arange(nx) + 0.5) / nx, (np.arange(ny) + 0.5) / ny, indexing="ij")
    sharpness = 10.0 ** rng.uniform(0, 2.5)
    values = np.full((nx, ny), 0.0 if rng.random() < 0.5 else 1e-3)
    for a, b in rng.random((rng.integers(1, 5), 2)):
        values += np.exp(-sharpness * ((x - a) ** 2 + (y - b) ** 2))
    return values


def _smooth_mixture(rng: Generator) -> Array:
    return _bumps(rng, _size(rng, 4))


def _ring(rng: Generator) -> Array:
    nx, ny = _size(rng, 16)
    x, y = np.meshgrid((np.arange(nx) + 0.5) / nx, (np.arange(ny) + 0.5) / ny, indexing="ij")
    return (np.abs(np.hypot(x - 0.5, y - 0.5) - 0.4) < 0.08) * 1.0


def _polynomial(rng: Generator) -> Array:
    """Without constant terms in half of the cases: zero on corners or edges of pixels."""
    nx, ny = rng.integers(1, 12, 2)
    values = rng.random((nx, ny, (rng.integers(1, 4) + 1) ** 2))
    if rng.random() < 0.5:
        values[..., 0] = 0.0
    return values


def _with_knots(rng: Generator) -> Shape:
    nx, ny = rng.integers(1, 12, 2)
    values, x, y = rng.random((nx, ny)), random_lines(rng, nx), random_lines(rng, ny)

    def placed(box: Array) -> Density:
        (x0, y0), (width, height) = box[0], box[1] - box[0]
        return PolynomialGrid(values, knots=(x0 + width * x, y0 + height * y))

    return Shape(placed, (int(nx), int(ny)))


def _spline(rng: Generator) -> Shape:
    values = _bumps(rng, (log_uniform(rng, 4, 40), log_uniform(rng, 4, 40)))
    continuity = int(rng.integers(3))
    return Shape(
        lambda box: SplineGrid(values, continuity=continuity, domain=box, negative="clip"),
        (values.shape[0] - 1, values.shape[1] - 1),
    )


# ---- triangles and polygons ----


def _polygon(corners: Callable[[Generator], Array]) -> Callable[[Generator], Shape]:
    def shape(rng: Generator) -> Shape:
        drawn = corners(rng)
        return Shape(lambda box: Polygon(_moved(drawn, box)))

    return shape


def _convex_corners(rng: Generator) -> Array:
    return convex_hull(rng.random((rng.integers(4, 30), 2)))


def _star_corners(rng: Generator) -> Array:
    return np.asarray(0.5 + 0.5 * star(int(rng.integers(3, 12)), rng.uniform(0.05, 0.9)))


def _star_shaped_corners(rng: Generator) -> Array:
    count = int(rng.integers(4, 20))
    angles = 2 * np.pi * (np.arange(count) + rng.uniform(0.1, 0.9, count)) / count
    radii = 0.5 * 10.0 ** -rng.uniform(0, 2, count)
    return np.asarray(0.5 + radii[:, None] * np.column_stack([np.cos(angles), np.sin(angles)]))


def _comb_corners(rng: Generator) -> Array:
    """Teeth upwards from a back; with a single one and a wide gap an L."""
    teeth, back = int(rng.integers(1, 8)), rng.uniform(0.02, 0.5)
    lefts = np.arange(teeth) / teeth
    rights = lefts + rng.uniform(0.1, 0.9) / teeth
    tops = [corner for a, b in zip(lefts, rights, strict=True) for corner in _tooth(a, b, back)]
    return np.array([[0.0, 0.0], [1.0, 0.0], [1.0, back], *tops[::-1][:-1]])


def _tooth(left: float, right: float, back: float) -> list[list[float]]:
    return [[left, back], [left, 1.0], [right, 1.0], [right, back]]


def _mesh(rng: Generator) -> Shape:
    vertices, triangles = random_mesh(int(rng.integers(1, 60)), int(rng.integers(2**31)))
    per = "triangle" if rng.random() < 0.5 else "vertex"
    values = rng.random(len(triangles) if per == "triangle" else len(vertices))
    values[rng.random(len(values)) < rng.choice([0.0, 0.5])] = 0.0
    values[0] += 0.1
    return Shape(lambda box: Mesh(_moved(vertices, box), triangles, values, per=per))


def _islands(rng: Generator) -> Shape:
    """Triangles apart from each other."""
    count = int(rng.integers(2, 6))
    angles = 2 * np.pi * (np.arange(3) / 3 + rng.uniform(0, 0.25, (count, 3)))
    corners = 0.05 * np.stack([np.cos(angles), np.sin(angles)], axis=-1) + rng.random((count, 1, 2))
    triangles, values = np.arange(3 * count).reshape(-1, 3), rng.uniform(0.1, 1.0, count)
    return Shape(
        lambda box: Mesh(_moved(corners.reshape(-1, 2), box), triangles, values, per="triangle")
    )


# ---- mixtures and sums ----


def _mixture_parameters(rng: Generator, margin: float) -> tuple[Array, Array, Array]:
    """Means, covariances and weights, of up to eight components of any shape and direction."""
    count = log_uniform(rng, 1, 8)
    means = rng.uniform(-margin, 1 + margin, (count, 2))
    deviations = 10.0 ** rng.uniform(-2, 0, (count, 1)) * [1.0, 1.0]
    deviations[:, 1] *= 10.0 ** -rng.uniform(0, 1, count)
    angles = rng.uniform(0, np.pi, count)
    axes = np.stack([np.cos(angles), -np.sin(angles), np.sin(angles), np.cos(angles)], axis=1)
    factors = axes.reshape(-1, 2, 2) * deviations[:, None]
    covariances = factors @ factors.transpose(0, 2, 1)
    return means, covariances, 10.0 ** -rng.uniform(0, 3, count)


def _mixture(rng: Generator) -> Shape:
    return _placed_mixture(_mixture_parameters(rng, 0.2), None)


def _mixture_in_box(rng: Generator) -> Shape:
    return _placed_mixture(
        _mixture_parameters(rng, 0.05), np.array([[0, 0], [1, 0], [1, 1], [0, 1.0]])
    )


def _mixture_in_polygon(rng: Generator) -> Shape:
    parameters, corners = _mixture_parameters(rng, 0.0), _convex_corners(rng)
    if not _has_mass(_placed_mixture(parameters, corners)):
        parameters[0][0] = corners.mean(axis=0)
    return _placed_mixture(parameters, corners)


def _has_mass(shape: Shape) -> bool:
    """Whether the density does not refuse its domain, which all components may miss."""
    try:
        return bool(shape.placed(np.array([[0.0, 0.0], [1.0, 1.0]])).essential_box(1e-3).size)
    except ValueError:
        return False


def _placed_mixture(parameters: tuple[Array, Array, Array], domain: Array | None) -> Shape:
    means, covariances, weights = parameters

    def placed(box: Array) -> Density:
        sides = box[1] - box[0]
        return SumOfGaussians(
            _moved(means, box),
            covariances * np.outer(sides, sides),
            weights,
            domain=None if domain is None else _moved(domain, box),
        )

    return Shape(placed)


def _sum(rng: Generator) -> Shape:
    """Parts of any kind in boxes of their own, which may overlap or lie far apart."""
    count = int(rng.integers(2, 4))
    shapes = [_PARTS[rng.integers(len(_PARTS))](rng) for _ in range(count)]
    reach = 1.0 if rng.random() < 0.7 else 10.0 ** rng.uniform(0, 2)
    corners, sizes = reach * rng.random((count, 2)), rng.uniform(0.1, 1.0, (count, 2))
    factors = 10.0 ** -rng.uniform(0, 2, count)

    def placed(box: Array) -> Density:
        boxes = [_moved(np.array([c, c + s]), box) for c, s in zip(corners, sizes, strict=True)]
        parts = [
            float(factor) * shape.placed(within)
            for shape, within, factor in zip(shapes, boxes, factors / factors.sum(), strict=True)
        ]
        return sum(parts[1:], start=parts[0])

    return Shape(placed)


_PARTS: list[Callable[[Generator], Shape]] = [
    lambda rng: Shape(Box),
    _grid(_few_pixels),
    _polygon(_star_corners),
    _polygon(_star_shaped_corners),
    _mesh,
    _spline,
    _mixture,
    _mixture_in_box,
]

DENSITIES: dict[str, Callable[[Generator], Shape]] = {
    "one pixel grid": _grid(lambda rng: np.ones((1, 1))),
    "few pixels": _grid(_few_pixels),
    "half zero": _grid(_half_zero),
    "checkerboard": _grid(_checkerboard),
    "one pixel": _grid(_one_pixel),
    "two far pixels": _grid(_two_far_pixels),
    "scattered pixels": _grid(_scattered_pixels),
    "dynamic range 1e12": _grid(_dynamic_range),
    "smooth mixture": _grid(_smooth_mixture),
    "ring": _grid(_ring),
    "polynomial": _grid(_polynomial),
    "grid with knots": _with_knots,
    "spline": _spline,
    "box": lambda rng: Shape(Box),
    "convex polygon": _polygon(_convex_corners),
    "star": _polygon(_star_corners),
    "star-shaped polygon": _polygon(_star_shaped_corners),
    "comb": _polygon(_comb_corners),
    "mesh": _mesh,
    "islands": _islands,
    "mixture": _mixture,
    "mixture in a box": _mixture_in_box,
    "mixture in a polygon": _mixture_in_polygon,
    "sum": _sum,
}

# ---- on a torus ----


def _periodic_grid(values: Callable[[Generator], Array]) -> Callable[[Generator], Shape]:
    def shape(rng: Generator) -> Shape:
        drawn = values(rng)
        pixels = (drawn.shape[0], drawn.shape[1])
        return Shape(lambda box: PolynomialGrid(drawn, domain=box, periodic=True), pixels)

    return shape


TORI: dict[str, Callable[[Generator], Shape]] = {
    "torus, uniform": lambda rng: Shape(lambda box: Box(box, periodic=True)),
    "torus, few pixels": _periodic_grid(_few_pixels),
    "torus, half zero": _periodic_grid(_half_zero),
    "torus, checkerboard": _periodic_grid(_checkerboard),
    "torus, one pixel": _periodic_grid(_one_pixel),
    "torus, two far pixels": _periodic_grid(_two_far_pixels),
    "torus, scattered pixels": _periodic_grid(_scattered_pixels),
    "torus, smooth mixture": _periodic_grid(_smooth_mixture),
    "torus, ring": _periodic_grid(_ring),
    "torus, polynomial": _periodic_grid(_polynomial),
}
