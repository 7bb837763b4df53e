"""Solutions with the Newton matrix against dense linear algebra."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy.spatial import Delaunay
from support.problems import random_sites

from sdot import NotDifferentiableError
from sdot.derivatives import newton_matrix
from sdot.derivatives.newton_matrix import NewtonMatrix
from sdot.execution import Execution


def graph(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Edges of a triangulation with weights of several sizes."""
    triangles = np.sort(Delaunay(random_sites(n)).simplices, axis=1)
    edges = np.unique(np.concatenate([triangles[:, [0, 1]], triangles[:, 1:]]), axis=0)
    weights = 10 ** np.random.default_rng(n).uniform(-4, 0, len(edges))
    return edges.astype(np.int32), weights


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
    edges, weights = graph(60)
    matrix, right_side = dense(60, edges, weights), balanced(60)
    solver = NewtonMatrix(60, edges, weights, Execution(1))
    np.testing.assert_allclose(solver.multiply(right_side), matrix @ right_side, atol=1e-14)
    found = solver.solve(right_side, np.abs(right_side))
    expected = np.linalg.pinv(matrix, rcond=1e-13) @ right_side
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-11 * np.abs(expected).max())
    residual = np.abs(matrix @ found - right_side).max()
    assert residual < 1e-13 * np.abs(matrix).max() * np.abs(found).max()


def test_parts_have_means_of_zero_and_exchange_nothing() -> None:
    edges, weights = graph(20)
    both = np.concatenate([edges, edges + 20]).astype(np.int32)
    solver = NewtonMatrix(41, both, np.tile(weights, 2), Execution(1))  # one node without edges
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
    edges, weights = graph(20)
    solver = NewtonMatrix(20, edges, weights, Execution(1))
    np.testing.assert_array_equal(solver.solve(1e-16 * balanced(20), np.ones(20)), 0)
    assert np.isnan(solver.solve(np.full(20, np.nan), np.full(20, np.nan))).all()


def test_threads_share_it() -> None:
    edges, weights = graph(300)
    solver, alone = (NewtonMatrix(300, edges, weights, Execution(1)) for _ in range(2))
    sides = [k * balanced(300) for k in range(1, 9)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda side: solver.solve(side, np.abs(side)), sides))
    for side, found in zip(sides, together, strict=True):
        np.testing.assert_array_equal(found, alone.solve(side, np.abs(side)))
