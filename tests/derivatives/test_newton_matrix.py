"""Solutions with the Newton matrix against dense linear algebra."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy.spatial import Delaunay
from support.problems import random_sites

from sdot import NotDifferentiableError
from sdot.derivatives import newton_matrix
from sdot.derivatives.newton_matrix import NewtonMatrix
from sdot.execution import Execution


def graph(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positions, edges of a triangulation and weights of several sizes."""
    positions = random_sites(n)
    triangles = np.sort(Delaunay(positions).simplices, axis=1)
    edges = np.unique(np.concatenate([triangles[:, [0, 1]], triangles[:, 1:]]), axis=0)
    weights = 10 ** np.random.default_rng(n).uniform(-4, 0, len(edges))
    return positions, edges.astype(np.int32), weights


def dense(n: int, edges: np.ndarray, weights: np.ndarray) -> np.ndarray:
    matrix = np.zeros((n, n))
    for (i, j), weight in zip(edges, weights, strict=True):
        matrix[[i, j], [i, j]] += weight
        matrix[[i, j], [j, i]] -= weight
    return matrix


def balanced(n: int) -> np.ndarray:
    values = np.random.default_rng(0).standard_normal(n)
    return values - values.mean()


@pytest.mark.parametrize("most_factored", [0, 10**6])
def test_a_solution_is_that_of_the_pseudo_inverse(
    most_factored: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(newton_matrix, "_MOST_FACTORED", most_factored)
    positions, edges, weights = graph(60)
    matrix, right_side = dense(60, edges, weights), balanced(60)
    solver = NewtonMatrix(positions, edges, weights, Execution(1))
    np.testing.assert_allclose(solver.multiply(right_side), matrix @ right_side, atol=1e-14)
    found = solver.solve(right_side, np.abs(right_side))
    expected = np.linalg.pinv(matrix, rcond=1e-13) @ right_side
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-11 * np.abs(expected).max())
    residual = np.abs(matrix @ found - right_side).max()
    assert residual < 1e-13 * np.abs(matrix).max() * np.abs(found).max()


def test_where_a_factor_would_take_too_much_there_is_none() -> None:
    # Two lines across from each other: all of one is next to all of the other.
    count = 3000
    lines = np.repeat([0.0, 10.0], count)
    heights = np.tile(np.linspace(0, 1, count), 2)
    k = np.arange(count - 1)
    pairs = [[k, k + 1], [count + k, count + k + 1], [k, count + k], [k + 1, count + k]]
    edges = np.concatenate([np.stack(pair, axis=1) for pair in pairs]).astype(np.int32)
    solver = NewtonMatrix(np.stack([lines, heights], 1), edges, np.ones(len(edges)), Execution(1))
    right_side = balanced(2 * count)
    begin = time.process_time()
    found = solver.solve(right_side, np.abs(right_side))
    assert time.process_time() - begin < 2
    first, second = edges.T
    flows = found[first] - found[second]
    image = np.bincount(first, flows, 2 * count) - np.bincount(second, flows, 2 * count)
    np.testing.assert_allclose(image, right_side, rtol=0, atol=1e-9)


def test_parts_have_means_of_zero_and_exchange_nothing() -> None:
    positions, edges, weights = graph(20)
    all_positions = np.concatenate([positions, positions + 1, [[0.5, 3.0]]])
    both = np.concatenate([edges, edges + 20]).astype(np.int32)
    solver = NewtonMatrix(
        all_positions, both, np.tile(weights, 2), Execution(1)
    )  # one node without edges
    right_side = np.concatenate([balanced(20), 2 * balanced(20), [0.0]])
    found = solver.solve(right_side, np.abs(right_side))
    np.testing.assert_allclose(found[20:40], 2 * found[:20], rtol=0, atol=1e-10)
    assert abs(found[:20].mean()) < 1e-10
    assert found[40] == 0
    right_side[0] += 1
    right_side[25] -= 1
    with pytest.raises(NotDifferentiableError, match="groups of cells"):
        solver.solve(right_side, np.abs(right_side))


def test_rounding_is_no_right_side_and_nan_goes_through() -> None:
    positions, edges, weights = graph(20)
    solver = NewtonMatrix(positions, edges, weights, Execution(1))
    np.testing.assert_array_equal(solver.solve(1e-16 * balanced(20), np.ones(20)), 0)
    assert np.isnan(solver.solve(np.full(20, np.nan), np.full(20, np.nan))).all()


def test_threads_share_it() -> None:
    positions, edges, weights = graph(300)
    solver, alone = (NewtonMatrix(positions, edges, weights, Execution(1)) for _ in range(2))
    sides = [k * balanced(300) for k in range(1, 9)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda side: solver.solve(side, np.abs(side)), sides))
    for side, found in zip(sides, together, strict=True):
        np.testing.assert_array_equal(found, alone.solve(side, np.abs(side)))
