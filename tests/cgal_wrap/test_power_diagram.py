"""CGAL's power diagrams against half-planes in exact rational arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from sdot.cgal_wrap.diagram.cell_polygons import polygon_moments
from sdot.cgal_wrap.diagram.power_diagram import Triangulator, hilbert_order
from support.exact import area, box_polygon, power_cell
from support.problems import lattice, random_sites

from sdot import PowerDiagram
from sdot.diagrams import DiagramArrays, DiagramBuilder

UNIT = ((0.0, 0.0), (1.0, 1.0))
UNIT_CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])


def _families() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(7)
    x = rng.random(12)
    t = 2 * np.pi * np.arange(12) / 12
    families = {
        "one": (np.array([[0.3, 0.4]]), np.zeros(1)),
        "two": (np.array([[0.3, 0.4], [0.8, 0.1]]), np.array([0.0, 0.1])),
        "random": (random_sites(20), np.zeros(20)),
        "weighted": (random_sites(20), rng.uniform(0, 0.05, 20)),
        "heavily weighted": (random_sites(20), rng.uniform(0, 0.5, 20)),
        "large equal weights": (random_sites(10), np.full(10, 1024.0)),
        "lattice": (lattice(5), np.zeros(25)),
        "weighted lattice": (lattice(4), rng.integers(0, 3, 16) / 64.0),
        "vertical line": (np.column_stack([np.full(12, 0.5), x]), np.zeros(12)),
        "diagonal": (np.column_stack([x, x]), rng.uniform(0, 0.01, 12)),
        "near-collinear": (np.column_stack([x, 0.3 * x + 0.1]), np.zeros(12)),
        "circle": (0.5 + 0.25 * np.column_stack([np.cos(t), np.sin(t)]), np.zeros(12)),
        "outside": (random_sites(10) + np.array([3.0, -1.0]), np.zeros(10)),
        "cluster": (0.5 + 1e-6 * random_sites(10), np.zeros(10)),
    }
    return families


FAMILIES = _families()


@pytest.mark.parametrize("name", FAMILIES)
def test_areas_are_those_of_exact_half_plane_clipping(name: str) -> None:
    sites, weights = FAMILIES[name]
    diagram = PowerDiagram(sites, weights, UNIT)
    box = box_polygon(0, 0, 1, 1)
    exact = [float(area(power_cell(sites, weights, i, box))) for i in range(len(sites))]
    # A corner is rounded to an ulp of the coordinates times its conditioning.
    tolerance = 1e-9 if name == "cluster" else 1e-13
    np.testing.assert_allclose(diagram.areas, exact, rtol=0, atol=tolerance)


@pytest.mark.parametrize("name", FAMILIES)
def test_areas_sum_to_the_domain(name: str) -> None:
    sites, weights = FAMILIES[name]
    assert PowerDiagram(sites, weights, UNIT).areas.sum() == pytest.approx(1.0, abs=1e-13)


@pytest.mark.parametrize("n", [100, 3000])
def test_areas_of_many_cells_sum_to_the_domain(n: int) -> None:
    rng = np.random.default_rng(n)
    diagram = PowerDiagram(rng.random((n, 2)), rng.uniform(0, 1 / n, n), UNIT)
    assert diagram.areas.sum() == pytest.approx(1.0, abs=1e-13)


@pytest.mark.parametrize("name", FAMILIES)
def test_adjacency_is_symmetric(name: str) -> None:
    sites, weights = FAMILIES[name]
    diagram = PowerDiagram(sites, weights)
    for i, neighbours in enumerate(diagram.neighbors):
        assert (np.diff(neighbours) > 0).all()
        assert i not in neighbours
        for j in neighbours:
            assert i in diagram.neighbors[j]
    assert sum(map(len, diagram.neighbors)) == 2 * len(diagram.edges)
    assert (diagram.edges[:, 0] < diagram.edges[:, 1]).all()


@pytest.mark.parametrize("name", FAMILIES)
def test_hidden_sites_are_those_without_a_cell_in_the_plane(name: str) -> None:
    sites, weights = FAMILIES[name]
    diagram = PowerDiagram(sites, weights)
    plane = box_polygon(-1e9, -1e9, 1e9, 1e9)
    empty = [i for i in range(len(sites)) if not power_cell(sites, weights, i, plane)]
    assert diagram.hidden_sites.tolist() == empty
    for i in empty:
        assert diagram.areas[i] == 0
        assert len(diagram.neighbors[i]) == 0


def test_a_light_site_inside_a_heavy_cell_is_hidden() -> None:
    sites = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [0.5, 0.5]]
    diagram = PowerDiagram(sites, [0.0, 0.0, 0.0, 0.0, -0.75], UNIT)
    assert diagram.hidden_sites.tolist() == [4]
    np.testing.assert_allclose(diagram.areas, [0.25, 0.25, 0.25, 0.25, 0.0], atol=1e-15)
    assert diagram.cells[4].shape == (0, 2)
    assert np.isnan(diagram.centroids[4]).all()


@pytest.mark.parametrize("name", ["random", "weighted", "heavily weighted", "lattice", "circle"])
def test_every_point_of_a_cell_is_nearest_in_power_distance(name: str) -> None:
    sites, weights = FAMILIES[name]
    diagram = PowerDiagram(sites, weights, UNIT)
    points = np.random.default_rng(1).random((2000, 2))
    power = ((points[:, None, :] - sites[None, :, :]) ** 2).sum(axis=2) - weights
    nearest = power.argmin(axis=1)
    for point, i in zip(points, nearest, strict=True):
        corners = diagram.cells[i]
        sides = np.roll(corners, -1, axis=0) - corners
        offset = point - corners
        assert (sides[:, 0] * offset[:, 1] - sides[:, 1] * offset[:, 0] >= -1e-14).all()


@pytest.mark.parametrize("name", ["random", "weighted", "lattice", "near-collinear"])
def test_vertices_are_equidistant_in_power_from_their_sites(name: str) -> None:
    sites, weights = FAMILIES[name]
    arrays = DiagramArrays.build(sites, weights)
    for pair, ends in zip(arrays.edge_sites, arrays.edge_vertices, strict=True):
        for v in ends[ends >= 0]:
            gap = arrays.vertices[v] - sites
            power = (gap**2).sum(axis=1) - weights
            scale = (gap**2).sum(axis=1).max()
            assert abs(power[pair[0]] - power[pair[1]]) <= 1e-14 * scale
            assert power[pair[0]] <= power.min() + 1e-14 * scale


@pytest.mark.parametrize("k", [2, 3, 8, 20])
def test_cocircular_lattice_has_square_cells(k: int) -> None:
    diagram = PowerDiagram(lattice(k), domain=UNIT)
    np.testing.assert_allclose(diagram.areas, 1 / k**2, rtol=1e-13)
    np.testing.assert_allclose(diagram.centroids, lattice(k), atol=1e-15)
    # A lattice square is cut by one of its diagonals into an edge without length.
    assert len(diagram.edges) == 2 * k * (k - 1) + (k - 1) ** 2


def test_edges_have_their_sites_on_the_stated_sides() -> None:
    sites = random_sites(40)
    arrays = DiagramArrays.build(sites, np.zeros(40))
    bounded = (arrays.edge_vertices >= 0).all(axis=1)
    start, end = (arrays.vertices[arrays.edge_vertices[bounded, k]] for k in range(2))
    along = end - start
    left, right = (sites[arrays.edge_sites[bounded, k]] for k in range(2))
    across = left - right
    assert bounded.sum() > 60
    assert (along[:, 0] * across[:, 1] - along[:, 1] * across[:, 0] > 0).all()


@pytest.mark.parametrize("name", ["random", "lattice", "near-collinear"])
def test_order_of_insertion_does_not_change_the_cells(name: str) -> None:
    sites, weights = FAMILIES[name]
    n = len(sites)
    expected = PowerDiagram(sites, weights, UNIT)
    for order in (np.arange(n), np.arange(n)[::-1], np.random.default_rng(0).permutation(n)):
        arrays = DiagramBuilder(sites, order.astype(np.int32)).build(weights)
        areas, centroids, _ = polygon_moments(*arrays.polygons(UNIT_CORNERS), 1)
        np.testing.assert_allclose(areas, expected.areas, atol=1e-13)
        np.testing.assert_allclose(centroids, expected.centroids, atol=1e-12)


def test_coincident_sites_share_one_cell_of_the_heaviest() -> None:
    sites = [[0.25, 0.5], [0.75, 0.5], [0.75, 0.5], [0.75, 0.5]]
    diagram = PowerDiagram(sites, [0.0, -0.5, 0.0, -0.25], UNIT)
    np.testing.assert_allclose(diagram.areas, [0.5, 0.0, 0.5, 0.0], atol=1e-15)
    assert diagram.hidden_sites.tolist() == [1, 3]


def test_of_equally_heavy_coincident_sites_the_first_has_the_cell() -> None:
    rng = np.random.default_rng(3)
    sites = rng.integers(0, 3, (40, 2)) / 4.0
    diagram = PowerDiagram(sites, domain=UNIT)
    _, first = np.unique(sites, axis=0, return_index=True)
    hidden = sorted(set(range(40)) - set(first.tolist()))
    assert diagram.hidden_sites.tolist() == hidden


def test_all_sites_coincident() -> None:
    diagram = PowerDiagram(np.full((5, 2), 0.3), domain=UNIT)
    assert diagram.areas.sum() == 1.0
    assert len(diagram.hidden_sites) == 4
    assert len(diagram.edges) == 0


def test_hilbert_order_is_a_permutation_that_moves_in_short_steps() -> None:
    sites = random_sites(1000)
    order = hilbert_order(sites)
    assert sorted(order) == list(range(1000))
    steps = np.hypot(*np.diff(sites[order], axis=0).T)
    assert steps.mean() < 2 / np.sqrt(1000)


def test_mismatched_lengths_are_refused() -> None:
    order, zeros = np.arange(3, dtype=np.int32), np.zeros(3)
    with pytest.raises(ValueError, match="same length"):
        Triangulator(random_sites(4), order)
    for weights, low_weights in ((np.zeros(2), zeros), (zeros, np.zeros(2))):
        with pytest.raises(ValueError, match="same length"):
            Triangulator(random_sites(3), order).power_diagram(weights, low_weights, 1)


@pytest.mark.parametrize("seed", range(20))
def test_repair_by_flips_gives_the_diagram_built_from_scratch(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sites, order = rng.random((300, 2)), np.arange(300, dtype=np.int32)
    repaired, rebuilt = Triangulator(sites, order), Triangulator(sites, order)
    weights, low = np.zeros(300), np.zeros(300)
    assert repaired.repaired_power_diagram(weights, low, 1) is None  # nothing to repair yet
    repaired.power_diagram(weights, low, 1)
    for size in (1e-5, 1e-4, 3e-4):
        weights = weights + size * rng.standard_normal(300)
        expected = rebuilt.power_diagram(weights, low, 1)
        result = repaired.repaired_power_diagram(weights, low, 2)
        if result is None:  # flips never reach a triangulation without one of the sites
            assert size == 3e-4 or len(expected[3]) > 0
            return
        assert len(result[3]) == 0 == len(expected[3])
        pairs = [np.sort(arrays[1], axis=1) for arrays in (result, expected)]
        assert {tuple(p) for p in pairs[0]} == {tuple(p) for p in pairs[1]}
        ordered = [arrays[0][np.lexsort(arrays[0].T)] for arrays in (result, expected)]
        assert np.abs(ordered[0] - ordered[1]).max() <= 1e-9 * np.abs(ordered[1]).max()


def test_the_same_sites_give_the_same_bits() -> None:
    sites, weights = random_sites(40), np.zeros(40)
    first = DiagramArrays.build(sites, weights)
    rng = np.random.default_rng(0)
    kept = []
    for _ in range(50):
        kept.append(np.empty(rng.integers(1, 3000)))  # moves what is allocated next
        again = DiagramArrays.build(sites, weights)
        np.testing.assert_array_equal(again.vertices, first.vertices)
        np.testing.assert_array_equal(again.edge_sites, first.edge_sites)
        np.testing.assert_array_equal(again.edge_vertices, first.edge_vertices)


SQUARE = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])


def _edges(builder: DiagramBuilder, low_weights: np.ndarray) -> set[tuple[int, int]]:
    diagram = builder.build(np.full(len(low_weights), 1024.0), low_weights)
    return {(min(a, b), max(a, b)) for a, b in diagram.edge_sites.tolist()}


@pytest.mark.parametrize("heavier", range(4))
def test_what_a_weight_has_below_an_ulp_decides_which_cells_touch(heavier: int) -> None:
    # The four cells meet in one point; the heaviest one and the one across from it share an edge.
    low_weights = np.where(np.arange(4) == heavier, 1e-25, 0.0)
    builder = DiagramBuilder(SQUARE, hilbert_order(SQUARE))
    across = tuple(sorted((heavier, (heavier + 2) % 4)))
    assert across in _edges(builder, low_weights)
    assert across not in _edges(builder, -low_weights)
    repaired = builder.update(np.full(4, 1024.0), low_weights)
    assert repaired is not None
    assert across in {tuple(sorted(pair)) for pair in repaired.edge_sites.tolist()}


def test_what_a_weight_has_below_an_ulp_decides_who_is_hidden() -> None:
    sites = np.concatenate([SQUARE, [[0.5, 0.5]]])
    weights = np.array([1024.5, 1024.5, 1024.5, 1024.5, 1024.0])
    builder = DiagramBuilder(sites, hilbert_order(sites))
    for low, hidden in ((-1e-20, [4]), (1e-20, [])):
        low_weights = np.array([0.0, 0.0, 0.0, 0.0, low])
        assert builder.build(weights, low_weights).hidden_sites.tolist() == hidden


def test_of_coincident_sites_the_heavier_by_less_than_an_ulp_has_the_cell() -> None:
    sites = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    builder = DiagramBuilder(sites, hilbert_order(sites))
    for heavier, hidden in ((1, [2]), (2, [1])):
        low_weights = np.where(np.arange(4) == heavier, 1e-20, 0.0)
        assert builder.build(np.full(4, 1.0), low_weights).hidden_sites.tolist() == hidden


@pytest.mark.parametrize("exponent", [-240, -140, 140, 240])
def test_the_scale_of_the_coordinates_does_not_change_the_combinatorics(exponent: int) -> None:
    # Far out the bounds on rounding under- or overflow.
    rng = np.random.default_rng(3)
    sites, weights = rng.random((60, 2)), rng.uniform(0, 0.02, 60)
    scale = 2.0**exponent
    expected = PowerDiagram(sites, weights)
    scaled = PowerDiagram(scale * sites, scale**2 * weights)
    np.testing.assert_array_equal(scaled.edges, expected.edges)
    np.testing.assert_array_equal(scaled.hidden_sites, expected.hidden_sites)
