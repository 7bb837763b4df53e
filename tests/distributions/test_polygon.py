"""Uniform densities on polygons and boxes."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from support.problems import annulus, random_sites, star
from support.refusals import refused

from sdot import (
    Box,
    Mesh,
    Polygon,
    PolynomialGrid,
    PowerDiagram,
    SumOfDiracs,
    distance,
    optimal_transport_plan,
)
from sdot.distributions.convex_hull import convex_hull
from sdot.validation import check_convex_domain

TIGHT = 1e-12
L_SHAPE = [[0, 0], [2, 0], [2, 1], [1, 1], [1, 2], [0, 2]]


@pytest.mark.parametrize("turned", [False, True])
def test_an_l_shape_is_three_pixels(turned: bool) -> None:
    grid = PolynomialGrid([[1.0, 1.0], [1.0, 0.0]], ((0, 0), (2, 2)))
    polygon = Polygon(L_SHAPE[::-1] if turned else L_SHAPE)
    sites = SumOfDiracs(2 * random_sites(20))
    plan, expected = (optimal_transport_plan(sites, d, tol=TIGHT) for d in (polygon, grid))
    assert plan.distance == pytest.approx(expected.distance, rel=1e-13)
    np.testing.assert_allclose(plan.potentials, expected.potentials, rtol=0, atol=1e-11)
    np.testing.assert_allclose(plan.barycenters, expected.barycenters, rtol=0, atol=1e-11)
    assert polygon.area == 3.0
    # The hull loses a corner of the square.
    assert plan.power_diagram.areas.sum() == pytest.approx(3)


@pytest.mark.parametrize("corners", [3, 4, 7, 40])
def test_one_site_in_a_regular_polygon(corners: int) -> None:
    angles = 2 * np.pi * np.arange(corners) / corners
    polygon = Polygon(np.column_stack([np.cos(angles), np.sin(angles)]) + 5)
    # The polar moment of a regular polygon of unit circumradius, over its area.
    expected = (2 + np.cos(2 * np.pi / corners)) / 6
    assert distance(SumOfDiracs([[5, 5]]), polygon) == pytest.approx(expected, rel=1e-13)


def test_a_polygon_cut_in_two_is_the_same() -> None:
    angles = 2 * np.pi * np.arange(9) / 9
    corners = np.column_stack([2 * np.cos(angles), np.sin(angles)])
    whole = Polygon(corners)
    halves = [Polygon(corners[:5]), Polygon(corners[[4, 5, 6, 7, 8, 0]])]
    parts = halves[0].area * halves[0] + halves[1].area * halves[1]
    fan = Mesh(corners, [[0, k, k + 1] for k in range(1, 8)], np.ones(7))
    sites = corners[:1] + random_sites(15)
    results = [
        optimal_transport_plan(SumOfDiracs(sites, mass=d.total_mass), d, tol=TIGHT)
        for d in (whole, parts, fan)
    ]
    for plan in results[1:]:
        share = plan.density.total_mass
        assert plan.distance / share == pytest.approx(results[0].distance, rel=1e-12)
        np.testing.assert_allclose(plan.potentials, results[0].potentials, rtol=0, atol=1e-10)


@pytest.mark.parametrize("n", [1, 2, 50])
def test_a_star_has_its_symmetry(n: int) -> None:
    turn = 2 * np.pi / 5
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    sites = random_sites(n) - 0.3
    one = distance(SumOfDiracs(sites), Polygon(star()), tol=TIGHT)
    other = distance(SumOfDiracs(sites @ rotation.T), Polygon(star()), tol=TIGHT)
    assert one == pytest.approx(other, rel=1e-11)


def test_shifts_and_scales_of_a_polygon() -> None:
    sites = random_sites(12) - 0.5
    expected = distance(SumOfDiracs(sites), Polygon(star()), tol=TIGHT)
    for scale, shift in ((1e-3, 7.0), (1e4, -3e4)):
        found = distance(
            SumOfDiracs(scale * sites + shift), Polygon(scale * star() + shift), tol=1e-9
        )
        rounding = 1e-14 * (abs(shift) / scale + 1)
        assert found / scale**2 == pytest.approx(expected, rel=1e-11 + rounding)


@pytest.mark.parametrize("height", [1e-3, 1e-7])
def test_needles(height: float) -> None:
    needle = Polygon([[0, 0], [1, 1], [2, 2 + height], [1, 1 + height]])
    plan = optimal_transport_plan(SumOfDiracs(2 * random_sites(20)), needle)
    assert plan.status.converged
    box = Polygon([[0, 0], [1, 0], [1, height], [0, height]])
    # In the limit this is transport on a line: sites at quarter points.
    value = distance(SumOfDiracs([[0.25, 0.0], [0.75, 0.0]]), box)
    assert value == pytest.approx(1 / 48 + height**2 / 3, rel=1e-9)


def test_the_density_is_uniform() -> None:
    polygon = Polygon(L_SHAPE, mass=6)
    points = [[0.5, 0.5], [1.5, 0.5], [0.5, 1.5], [1.5, 1.5], [-1, 0]]
    np.testing.assert_allclose(polygon.evaluate(points), [2, 2, 2, 0, 0])
    np.testing.assert_array_equal(polygon.box, [[0, 0], [2, 2]])
    assert polygon.total_mass == 6
    assert polygon.arrays == ()


@pytest.mark.parametrize(
    ("vertices", "error", "message"),
    [
        ([[0, 0], [1, 1]], ValueError, r"\(k, 2\) with k >= 3, not \(2, 2\)"),
        ([[0, 0], [1, 0], [0, np.inf]], ValueError, "vertices: expected finite"),
        ([["a", "b"]] * 3, TypeError, "real numbers"),
        ([[0, 0], [1, 0], [1, 0], [0, 1]], ValueError, "corners 1 and 2 are both"),
        ([[0, 0], [1, 0], [0, 0]], ValueError, "corners 2 and 0 are both"),
        ([[0, 0], [1, 1], [1, 0], [0, 1]], ValueError, r"sides 0 and 2 \(between corners \[0, 1"),
        ([[0, 0], [1, 1], [2, 2]], ValueError, "sides 0 and 2 .* cross or touch"),
    ],
)
def test_bad_polygons_are_refused(vertices: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Polygon(vertices)


SQUARE = [[0, 0], [3, 0], [3, 3], [0, 3]]
HOLE = [[1, 1], [2, 1], [2, 2], [1, 2]]


def test_a_ring_may_be_closed() -> None:
    closed = Polygon([*L_SHAPE, L_SHAPE[0]])
    np.testing.assert_array_equal(closed.vertices, Polygon(L_SHAPE).vertices)
    diagram = PowerDiagram([[0.5, 0.5], [1.5, 0.5]], domain=((0, 0), (2, 2)))
    np.testing.assert_array_equal(
        diagram.clip([*L_SHAPE, L_SHAPE[0]]).areas, diagram.clip(L_SHAPE).areas
    )


@pytest.mark.parametrize("turned", [False, True])
def test_a_frame_is_eight_pixels(turned: bool) -> None:
    grid = PolynomialGrid([[1.0, 1, 1], [1, 0, 1], [1, 1, 1]], ((0, 0), (3, 3)))
    polygon = Polygon(SQUARE, holes=[HOLE[::-1] if turned else HOLE])
    sites = SumOfDiracs(3 * random_sites(12))
    plan, expected = (optimal_transport_plan(sites, d, tol=TIGHT) for d in (polygon, grid))
    assert polygon.area == 8
    assert plan.distance == pytest.approx(expected.distance, rel=1e-13)
    np.testing.assert_allclose(plan.barycenters, expected.barycenters, rtol=0, atol=1e-11)
    np.testing.assert_allclose(plan.power_diagram.areas, 8 / 12, rtol=1e-11)
    points = 3 * random_sites(1000)
    np.testing.assert_allclose(polygon.evaluate(points), grid.evaluate(points), rtol=1e-14)
    assert (polygon.evaluate(polygon.sample(1000, 0)) > 0).all()


def test_a_cell_goes_around_a_hole() -> None:
    polygon = Polygon(SQUARE, holes=[HOLE])
    plan = optimal_transport_plan(SumOfDiracs([[1.5, 1.5]]), polygon)
    rings = plan.power_diagram.parts[0]
    assert sorted(map(len, rings)) == [4, 4]
    # The moment of a square of side a about its middle is a**4 / 6.
    assert plan.distance == pytest.approx((81 - 1) / 6 / 8, rel=1e-14)


def test_polygons_with_holes_add_up() -> None:
    """A star, cut out of a square and added to it again."""
    ring = Polygon(4 * np.array(SQUARE) - 6, holes=[star()])
    filled = ring.area * ring + Polygon(star()).area * Polygon(star())
    whole = Polygon(4 * np.array(SQUARE) - 6, mass=144)
    sites = SumOfDiracs(3 * random_sites(30), mass=144)
    assert filled.total_mass == pytest.approx(144, rel=1e-14)
    found, expected = (distance(sites, d, tol=TIGHT) for d in (filled, whole))
    assert found == pytest.approx(expected, rel=1e-12)


def test_two_holes_and_a_copy_by_arguments() -> None:
    small = [np.array(HOLE) / 4 + k for k in (0.1, 1.5)]
    polygon = Polygon(SQUARE, 2, holes=small)
    assert polygon.area == pytest.approx(9 - 2 / 16, rel=1e-14)
    copy = pickle.loads(pickle.dumps(polygon))
    assert repr(copy) == "Polygon(4 corners, 2 holes, area 8.875, mass 2)"
    for one, two in zip(copy.region, polygon.region, strict=True):
        np.testing.assert_array_equal(one, two)
        assert not one.flags.writeable


@pytest.mark.parametrize(
    ("holes", "error", "message"),
    [
        (5, TypeError, "holes: expected a sequence of arrays of shape (h, 2), not 5"),
        ([[[1, 1], [2, 2]]], ValueError, "holes[0]: expected an array of shape (k, 2)"),
        ([HOLE, [[1, 1], [2, 2], [2, 1], [1, 2]]], ValueError, "holes[1]: expected a simple"),
        ([[[2, 1], [4, 1], [4, 2], [2, 2]]], ValueError, "touches side 1 of vertices"),
        ([[[0, 1], [1, 1], [1, 2]]], ValueError, "touches side 3 of vertices"),
        ([HOLE, [[2, 2], [2.5, 2], [2.5, 2.5]]], ValueError, "holes[1]: expected rings that do"),
        ([[[5, 5], [6, 5], [6, 6]]], ValueError, "holes[0]: expected a hole inside"),
        ([[[-1, -1], [4, -1], [4, 4], [-1, 4]]], ValueError, "holes[0]: expected a hole inside"),
        ([HOLE, [[1.2, 1.2], [1.8, 1.2], [1.5, 1.8]]], ValueError, "one inside of holes[0]"),
        ([[[1, 1], [2, 1], [2, np.nan]]], ValueError, "holes[0]: expected finite"),
    ],
)
def test_bad_holes_are_refused(holes: Any, error: type[Exception], message: str) -> None:
    with refused(error, message):
        Polygon(SQUARE, holes=holes)


def test_polygons_and_boxes_need_a_mass() -> None:
    for make in (lambda mass: Polygon(L_SHAPE, mass), lambda mass: Box(mass=mass)):
        with pytest.raises(TypeError, match="mass: expected a positive number, not None"):
            make(None)


def test_a_box_is_one_pixel() -> None:
    domain = ((-1.0, 2.0), (3.0, 3.0))
    box, pixel = Box(domain, mass=2), PolynomialGrid([[1.0]], domain, mass=2)
    sites = SumOfDiracs(random_sites(20), mass=2)
    assert distance(sites, box, tol=TIGHT) == distance(sites, pixel, tol=TIGHT, warm_start=False)
    points = [[0.0, 2.5], [3.0, 3.0], [4.0, 2.5]]
    np.testing.assert_array_equal(box.evaluate(points), pixel.evaluate(points))
    np.testing.assert_array_equal(box.domain, pixel.domain)
    with pytest.raises(ValueError, match=r"domain: expected .*x_min < x_max"):
        Box(((0, 0), (1, 0)))
    with pytest.raises(ValueError, match="points"):
        box.evaluate([1.0, 2.0, 3.0])


@pytest.mark.parametrize("seed", range(5))
def test_convex_hulls_are_convex_domains(seed: int) -> None:
    rng = np.random.default_rng(seed)
    t = np.round(rng.random(60), 1)
    # Many points on the sides of a triangle, up to rounding.
    points = (
        np.array([0.1, 0.3]) + np.outer(t, [0.7, 0.1]) + np.outer(np.round(t * 7) % 2, [0.3, 0])
    )
    for given in (points, rng.random((50, 2)), 1e-17 * points + points[:1], np.round(3 * points)):
        if np.linalg.matrix_rank(given - given[0], tol=1e-12) < 2:
            continue
        hull = check_convex_domain(convex_hull(given))
        for a, b in zip(hull, np.roll(hull, -1, axis=0), strict=True):
            side = b - a
            outside = side[1] * (given[:, 0] - a[0]) - side[0] * (given[:, 1] - a[1])
            assert outside.max() < 1e-14


def test_the_hull_of_a_needle() -> None:
    needle = np.array([[0, 0], [1, 1], [2, 2 + 1e-15], [0.5, 0.5]])
    np.testing.assert_array_equal(convex_hull(needle)[0], [0, 0])


@pytest.mark.parametrize("name", ["star", "annulus"])
def test_supports_with_notches_and_holes_are_solved_in_few_steps(name: str) -> None:
    density = (
        Polygon(star()) if name == "star" else Mesh(*annulus(40, 0.6), np.ones(80), per="triangle")
    )
    for sites in (3 * random_sites(400) - 1.5, random_sites(400) + 4):
        plan = optimal_transport_plan(SumOfDiracs(sites), density)
        assert plan.status.iterations < 30
        inside = density.evaluate(plan.barycenters) > 0
        assert inside.mean() > 0.9
