"""The public `PowerDiagram`."""

from __future__ import annotations

import numpy as np
import pytest
from support.exact import area, centroid, power_cell, rational_polygon
from support.faces import Face
from support.problems import lattice, random_sites

from sdot import PowerDiagram

UNIT = ((0.0, 0.0), (1.0, 1.0))
TRIANGLE = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]


def test_areas_and_centroids_in_a_polygon() -> None:
    sites, weights = random_sites(15), np.random.default_rng(1).uniform(0, 0.05, 15)
    diagram = PowerDiagram(sites, weights, TRIANGLE)
    for i in range(15):
        exact = power_cell(sites, weights, i, rational_polygon(TRIANGLE))
        assert diagram.areas[i] == pytest.approx(float(area(exact)), abs=1e-15)
        if exact:
            middle = [float(v) for v in centroid(exact)]
            np.testing.assert_allclose(diagram.centroids[i], middle, rtol=0, atol=1e-13)
        else:
            assert np.isnan(diagram.centroids[i]).all()
    assert diagram.areas.sum() == pytest.approx(0.5, abs=1e-14)


def test_cells_are_the_polygons_of_the_areas() -> None:
    diagram = PowerDiagram(random_sites(50), domain=UNIT)
    for cell, expected in zip(diagram.cells, diagram.areas, strict=True):
        assert float(area(rational_polygon(cell))) == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize("n", [1, 2])
def test_few_sites_in_the_plane_have_unbounded_cells(n: int) -> None:
    diagram = PowerDiagram(random_sites(n))
    np.testing.assert_array_equal(diagram.areas, np.inf)
    assert np.isnan(diagram.centroids).all()


def test_collinear_sites_in_the_plane_have_unbounded_cells() -> None:
    diagram = PowerDiagram(np.column_stack([np.arange(5.0), np.zeros(5)]))
    np.testing.assert_array_equal(diagram.areas, np.inf)
    assert diagram.edges.tolist() == [[0, 1], [1, 2], [2, 3], [3, 4]]


def test_in_the_plane_only_inner_cells_are_bounded() -> None:
    diagram = PowerDiagram(lattice(4))
    inner = np.zeros((4, 4), dtype=bool)
    inner[1:3, 1:3] = True
    np.testing.assert_allclose(diagram.areas[inner.ravel()], 1 / 16, rtol=1e-14)
    np.testing.assert_array_equal(diagram.areas[~inner.ravel()], np.inf)
    np.testing.assert_allclose(diagram.centroids[inner.ravel()], lattice(4)[inner.ravel()])
    assert np.isnan(diagram.centroids[~inner.ravel()]).all()


def test_cells_in_the_plane_need_a_domain() -> None:
    with pytest.raises(ValueError, match="domain="):
        PowerDiagram(random_sites(4)).cells  # noqa: B018  (computed on access)


def test_weights_move_the_edge_between_two_sites() -> None:
    # |x|**2 - w_0 = |x - 1|**2 - w_1 at x = (1 + w_0 - w_1) / 2.
    diagram = PowerDiagram([[0.0, 0.5], [1.0, 0.5]], [0.25, -0.25], UNIT)
    np.testing.assert_allclose(diagram.areas, [0.75, 0.25], rtol=1e-15)


def test_a_constant_added_to_all_weights_changes_nothing() -> None:
    sites = random_sites(10)
    one, two = PowerDiagram(sites, domain=UNIT), PowerDiagram(sites, np.full(10, 3.0), UNIT)
    np.testing.assert_allclose(one.areas, two.areas, atol=1e-14)
    np.testing.assert_array_equal(one.edges, two.edges)


def test_arrays_are_immutable() -> None:
    diagram = PowerDiagram(random_sites(8), np.zeros(8), UNIT)
    arrays = [
        diagram.positions,
        diagram.weights,
        diagram.domain,
        diagram.areas,
        diagram.centroids,
        diagram.edges,
        diagram.hidden_sites,
        *diagram.neighbors,
        *diagram.cells,
    ]
    for array in arrays:
        assert not array.flags.writeable


def test_sites_of_every_framework(face: Face) -> None:
    sites = random_sites(8)
    diagram = PowerDiagram(face.array(sites), face.array(np.zeros(8)), UNIT)
    np.testing.assert_array_equal(diagram.areas, PowerDiagram(sites, None, UNIT).areas)


def test_the_callers_arrays_may_change_afterwards() -> None:
    sites, domain = random_sites(8), np.array(UNIT)
    diagram = PowerDiagram(sites, domain=domain)
    expected = PowerDiagram(random_sites(8), domain=UNIT).areas
    sites[:] = 0
    domain[:] = 0
    np.testing.assert_array_equal(diagram.areas, expected)


def test_length_and_representation() -> None:
    diagram = PowerDiagram([[0.25, 0.5], [0.25, 0.5]], [0.0, -5.0], UNIT)
    assert len(diagram) == 2
    assert repr(diagram) == "PowerDiagram(2 sites in a polygon of 4 corners, 1 hidden)"
    assert "the plane" in repr(PowerDiagram(random_sites(3)))


def test_a_polygon_may_have_collinear_corners() -> None:
    corners = [[0, 0], [0.5, 0], [1, 0], [1, 1], [0, 1]]
    assert PowerDiagram(random_sites(9), domain=corners).areas.sum() == pytest.approx(1, abs=1e-14)


def test_coincident_sites_do_not_count_twice() -> None:
    sites = np.repeat(random_sites(5), 3, axis=0)
    diagram = PowerDiagram(sites, domain=UNIT)
    assert diagram.areas.sum() == pytest.approx(1.0, abs=1e-13)
    assert diagram.hidden_sites.tolist() == [1, 2, 4, 5, 7, 8, 10, 11, 13, 14]
