"""Factors of weighted graph Laplacians against exact rationals and other orders of elimination."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pytest
from scipy import sparse
from scipy.sparse.linalg import spsolve
from sdot.cgal_wrap.factor.laplacian_factor import LaplacianFactor
from support.problems import random_sites

from sdot.diagrams import DiagramArrays

FloatArray = npt.NDArray[np.float64]
IndexArray = npt.NDArray[np.int32]


def _edges(sites: FloatArray) -> IndexArray:
    return np.ascontiguousarray(DiagramArrays.build(sites, np.zeros(len(sites))).edge_sites)


def _weights(edges: IndexArray, decades: float) -> FloatArray:
    return 10.0 ** np.random.default_rng(len(edges)).uniform(-decades, 0, len(edges))


def _factored(sites: FloatArray, edges: IndexArray, weights: FloatArray, threads: int = 1):
    factor = LaplacianFactor(sites, edges, weights, threads)
    factor.eliminate()
    return factor


def _laplacian(n: int, edges: IndexArray, weights: FloatArray) -> sparse.csc_array:
    graph = sparse.coo_array((weights, edges.T), shape=(n, n))
    graph = (graph + graph.T).tocsc()
    return (sparse.diags_array(np.asarray(graph.sum(axis=0))) - graph).tocsc()


def _exact(
    n: int, edges: IndexArray, weights: FloatArray, right_side: list[Fraction], ground: int
) -> list[Fraction]:
    """Gauss's elimination without one node, in rationals."""
    matrix = [[Fraction(0)] * n for _ in range(n)]
    for (i, j), weight in zip(edges.tolist(), weights.tolist(), strict=True):
        for a, b in ((i, j), (j, i)):
            matrix[a][a] += Fraction(weight)
            matrix[a][b] -= Fraction(weight)
    rows = [[*row, value] for row, value in zip(matrix, right_side, strict=True)]
    free = [i for i in range(n) if i != ground]
    for place, k in enumerate(free):
        for i in free[place + 1 :]:
            if rows[i][k]:
                share = rows[i][k] / rows[k][k]
                rows[i] = [a - share * b for a, b in zip(rows[i], rows[k], strict=True)]
    solution = [Fraction(0)] * n
    for k in reversed(free):
        rest = sum((rows[k][j] * solution[j] for j in free if j != k), Fraction(0))
        solution[k] = (rows[k][n] - rest) / rows[k][k]
    return solution


@pytest.mark.parametrize("n", [2, 3, 12, 13, 60])
@pytest.mark.parametrize("decades", [1, 12, 40])
def test_every_number_is_right_to_its_last_digits(n: int, decades: float) -> None:
    # Where all right sides but one are positive nothing cancels, if the factor is right entry by
    # entry: no subtraction may have been made for it.
    sites = random_sites(n)
    edges = _edges(sites) if n > 2 else np.array([[0, 1]], dtype=np.int32)
    weights = _weights(edges, decades)
    factor = _factored(sites, edges, weights)
    right_side = np.random.default_rng(n).uniform(0.1, 1, n)
    ground = int(np.flatnonzero(factor.solve(right_side) == 0)[0])
    expected = _exact(n, edges, weights, [Fraction(value) for value in right_side], ground)
    found = factor.solve(right_side)
    for one, exact in zip(found, expected, strict=True):
        assert abs(Fraction(one) - exact) <= 2e-14 * abs(exact)


@pytest.mark.parametrize("n", [300, 20_000])
def test_solutions_are_those_of_superlu(n: int) -> None:
    sites = random_sites(n)
    edges = _edges(sites)
    weights = _weights(edges, 3)
    right_side = np.random.default_rng(n).standard_normal(n)
    right_side -= right_side.mean()
    factor = _factored(sites, edges, weights, 2)
    found = factor.solve(right_side)
    matrix = _laplacian(n, edges, weights)
    residual = np.abs(matrix @ found - right_side).max()
    assert residual <= 1e-12 * np.abs(right_side).max()
    np.testing.assert_allclose(factor.multiply(found), right_side, rtol=0, atol=1e-11)
    expected = np.zeros(n)
    expected[1:] = spsolve(matrix[1:, 1:], right_side[1:])
    np.testing.assert_allclose(
        found - found[0], expected, rtol=0, atol=1e-9 * np.abs(expected).max()
    )


def test_one_node_and_nodes_without_edges_get_zero() -> None:
    none = np.empty((0, 2), dtype=np.int32)
    for n in (0, 1, 50):
        found = _factored(random_sites(n), none, np.empty(0)).solve(np.ones(n))
        np.testing.assert_array_equal(found, np.zeros(n))


def test_parts_are_solved_apart_and_edges_of_no_weight_join_nothing() -> None:
    sites = random_sites(200)
    edges = _edges(sites)
    weights = _weights(edges, 2)
    crossing = (sites[edges, 0] < 0.5).sum(axis=1) == 1
    weights[crossing] = 0.0
    right_side = np.random.default_rng(0).standard_normal(200)
    left = sites[:, 0] < 0.5
    for part in (left, ~left):
        right_side[part] -= right_side[part].mean()
    factor = _factored(sites, edges, weights)
    assert set(factor.parts[left]) | set(factor.parts[~left]) == {0, 1}
    assert len(set(factor.parts[left])) == len(set(factor.parts[~left])) == 1
    found = factor.solve(right_side)
    assert (found == 0).sum() == 2
    image = _laplacian(200, edges, weights) @ found
    np.testing.assert_allclose(image, right_side, rtol=0, atol=1e-12)


def test_wrong_positions_cost_entries_and_no_digits() -> None:
    sites = random_sites(400)
    edges = _edges(sites)
    weights = _weights(edges, 2)
    right_side = np.random.default_rng(0).standard_normal(400)
    right_side -= right_side.mean()
    right, same, wrong = (
        _factored(positions, edges, weights)
        for positions in (sites, np.zeros((400, 2)), np.roll(sites, 7, axis=0))
    )
    assert wrong.entries > 2 * right.entries
    for factor in (same, wrong):
        image = _laplacian(400, edges, weights) @ factor.solve(right_side)
        np.testing.assert_allclose(image, right_side, rtol=0, atol=1e-11)


def test_the_order_fills_little() -> None:
    sites = random_sites(10_000)
    edges = _edges(sites)
    factor = LaplacianFactor(sites, edges, np.ones(len(edges)), 1)
    # SuperLU with minimum degrees: 21 entries a node, 1.1e7 products. Without minimum cuts: 39 and
    # 2.6e7.
    assert factor.entries < 34 * 10_000
    assert factor.products < 1.6e7


def test_the_threads_do_not_change_the_bits() -> None:
    sites = random_sites(30_000)
    edges = _edges(sites)
    weights = _weights(edges, 3)
    right_side = np.random.default_rng(0).standard_normal(30_000)
    one, three = (_factored(sites, edges, weights, threads) for threads in (1, 3))
    assert one.solve(right_side).tobytes() == three.solve(right_side).tobytes()
    assert one.multiply(right_side).tobytes() == three.multiply(right_side).tobytes()


def test_lengths_that_do_not_match_are_refused() -> None:
    sites = random_sites(20)
    edges = _edges(sites)
    with pytest.raises(ValueError, match="edges and weights"):
        LaplacianFactor(sites, edges, np.ones(3), 1)
    factor = _factored(sites, edges, np.ones(len(edges)))
    for call in (factor.solve, factor.multiply):
        with pytest.raises(ValueError, match="one number per node"):
            call(np.ones(19))
