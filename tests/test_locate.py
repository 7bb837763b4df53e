"""In whose cell is a point? Against all sites in exact rational arithmetic."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import pytest
from support.problems import lattice, random_sites
from support.refusals import refused

import sdot
from sdot import PowerDiagram
from sdot.diagrams import DiagramArrays
from sdot.distributions.density import Frame
from sdot.placed_diagram import PlacedDiagram

FloatArray = np.ndarray


def whole(value: float, power: int = 1) -> int:
    """A double in units in which all doubles are whole, and so are its products."""
    numerator, denominator = value.as_integer_ratio()
    return numerator * (2 ** (1074 * power) // denominator)


class ExactDiagram:
    """All sites, without rounding."""

    def __init__(self, diagram: PowerDiagram) -> None:
        hidden = set(diagram.hidden_sites.tolist())
        self._visible = [i not in hidden for i in range(len(diagram))]
        self._sites = [(whole(x), whole(y)) for x, y in diagram.positions.tolist()]
        self._weights = [whole(w, 2) for w in diagram.weights.tolist()]

    def locate(self, points: FloatArray) -> list[int]:
        """The first site with a cell that is as near as any site."""
        return [self._first(whole(x), whole(y)) for x, y in points.tolist()]

    def _first(self, x: int, y: int) -> int:
        powers = [
            (x - a) ** 2 + (y - b) ** 2 - w
            for (a, b), w in zip(self._sites, self._weights, strict=True)
        ]
        least = min(powers)
        return next(i for i, power in enumerate(powers) if power == least and self._visible[i])


def close_calls(sites: FloatArray, weights: FloatArray, count: int, seed: int) -> FloatArray:
    """Points that doubles hardly tell to be on one side of the line between two sites."""
    rng = np.random.default_rng(seed)
    i, j = rng.integers(len(sites), size=(2, count))
    gap = sites[j] - sites[i]
    square = (gap**2).sum(axis=1)
    i, j, gap, square = (part[square > 0] for part in (i, j, gap, square))
    share = 0.5 + (weights[i] - weights[j]) / (2 * square)
    across = np.stack([-gap[:, 1], gap[:, 0]], axis=1)
    along = rng.normal(size=len(i)) * rng.choice([0, 1e-3, 1], len(i))
    return sites[i] + share[:, None] * gap + along[:, None] * across


DIAGRAMS = {
    "random": (random_sites(60), np.zeros(60)),
    "weighted": (random_sites(60), 0.02 * random_sites(60)[:, 0]),
    "many hidden": (random_sites(60), 0.5 * random_sites(60)[:, 0]),
    "lattice": (lattice(7), np.zeros(49)),
    "weighted lattice": (lattice(7), np.tile([0.0, 0.01, 0.0, 0.0, 0.0, 0.0, 0.02], 7)),
    "on a line": (np.linspace([0.0, 0.0], [1.0, 2.0], 30), np.zeros(30)),
    "almost coincident": (0.3 + 1e-15 * np.round(9 * random_sites(60)), np.zeros(60)),
    "coincident": (np.repeat(random_sites(5), 3, axis=0), np.tile([0.0, 0.1, 0.1], 5)),
    "far away": (1e9 + random_sites(60), np.zeros(60)),
    "heavy": (random_sites(60), 1e12 * random_sites(60)[:, 0]),
    "two": (np.array([[0.0, 0.0], [1.0, 0.0]]), np.zeros(2)),
    "one": (np.array([[3.0, 4.0]]), np.zeros(1)),
}


@pytest.mark.parametrize("kind", DIAGRAMS)
def test_against_all_sites(kind: str) -> None:
    sites, weights = DIAGRAMS[kind]
    diagram = PowerDiagram(sites, weights)
    low, high = sites.min(axis=0) - 0.1, sites.max(axis=0) + 0.1
    points = np.concatenate(
        [
            low + (high - low) * random_sites(100, seed=1),
            close_calls(sites, weights, 300, seed=2),
            sites,
            [*product(low, high), sites.mean(axis=0)],
        ]
    )
    np.testing.assert_array_equal(diagram.locate(points), ExactDiagram(diagram).locate(points))


def test_a_lattice_has_ties_of_two_and_four() -> None:
    diagram = PowerDiagram([[x, y] for x in range(4) for y in range(4)])
    assert diagram.locate([[0.5, 0], [0.5, 0.5], [2.5, 2.5], [3, 2.5]]).tolist() == [0, 0, 10, 14]
    shuffled = np.random.default_rng(0).permutation(16)
    diagram = PowerDiagram(diagram.positions[shuffled])
    corner = [i for i in range(16) if shuffled[i] in (10, 11, 14, 15)]
    assert diagram.locate([2.5, 2.5]) == min(corner)


def test_all_of_a_circle_are_equally_near_to_its_middle() -> None:
    squares = [(a, b) for a in range(-65, 66) for b in range(-65, 66) if a * a + b * b == 65**2]
    sites = np.array(squares, dtype=float)[np.random.default_rng(0).permutation(len(squares))]
    assert len(sites) == 36
    assert PowerDiagram(sites).locate([0.0, 0.0]) == 0
    heavier = np.zeros(36)
    heavier[20] = 1e-9
    assert PowerDiagram(sites, heavier).locate([0.0, 0.0]) == 20


def test_a_cell_of_very_many_neighbours() -> None:
    """A heavy site in a ring of light ones, so that not all neighbours are looked at."""
    rng = np.random.default_rng(0)
    turn = rng.uniform(0, 2 * np.pi, 2000)
    ring = (1 + 1e-6 * rng.random((2000, 1))) * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    sites = np.concatenate([ring, [[0.0, 0.0]]])
    weights = np.concatenate([1e-6 * rng.random(2000), [0.6]])
    diagram = PowerDiagram(sites, weights)
    assert len(diagram.neighbors[2000]) > 500
    # Near the border of its cell, all over it, and outside.
    near = np.repeat(0.5 * (1 + weights[2000]) * ring[:500], 2, axis=0) + 1e-3 * rng.normal(
        size=(1000, 2)
    )
    points = np.concatenate([near, rng.uniform(-1.2, 1.2, (4000, 2))])
    powers = ((points[:, None] - sites) ** 2).sum(axis=2) - weights
    np.testing.assert_array_equal(diagram.locate(points), powers.argmin(axis=1))
    on_border = close_calls(sites[[2000, 0, 1, 2]], weights[[2000, 0, 1, 2]], 30, seed=1)
    np.testing.assert_array_equal(
        diagram.locate(on_border), ExactDiagram(diagram).locate(on_border)
    )


@pytest.mark.parametrize("seed", range(6))
def test_in_a_frame_and_with_weights_of_two_doubles(seed: int) -> None:
    """A point of the caller's is not rounded on its way to the frame."""
    rng = np.random.default_rng(seed)
    count = 12
    sites = 0.3 + (1.0 if seed % 2 else 1e-13) * rng.random((count, 2))
    weights, low = 1e-3 * rng.random(count), 1e-19 * rng.normal(size=count)
    frame = Frame(np.array([0.1, -7.3]), np.array([0.3, 11.0 / 7]))
    owners = rng.permutation(count + 3)[:count]
    arrays = DiagramArrays.build(sites, weights)
    arrays = DiagramArrays(
        sites, weights, low, arrays.vertices, *_all_pairs(count), arrays.hidden_sites[:0]
    )
    placed = PlacedDiagram(arrays, frame, owners, count + 3)
    points = frame.origin + frame.scale * close_calls(sites, weights, 60, seed)
    found = placed.locate(points, sdot.driver.execution)
    origin, scale = ([Fraction(v) for v in part] for part in map(np.ndarray.tolist, frame))
    for point, site in zip(points.tolist(), found, strict=True):
        place = [(Fraction(x) - o) / s for x, o, s in zip(point, origin, scale, strict=True)]
        powers = [
            (place[0] - Fraction(a)) ** 2
            + (place[1] - Fraction(b)) ** 2
            - Fraction(w)
            - Fraction(v)
            for (a, b), w, v in zip(sites.tolist(), weights.tolist(), low.tolist(), strict=True)
        ]
        assert site == min(owners[k] for k in range(count) if powers[k] == min(powers))


