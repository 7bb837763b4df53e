"""Solutions of weighted graph Laplacians, whatever the scales of their weights."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy import sparse
from sdot.cgal_wrap.laplacian.graph_laplacian import GraphLaplacian
from support.problems import random_sites

from sdot.diagrams import DiagramArrays

FloatArray = npt.NDArray[np.float64]
IndexArray = npt.NDArray[np.int32]


def _neighbours(n: int) -> IndexArray:
    return np.ascontiguousarray(DiagramArrays.build(random_sites(n), np.zeros(n)).edge_sites)


def _image(edges: IndexArray, weights: FloatArray, x: FloatArray) -> FloatArray:
    flows = weights * (x[edges[:, 0]] - x[edges[:, 1]])
    n = len(x)
    return np.bincount(edges[:, 0], flows, n) - np.bincount(edges[:, 1], flows, n)


def _balanced(n: int) -> FloatArray:
    right_side = np.random.default_rng(n).standard_normal(n)
    return right_side - right_side.mean()


def _clusters(clusters: int, size: int, heavy: float) -> tuple[IndexArray, FloatArray]:
    """Neighbouring clusters tied by edges of weight 0.001 to 1, their nodes by heavy ones."""
    rng = np.random.default_rng(clusters)
    between = _neighbours(clusters)
    member = rng.integers(size, size=between.shape, dtype=np.int32)
    inside = [
        [size * c + k, size * c + (k + 1) % size] for c in range(clusters) for k in range(size)
    ]
    edges = np.concatenate([size * between + member, np.array(inside, dtype=np.int32)])
    weights = np.concatenate(
        [10 ** rng.uniform(-3, 0, len(between)), heavy * 10 ** rng.uniform(-2, 0, len(inside))]
    )
    order = rng.permutation(len(edges))
    return np.ascontiguousarray(edges[order], dtype=np.int32), weights[order]


@pytest.mark.parametrize("n", [2, 50, 500, 20_000])
@pytest.mark.parametrize("decades", [0, 3])
def test_residuals_are_as_small_as_asked_for(n: int, decades: int) -> None:
    edges = _neighbours(n) if n > 2 else np.array([[0, 1]], dtype=np.int32)
    weights = 10.0 ** np.random.default_rng(1).uniform(-decades, 0, len(edges))
    right_side = _balanced(n)
    x, iterations, reported = GraphLaplacian(n, edges, weights, 2).solve(right_side, 1e-10, 300)
    residual = np.linalg.norm(_image(edges, weights, x) - right_side) / np.linalg.norm(right_side)
    assert residual <= 2e-10
    assert reported == pytest.approx(residual, abs=1e-10)
    assert iterations <= 60
    assert abs(x.mean()) <= 1e-12 * np.abs(x).max()


@pytest.mark.parametrize("size", [3, 5, 7])
@pytest.mark.parametrize("heavy", [1e4, 1e8, 1e12])
def test_clusters_tied_by_heavy_edges_move_against_each_other(size: int, heavy: float) -> None:
    # Of almost coincident sites. A pair of such clusters must not become one node of a coarser
    # graph: nothing finer can move its two parts against each other.
    edges, weights = _clusters(60, size, heavy)
    n = 60 * size
    right_side = _balanced(n)
    x, iterations, _ = GraphLaplacian(n, edges, weights, 1).solve(right_side, 1e-4, 300)
    # Rounding of x times the heaviest weight limits what doubles can do.
    floor = 1e-15 * np.abs(x).max() * heavy / np.linalg.norm(right_side)
    residual = np.linalg.norm(_image(edges, weights, x) - right_side) / np.linalg.norm(right_side)
    assert residual <= 1.01e-4 + 20 * floor
    assert iterations <= 60


def test_where_rounding_forbids_more_the_best_solution_is_returned() -> None:
    edges, weights = _clusters(60, 5, 1e14)
    right_side = _balanced(300)
    system = GraphLaplacian(300, edges, weights, 1)
    x, iterations, reported = system.solve(right_side, 1e-14, 300)
    assert iterations < 100
    assert reported < 1
    residual = np.linalg.norm(_image(edges, weights, x) - right_side) / np.linalg.norm(right_side)
    assert residual < 1


def test_parts_without_a_path_between_them_are_solved_apart() -> None:
    edges = _neighbours(100)
    both = np.ascontiguousarray(np.concatenate([edges, edges + 100]), dtype=np.int32)
    weights = np.random.default_rng(2).uniform(0.1, 1, len(both))
    graph = sparse.coo_array((weights, both.T), shape=(200, 200))
    parts, part_of = sparse.csgraph.connected_components(graph, directed=False)
    assert parts == 2
    right_side = np.concatenate([_balanced(100), 3 + _balanced(100)])
    x, _, _ = GraphLaplacian(200, both, weights, 1).solve(right_side, 1e-10, 300)
    solvable = right_side - np.where(part_of == part_of[0], 0.0, 3.0)
    np.testing.assert_allclose(_image(both, weights, x), solvable, atol=1e-8)
    assert abs(x[:100].mean()) < 1e-12
    assert abs(x[100:].mean()) < 1e-12


def test_the_threads_do_not_change_the_bits() -> None:
    edges = _neighbours(40_000)
    weights = np.random.default_rng(3).uniform(0.1, 1, len(edges))
    one, two = (
        GraphLaplacian(40_000, edges, weights, threads).solve(_balanced(40_000), 1e-6, 300)[0]
        for threads in (1, 2)
    )
    assert one.tobytes() == two.tobytes()


@pytest.mark.parametrize("n", [40, 40_000])  # one block of nodes, and three
def test_the_order_of_edges_and_their_ends_does_not_matter(n: int) -> None:
    edges, rng = _neighbours(n), np.random.default_rng(2)
    weights = rng.uniform(0.1, 1, len(edges))
    turned = np.where(rng.random(len(edges)) < 0.5, edges.T, edges.T[::-1]).T
    order = rng.permutation(len(edges))
    right_side = _balanced(n)
    x, iterations, _ = GraphLaplacian(n, edges, weights, 2).solve(right_side, 1e-10, 300)
    other = GraphLaplacian(
        n, np.ascontiguousarray(turned[order], dtype=np.int32), weights[order], 2
    )
    found, other_iterations, _ = other.solve(right_side, 1e-10, 300)
    np.testing.assert_allclose(found, x, atol=1e-7 * np.abs(x).max())
    assert abs(other_iterations - iterations) <= 3


def test_an_edge_from_a_node_to_itself_counts_for_nothing() -> None:
    edges = _neighbours(500)
    loops = np.repeat(np.arange(500, dtype=np.int32)[:, None], 2, axis=1)
    weights = np.random.default_rng(3).uniform(0.1, 1, len(edges))
    right_side = _balanced(500)
    x, _, _ = GraphLaplacian(500, edges, weights, 1).solve(right_side, 1e-8, 300)
    with_loops = GraphLaplacian(
        500, np.concatenate([loops, edges]), np.concatenate([np.full(500, 10.0), weights]), 1
    )
    found, _, _ = with_loops.solve(right_side, 1e-8, 300)
    np.testing.assert_array_equal(found, x)
