"""Cells in regions that are not convex: their parts, areas and centroids."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.exact import area, centroid, power_cell, rational_polygon
from support.problems import lattice, random_sites

from sdot import Box, Mesh, Polygon, PowerDiagram, SumOfDiracs, SumOfGaussians
from sdot import optimal_transport_plan as plan_of

Array = np.ndarray
L = [[0.0, 0], [3, 0], [3, 1], [1, 1], [1, 3], [0, 3]]
L_BOXES = [[[0.0, 0], [3, 0], [3, 1], [0, 1]], [[0.0, 1], [1, 1], [1, 3], [0, 3]]]
HOLE = Mesh(  # the square [0, 3]^2 without [1, 2]^2
    [[0, 0], [3, 0], [3, 3], [0, 3], [1, 1], [2, 1], [2, 2], [1, 2]],
    [[0, 1, 5], [0, 5, 4], [1, 2, 6], [1, 6, 5], [2, 3, 7], [2, 7, 6], [3, 0, 4], [3, 4, 7]],
    np.ones(8),
    per="triangle",
)


def _signed_area(ring: Array) -> float:
    return float(area(rational_polygon(ring)))


def _contains(rings: tuple[Array, ...], points: Array) -> Array:
    """Even-odd rule."""
    inside = np.zeros(len(points), dtype=bool)
    for ring in rings:
        for (x0, y0), (x1, y1) in pairwise(np.concatenate([ring, ring[:1]])):
            crosses = (y0 <= points[:, 1]) != (y1 <= points[:, 1])
            with np.errstate(divide="ignore", invalid="ignore"):
                at = x0 + (points[:, 1] - y0) / (y1 - y0) * (x1 - x0)
            inside ^= crosses & (at > points[:, 0])
    return inside


@pytest.mark.parametrize("sites", [random_sites(40), lattice(6), lattice(5) + 1e-9], ids=str)
def test_cells_of_an_l(sites: Array) -> None:
    # On the lattice of 6 x 6 sites, edges of cells lie along the notch.
    sites = 3 * sites
    weights = np.random.default_rng(1).uniform(0, 0.05, len(sites)) * (len(sites) == 40)
    diagram = PowerDiagram(sites, weights, ((0, 0), (3, 3))).clip(L)
    assert diagram.areas.sum() == pytest.approx(5, rel=1e-15)
    for i, rings in enumerate(diagram.parts):
        cells = [power_cell(sites, weights, i, rational_polygon(box)) for box in L_BOXES]
        exact = [cell for cell in cells if cell]
        assert diagram.areas[i] == pytest.approx(float(sum(map(area, exact))), abs=4e-15)
        assert sum(map(_signed_area, rings)) == pytest.approx(diagram.areas[i], abs=4e-15)
        if diagram.areas[i] > 1e-12:
            total = sum(map(area, exact))
            for k in range(2):
                middle = sum((area(c) * centroid(c)[k] for c in exact), Fraction(0)) / total
                assert diagram.centroids[i, k] == pytest.approx(float(middle), abs=1e-13)


def test_every_point_of_the_region_is_in_one_cell() -> None:
    star = np.array([[np.cos(t), np.sin(t)] for t in np.arange(10) * np.pi / 5])
    star[1::2] *= 0.4
    sites = random_sites(30) * 2 - 1
    diagram = PowerDiagram(sites).clip(star)
    points = np.random.default_rng(0).uniform(-1, 1, (3000, 2))
    nearest = ((points[:, None] - sites) ** 2).sum(axis=2).argmin(axis=1)
    inside = _contains((star,), points)
    for i, rings in enumerate(diagram.parts):
        np.testing.assert_array_equal(_contains(rings, points), inside & (nearest == i))


def test_a_cell_may_have_a_hole() -> None:
    plan = plan_of(SumOfDiracs([[1.5, 1.5]]), HOLE)
    (rings,) = plan.power_diagram.parts
    assert sorted(map(_signed_area, rings)) == [-1, 9]
    assert plan.power_diagram.areas[0] == pytest.approx(8, rel=1e-15)
    np.testing.assert_allclose(plan.power_diagram.centroids, [[1.5, 1.5]])
    with pytest.raises(ValueError, match=r"^cells: .*use parts"):
        plan.power_diagram.cells  # noqa: B018  (computed on access)
    assert "region of 8 corners" in repr(plan.power_diagram)


@pytest.mark.parametrize(
    ("density", "total"),
    [
        (Polygon(L), 5.0),
        (HOLE, 8.0),
        (Polygon(L) + Box(((1, 1), (3, 3))), 9.0),  # together a square
        (Polygon(L) + 2 * Box(((2, 0.5), (4, 2))), 5 + 3 - 0.5),
        (Box(((0, 0), (1, 1))) + Box(((2, 0), (3, 1))), 2.0),
        (Mesh([[0, 0], [2, 0], [2, 2], [1, 0]], [[0, 3, 2], [3, 1, 2]], [1.0, 0.0]), 2.0),
        (Mesh([[0, 0], [2, 0], [0, 2], [2, 2]], [[0, 1, 2], [1, 3, 0]], [1.0, 1.0]), 3.0),
    ],
    ids=["polygon", "hole", "square", "overlap", "apart", "without mass", "overlapping triangles"],
)
def test_areas_of_plans_are_those_of_the_region(density: object, total: float) -> None:
    sites = 3 * random_sites(40)
    diagram = plan_of(SumOfDiracs(sites, mass=density.total_mass), density).power_diagram  # type: ignore[attr-defined]
    assert diagram.areas.sum() == pytest.approx(total, rel=1e-13)
    if isinstance(density, Polygon):
        np.testing.assert_allclose(diagram.areas, total / 40, rtol=1e-7)
        np.testing.assert_allclose(
            diagram.centroids, plan_of(SumOfDiracs(sites), density).barycenters, rtol=1e-9
        )
    corners = np.concatenate([ring for rings in diagram.parts for ring in rings])
    assert (corners >= density.box[0] - 1e-14).all()  # type: ignore[attr-defined]
    assert (corners <= density.box[1] + 1e-14).all()  # type: ignore[attr-defined]


def test_a_mesh_with_hanging_corners() -> None:
    # A long side next to two short ones.
    mesh = Mesh(
        [[0, 0], [2, 0], [2, 2], [1, 0], [1, -1]], [[0, 1, 2], [0, 4, 3], [3, 4, 1]], np.ones(3)
    )
    assert len(mesh.region) == 1
    assert sorted(mesh.region[0].tolist()) == [[0, 0], [1, -1], [2, 0], [2, 2]]


def test_the_plane_has_no_region() -> None:
    gaussian = SumOfGaussians([[0.0, 0.0]], [1.0])
    assert gaussian.region is None
    assert (gaussian + Polygon(L)).region is None
    (ring,) = Box().region or ()
    np.testing.assert_array_equal(ring, Box().domain)


@st.composite
def _simple_polygons(draw: st.DrawFn) -> list[list[float]]:
    """Star-shaped, on few different radii, so that corners and sides meet those of cells."""
    count = draw(st.integers(3, 9))
    steps = [draw(st.sampled_from([0.25, 0.5, 1.0, 2.0])) for _ in range(count)]
    t = 2 * np.pi * np.arange(count) / count
    return np.round(np.column_stack([steps * np.cos(t), steps * np.sin(t)]) * 8).tolist()


@settings(deadline=None, max_examples=60)
@given(polygon=_simple_polygons(), count=st.integers(1, 5), seed=st.integers(0, 100))
def test_clipped_cells_are_exact(polygon: list[list[float]], count: int, seed: int) -> None:
    try:
        region = Polygon(polygon)
    except ValueError:  # rounding made corners coincide
        return
    sites = np.round(np.random.default_rng(seed).uniform(-8, 8, (count, 2)))
    sites = np.unique(sites, axis=0)
    weights = np.zeros(len(sites))
    diagram = PowerDiagram(sites).clip(polygon)
    pieces = region.pieces
    triangles = [pieces.points[a:b] for a, b in pairwise(pieces.offsets)]
    for i in range(len(sites)):
        exact = sum(area(power_cell(sites, weights, i, rational_polygon(t))) for t in triangles)
        assert diagram.areas[i] == pytest.approx(float(exact), abs=1e-12)
    again = diagram.clip([[-20, -20], [20, -20], [20, 20], [-20, 20]])
    np.testing.assert_allclose(again.areas, diagram.areas, atol=1e-12)


class TestClip:
    """`PowerDiagram.clip`."""

    def test_to_a_box_and_a_convex_polygon(self) -> None:
        diagram = PowerDiagram(random_sites(30), domain=((0, 0), (1, 1)))
        box = diagram.clip(((0.2, 0.3), (0.6, 2)))
        assert box.region is None
        np.testing.assert_allclose(box.areas.sum(), 0.4 * 0.7, rtol=1e-14)
        whole = PowerDiagram(random_sites(30), domain=((0.2, 0.3), (0.6, 1)))
        np.testing.assert_allclose(box.areas, whole.areas, atol=1e-15)
        clockwise = diagram.clip([[0, 1], [1, 0], [0, 0]])
        np.testing.assert_allclose(clockwise.areas.sum(), 0.5, rtol=1e-14)

    def test_twice_is_the_intersection(self) -> None:
        diagram = PowerDiagram(3 * random_sites(20)).clip(L).clip(((0.5, 0.5), (2, 2)))
        np.testing.assert_allclose(diagram.areas.sum(), 1.5 * 0.5 + 0.5 * 1, rtol=1e-14)
        assert diagram.positions.tolist() == (3 * random_sites(20)).tolist()

    def test_cells_of_plans(self) -> None:
        plan = plan_of(SumOfDiracs(3 * random_sites(20)), Polygon(L))
        clipped = plan.power_diagram.clip(((0, 0), (3, 1)))
        np.testing.assert_allclose(clipped.areas.sum(), 3, rtol=1e-14)

    def test_wrong_polygons(self) -> None:
        diagram = PowerDiagram(random_sites(3), domain=((0, 0), (1, 1)))
        with pytest.raises(ValueError, match=r"^polygon: expected a simple polygon"):
            diagram.clip([[0, 0], [1, 1], [1, 0], [0, 1]])
        with pytest.raises(ValueError, match=r"^polygon: expected an array of shape \(k, 2\)"):
            diagram.clip([1.0, 2.0])
        with pytest.raises(ValueError, match=r"^polygon: expected one that meets the domain"):
            diagram.clip([[2, 2], [3, 2], [2, 3]])
        with pytest.raises(ValueError, match=r"^polygon: .*nan"):
            diagram.clip([[0, 0], [1, np.nan], [0, 1]])