def _all_pairs(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Edges between all sites: whatever the weights, the neighbours are among them."""
    pairs = np.stack(np.triu_indices(count, 1), axis=1).astype(np.int32)
    return pairs, np.full_like(pairs, -1)


@pytest.mark.parametrize("count", [1, 40_000])
def test_any_number_of_threads_and_any_shape(count: int) -> None:
    diagram = PowerDiagram(random_sites(500))
    points = random_sites(count, seed=3)
    results = []
    for threads in (1, 2, 5):
        sdot.driver.threads = threads
        results.append(diagram.locate(points))
    assert all(np.array_equal(results[0], other) for other in results)
    assert results[0].dtype == np.int64
    np.testing.assert_array_equal(
        diagram.locate(points.reshape(1, count, 1, 2))[0, :, 0], results[0]
    )
    assert diagram.locate(points[0]).shape == ()
    assert diagram.locate(np.empty((0, 3, 2))).shape == (0, 3)


def test_the_domain_cuts_cells_but_every_point_has_one() -> None:
    diagram = PowerDiagram([[0.2, 0.5], [0.8, 0.5]], domain=((0, 0), (1, 1)))
    assert diagram.locate([[-50.0, 3.0], [2.0, 0.5]]).tolist() == [0, 1]
    assert diagram.clip([[0, 0], [0.1, 0], [0, 0.1]]).locate([2.0, 0.5]) == 1


@pytest.mark.parametrize(
    ("points", "error", "parts"),
    [
        (np.ones((4, 3)), ValueError, ("(..., 2)", "(4, 3)")),
        (1.0, ValueError, ("(..., 2)",)),
        ([[0.0, np.nan]], ValueError, ("finite", "(0, 1)")),
        ([np.inf, 0.0], ValueError, ("finite",)),
        ([1e80, 0.0], ValueError, ("1e+75",)),
        (["a", "b"], TypeError, ("real numbers",)),
    ],
)
def test_wrong_points(points: Any, error: type[Exception], parts: tuple[str, ...]) -> None:
    with refused(error, "x: ", *parts):
        PowerDiagram(random_sites(3)).locate(points)
