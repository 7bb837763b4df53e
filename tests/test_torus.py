"""Densities on a torus: `periodic=True`."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from support.faces import Face
from support.gradients import central_differences, check_in_jax, check_in_torch
from support.problems import lattice, random_image, random_sites
from support.refusals import refused

from sdot import (
    Box,
    PolynomialGrid,
    PowerDiagram,
    SplineGrid,
    SumOfDensities,
    SumOfDiracs,
    distance,
    distance_bounds,
    lloyd,
    optimal_transport_plan,
    quantize,
)
from sdot.derivatives import Linearisation, gradients, hessian_product
from sdot.errors import NotDifferentiableError

TORUS = Box(periodic=True)
FRAME = ((-1.0, 2.0), (1.0, 3.0))
IMAGE = random_image()
COPIES = np.array([(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)])


def _plan(sites: Any, density: Any = TORUS, weights: Any = None, tol: float = 1e-12) -> Any:
    return optimal_transport_plan(SumOfDiracs(sites, weights), density, tol=tol)


@pytest.mark.parametrize("site", [[0.5, 0.5], [0.1, 0.9], [0.0, 1.0], [7.3, -2.2]])
def test_one_site_on_the_unit_torus(site: list[float]) -> None:
    plan = _plan([site])
    assert plan.distance == pytest.approx(1 / 6, abs=1e-15)
    np.testing.assert_allclose(plan.barycenters, [site], atol=1e-14)
    assert plan.error_bound < 1e-12


def test_one_site_on_a_rectangular_torus() -> None:
    plan = _plan([[0.2, 5.0]], Box(((0, 3), (4, 5)), periodic=True))
    assert plan.distance == pytest.approx((4**2 + 2**2) / 12, rel=1e-14)


@pytest.mark.parametrize("k", [2, 3, 10])
def test_lattices(k: int) -> None:
    """Cells are squares of side 1 / k, wherever the lattice begins."""
    shift = np.array([0.123, 0.456])
    plan = _plan(lattice(k) + shift)
    assert plan.distance == pytest.approx(1 / (6 * k**2), rel=1e-13)
    np.testing.assert_allclose(plan.barycenters, lattice(k) + shift, atol=1e-14)


def test_two_sites_have_equal_cells_without_a_step() -> None:
    """The torus is turned into itself by half a turn about their middle."""
    plan = _plan([[0.1, 0.2], [0.7, 0.5]])
    assert plan.status.iterations == 0
    assert plan.potentials == pytest.approx([0, 0], abs=1e-15)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 30, 200])
def test_agrees_with_nine_copies(n: int) -> None:
    """Power cells of nine copies of every site with the potentials of the plan."""
    low, high = np.array(FRAME)
    rng = np.random.default_rng(n)
    sites, weights = low + (high - low) * rng.random((n, 2)), rng.uniform(0.1, 1, n)
    plan = _plan(sites, PolynomialGrid(IMAGE, FRAME, periodic=True), weights)
    shifts = COPIES * (high - low)
    copies = (sites[:, None] + shifts).reshape(-1, 2)
    cells = PowerDiagram(copies, np.repeat(plan.potentials, 9)).moments(
        PolynomialGrid(IMAGE, FRAME)
    )
    masses = cells.masses.reshape(n, 9)
    np.testing.assert_allclose(masses.sum(axis=1), weights / weights.sum(), rtol=1e-10)
    centroids = np.nan_to_num(cells.centroids).reshape(n, 9, 2)
    seen = (masses[..., None] * (centroids - shifts)).sum(axis=1) / masses.sum(axis=1)[:, None]
    np.testing.assert_allclose(plan.barycenters, seen, atol=1e-12)
    gaps = centroids - copies.reshape(n, 9, 2)
    cost = (masses * (gaps**2).sum(axis=-1)).sum() + np.trace(cells.second_moments.sum(axis=0))
    assert plan.distance == pytest.approx(cost, abs=1e-12)


def test_cells_far_from_their_sites_find_their_copies() -> None:
    """All of the mass is half a period away from the sites, which are many and close together."""
    peak = np.zeros((20, 20))
    peak[0, 9:12] = 1.0
    density = PolynomialGrid(peak, periodic=True)
    sites = 0.4 + 0.2 * random_sites(200)
    plan = _plan(sites, density, tol=1e-9)
    rolled = PolynomialGrid(np.roll(peak, (-6, -2), (0, 1)), periodic=True)
    shifted = _plan(sites - [0.3, 0.1], rolled, tol=1e-9)
    assert plan.distance == pytest.approx(shifted.distance, abs=1e-12)
    assert plan.distance > 0.1


@pytest.mark.parametrize("n", [3, 40, 500])
def test_translations_change_nothing(n: int) -> None:
    sites, shift = random_sites(n), np.array([0.37, 0.81])
    plan, moved = _plan(sites), _plan(sites + shift)
    assert moved.distance == pytest.approx(plan.distance, abs=1e-12)
    np.testing.assert_allclose(moved.barycenters, plan.barycenters + shift, atol=1e-12)
    np.testing.assert_allclose(moved.potentials, plan.potentials, atol=1e-12)


def test_sites_are_taken_modulo_the_period() -> None:
    sites, turns = random_sites(20), np.random.default_rng(0).integers(-3, 4, (20, 2))
    plan, moved = _plan(sites), _plan(sites + turns)
    assert moved.distance == pytest.approx(plan.distance, abs=1e-13)
    np.testing.assert_allclose(moved.barycenters, plan.barycenters + turns, atol=1e-12)
    np.testing.assert_allclose(moved.power_diagram.areas, 1 / 20, atol=1e-10)
    np.testing.assert_allclose(moved.power_diagram.centroids, moved.barycenters, atol=1e-12)


def test_coincident_sites_modulo_the_period() -> None:
    """1.1 - 1 is not 0.1 in doubles, and yet the same place."""
    sites = [[0.1, 0.3], [0.6, 0.2], [1.1, 0.3], [0.1, -2.7]]
    plan = _plan(sites, weights=[1.0, 3.0, 2.0, 3.0])
    merged = _plan(sites[:2], weights=[6.0, 3.0])
    assert plan.status.converged
    assert plan.distance == pytest.approx(merged.distance, abs=1e-14)
    np.testing.assert_allclose(plan.cell_masses, [1 / 9, 3 / 9, 2 / 9, 3 / 9], rtol=1e-12)
    np.testing.assert_allclose(plan.barycenters[2], plan.barycenters[0] + [1, 0], atol=1e-14)


@pytest.mark.parametrize("tol", [0.3, 1e-2, 1e-5])
def test_the_error_bound_holds(tol: float) -> None:
    density = PolynomialGrid(IMAGE, FRAME, periodic=True)
    sites = SumOfDiracs(random_sites(60) * np.array([2.0, 1.0]))
    plan = optimal_transport_plan(sites, density, tol=tol)
    exact = optimal_transport_plan(sites, density, tol=1e-13)
    error = abs(plan.distance - exact.distance)
    assert error <= plan.error_bound
    assert plan.error_bound <= 10 * tol
    assert exact.error_bound < 1e-11


def test_a_plan_on_a_torus_travels() -> None:
    plan = _plan(random_sites(30), PolynomialGrid(IMAGE, FRAME, periodic=True))
    copy = pickle.loads(pickle.dumps(plan))
    assert copy.error_bound == plan.error_bound
    assert repr(copy.density) == repr(plan.density)
    for name in ("areas", "centroids", "edges"):
        one, other = (getattr(p.power_diagram, name) for p in (plan, copy))
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(copy.hessian() @ np.ones(60), plan.hessian() @ np.ones(60))


def test_a_sum_of_periodic_densities() -> None:
    first, second = PolynomialGrid(IMAGE, periodic=True), TORUS
    sites = random_sites(15)
    values = IMAGE / IMAGE.mean() + 0.5
    together = _plan(sites, PolynomialGrid(values, periodic=True))
    summed = optimal_transport_plan(SumOfDiracs(sites, mass=1.5), first + 0.5 * second, tol=1e-12)
    assert summed.distance == pytest.approx(1.5 * together.distance, abs=1e-12)


def test_a_site_without_mass() -> None:
    sites = np.concatenate([random_sites(10), [[1.05, 0.5]]])
    weights = np.append(np.ones(10), 0.0)
    plan = _plan(sites, weights=weights)
    lighter = np.append(np.ones(10), 1e-7)
    near = _plan(sites, weights=lighter)
    assert np.abs(plan.barycenters[10] - sites[10]).max() < 0.5
    # Its potential is that at which a cell appears.
    gap = plan.potentials - plan.potentials[0]
    assert gap[10] == pytest.approx((near.potentials - near.potentials[0])[10], abs=1e-4)


def test_evaluation_is_periodic() -> None:
    density = PolynomialGrid(IMAGE, FRAME, periodic=True)
    points = np.array(FRAME[0]) + random_sites(9) * np.array([2, 1])
    elsewhere = points + np.array([4, -3])
    np.testing.assert_allclose(density.evaluate(elsewhere), density.evaluate(points))
    assert TORUS.evaluate([5.5, 0.1]) == 1


def test_sites_on_a_line() -> None:
    """All cells are strips around the torus, of the same width."""
    line = np.column_stack([np.full(5, 0.2), (np.arange(5) / 5) ** 1.5])
    plan = _plan(line)
    np.testing.assert_allclose(plan.power_diagram.areas, 0.2, rtol=1e-10)
    heights = np.sort(plan.barycenters[:, 1])
    np.testing.assert_allclose(np.diff(heights), 0.2, atol=1e-12)


def test_the_map_of_a_plan(face: Face) -> None:
    sites, points = random_sites(20) + 3, 4 * random_sites(300) - 2
    plan = _plan(face.array(sites), TORUS)
    gaps = points[:, None] - sites
    costs = ((gaps - np.round(gaps)) ** 2).sum(axis=-1) - face.numpy(plan.potentials)
    nearest = costs.argmin(axis=1)
    x = face.array(points)
    np.testing.assert_array_equal(face.numpy(plan.site_at(x)), nearest)
    np.testing.assert_allclose(face.numpy(plan.potential(x)), costs.min(axis=1), atol=1e-13)
    images = face.numpy(plan.transport(x))
    turns = images - sites[nearest]
    np.testing.assert_allclose(turns, np.round(turns), atol=1e-13)
    assert np.abs(images - points).max() <= 0.5 + 1e-13
    if face.name != "numpy":
        (gradient,) = face.gradients(lambda x: plan.potential(x).sum(), points)
        np.testing.assert_allclose(gradient, 2 * (points - images), atol=1e-12)
    np.testing.assert_allclose(np.asarray(plan.positions), sites)


def test_no_slower_way_for_uneven_densities() -> None:
    """An entropic start and an assignment know the torus: Voronoi cells have no mass here."""
    pixels = np.zeros((50, 50))
    pixels[0, 0], pixels[49, 40] = 1, 2
    for n in (30, 200):
        plan = _plan(random_sites(n), PolynomialGrid(pixels + 1e-6, periodic=True), tol=1e-8)
        assert plan.status.iterations < 100


@pytest.mark.parametrize("continuity", [0, 1, 2])
@pytest.mark.parametrize("negative", ["limit", "raise", "clip"])
def test_periodic_splines(continuity: int, negative: str) -> None:
    """As the spline through many copies of the values, wherever the values begin."""
    values, points = random_image(3, (5, 4)) + 0.3, random_sites(50)
    density = SplineGrid(values, continuity, mass=None, negative=negative, periodic=True)
    tiled = np.tile(values, (21, 21))
    tiled = np.pad(tiled, ((0, 1), (0, 1)), mode="wrap")
    around = SplineGrid(tiled, continuity, ((-10, -10), (11, 11)), mass=None, negative=negative)
    np.testing.assert_allclose(density.evaluate(points), around.evaluate(points), atol=1e-12)
    rolled = np.roll(values, (2, 1), (0, 1))
    moved = SplineGrid(rolled, continuity, mass=None, negative=negative, periodic=True)
    found = moved.evaluate(points + np.array([2 / 5, 1 / 4]))
    np.testing.assert_allclose(found, density.evaluate(points), atol=1e-12)
    assert density.grid.values.shape[:2] == values.shape


def test_periodic_splines_are_limited_across_the_sides() -> None:
    values = np.zeros((6, 6))
    values[0, 0] = 1.0
    density = SplineGrid(values, periodic=True)
    assert density.limited_nodes[5, 0] and density.limited_nodes[0, 5]
    moved = SplineGrid(np.roll(values, (3, 3), (0, 1)), periodic=True)
    np.testing.assert_array_equal(moved.limited_nodes, np.roll(density.limited_nodes, 3, (0, 1)))


def test_negative_nodes_are_named_as_they_were_given() -> None:
    values = np.ones((3, 4))
    values[1, 2] = -1.0
    with refused(ValueError, "at the node (1, 2)"):
        SplineGrid(values, periodic=True)
    spike = np.zeros((5, 5))
    spike[4, 4] = 1.0
    with refused(ValueError, "below zero between the nodes (0, 3) and (1, 4)"):
        SplineGrid(spike, 1, negative="raise", periodic=True)


# Derivatives


def _grid(values: Any) -> Any:
    return PolynomialGrid(values, ((0, 0), (1, 1.5)), periodic=True)


def _spline(values: Any) -> Any:
    return SplineGrid(values, 2, ((0, 0), (1, 1.5)), periodic=True)


def _gradients(arrays: list[np.ndarray], make: Any) -> list[np.ndarray]:
    diracs, density = SumOfDiracs(*arrays[:2]), make(arrays[2])
    plan = optimal_transport_plan(diracs, density, tol=1e-13)
    return gradients(diracs, density, plan._solution, [True] * 3)


@pytest.mark.parametrize("k", [0, 1, 2])
def test_first_derivatives(k: int) -> None:
    arrays = [random_sites(6, seed=1) + 0.7, np.linspace(1, 2, 6), random_image(1, (3, 4))]

    def value(array: np.ndarray) -> float:
        new = [*arrays[:k], array, *arrays[k + 1 :]]
        return _plan(new[0], _grid(new[2]), new[1], tol=1e-13).distance

    found = _gradients(arrays, _grid)[k]
    np.testing.assert_allclose(found, central_differences(value, arrays[k]), atol=1e-7)


@pytest.mark.parametrize("make", [_grid, _spline])
@pytest.mark.parametrize("k", [0, 1, 2])
@pytest.mark.parametrize("n", [1, 2, 7])
def test_second_derivatives(n: int, k: int, make: Any) -> None:
    rng = np.random.default_rng(n)
    arrays = [rng.random((n, 2)), rng.uniform(1, 2, n), random_image(1, (4, 5))]
    direction, step = rng.normal(size=arrays[k].shape), 1e-5
    diracs, density = SumOfDiracs(*arrays[:2]), make(arrays[2])
    plan = optimal_transport_plan(diracs, density, tol=1e-13)
    tangents: list[Any] = [None] * 3
    tangents[k] = direction
    found = hessian_product(Linearisation(diracs, density, plan._solution), tangents)
    moved = [[*arrays[:k], arrays[k] + s * step * direction, *arrays[k + 1 :]] for s in (1, -1)]
    after, before = (_gradients(point, make) for point in moved)
    for part, high, low in zip(found, after, before, strict=True):
        np.testing.assert_allclose(part, (high - low) / (2 * step), rtol=1e-5, atol=1e-6)


def test_the_hessian_of_one_site_is_zero_if_the_density_is_uniform() -> None:
    """Moving it changes nothing; the edges of its cell are between copies of itself."""
    plan = _plan([[0.3, 0.6]])
    np.testing.assert_allclose(plan.hessian() @ [1.0, 0.0], 0, atol=1e-13)


def test_edges_along_a_side_of_the_domain_count_once() -> None:
    """The same lattice with and without cells that end at the sides."""
    at_sides, inside = (lattice(3) + shift for shift in (0.0, 0.05))
    direction = np.random.default_rng(0).normal(size=18)
    found = [_plan(sites).hessian() @ direction for sites in (at_sides, inside)]
    np.testing.assert_allclose(found[0], found[1], atol=1e-12)


def test_no_derivatives_where_the_density_jumps_across_the_side() -> None:
    jumps = PolynomialGrid([[1.0], [2.0]], periodic=True)
    sites = np.array([[0.25, 0.5], [0.75, 0.5]])
    plan = _plan(sites, jumps, weights=[1.0, 2.0])
    with pytest.raises(NotDifferentiableError, match="jump"):
        plan.hessian()


def _cost(sites: Any, weights: Any, image: Any) -> Any:
    return distance(SumOfDiracs(sites, weights), _grid(image), tol=1e-12, warm_start=False)


def test_gradients_in_jax() -> None:
    check_in_jax(_cost, [random_sites(3), np.linspace(1, 2, 3), random_image(2, (1, 2))])


def test_gradients_in_torch() -> None:
    check_in_torch(_cost, [random_sites(3), np.linspace(1, 2, 3), random_image(2, (1, 2))])


# Diagrams


def test_the_cells_of_a_diagram_tile_the_domain() -> None:
    sites, weights = 3 * random_sites(40) - 1, 0.02 * random_sites(40)[:, 0]
    diagram = PowerDiagram(sites, weights, period=(1, 1))
    assert diagram.areas.sum() == pytest.approx(1, abs=1e-14)
    assert len(diagram.hidden_sites) > 0
    moments = diagram.moments(TORUS)
    np.testing.assert_allclose(moments.masses, diagram.areas, atol=1e-15)
    np.testing.assert_allclose(moments.centroids, diagram.centroids, atol=1e-13)
    parts = [len(rings) for rings in diagram.parts]
    assert max(parts) > 1
    assert (np.array(parts) == 0).sum() == len(diagram.hidden_sites)


def test_neighbors_are_those_among_nine_copies() -> None:
    sites, weights = random_sites(40), 0.02 * random_sites(40)[:, 0]
    copies = (sites[:, None] + COPIES).reshape(-1, 2)
    around = PowerDiagram(copies, np.repeat(weights, 9))
    expected = {
        (min(i, j) // 9, max(i, j) // 9)
        for i, j in around.edges.tolist()
        if (i % 9 == 4 or j % 9 == 4) and i // 9 != j // 9
    }
    found = PowerDiagram(sites, weights, period=(1, 1)).edges
    assert {tuple(pair) for pair in found.tolist()} == expected
    assert len(found) == len(expected)


def test_points_are_located_modulo_the_period() -> None:
    sites, weights, points = random_sites(40), 0.02 * random_sites(40)[:, 0], random_sites(500)
    gaps = points[:, None] - sites
    costs = ((gaps - np.round(gaps)) ** 2).sum(axis=-1) - weights
    diagram = PowerDiagram(sites + 3, weights, period=(1, 1))
    np.testing.assert_array_equal(diagram.locate(points - 2), costs.argmin(axis=1))


def test_the_mass_jacobian_on_a_torus() -> None:
    sites, weights = random_sites(12), 0.01 * random_sites(12)[:, 0]
    density = PolynomialGrid(IMAGE, periodic=True)
    jacobian = PowerDiagram(sites, weights, period=(1, 1)).mass_jacobian(density)
    rng, step = np.random.default_rng(0), 1e-6
    for product, move in (
        (jacobian.weights, (np.zeros((12, 2)), rng.normal(size=12))),
        (jacobian.positions, (rng.normal(size=(12, 2)), np.zeros(12))),
    ):
        ends = [
            PowerDiagram(sites + s * step * move[0], weights + s * step * move[1], period=(1, 1))
            for s in (1, -1)
        ]
        after, before = (end.moments(density).masses for end in ends)
        direction = move[1] if move[1].any() else move[0].ravel()
        np.testing.assert_allclose(product @ direction, (after - before) / (2 * step), atol=1e-7)


def test_lloyd_on_a_torus() -> None:
    for masses in ("fixed", "free"):
        result = lloyd(random_sites(20) + 5, TORUS, masses=masses, tol=1e-6)
        assert result.converged
        # About as good as hexagons, and no better.
        hexagons = 5 / (18 * np.sqrt(3)) / 20
        assert hexagons * 0.9999 < result.distance < 1.05 * hexagons


def test_quantize_on_a_torus() -> None:
    """Many points begin with a quarter of them, and midpoints across the sides too."""
    for masses, n in (("equal", 400), ("equal", 50), ("free", 100)):
        found = quantize(TORUS, n, masses=masses)
        hexagons = 5 / (18 * np.sqrt(3)) / n
        assert distance(found, TORUS) < (1.06 if masses == "equal" else 1.1) * hexagons


# What is refused


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Box(periodic=1), TypeError, "periodic: expected True or False, not 1"),
        (lambda: distance_bounds(TORUS, TORUS), ValueError, "not a periodic one"),
        (lambda: TORUS + Box(), ValueError, "expected all of them periodic, on the same domain"),
        (
            lambda: SumOfDensities([TORUS, Box(((0, 0), (2, 1)), periodic=True)]),
            ValueError,
            "on the same domain",
        ),
        (
            lambda: PowerDiagram([[0, 0]], period=(1, 0)),
            ValueError,
            "period: expected two positive",
        ),
        (lambda: PowerDiagram([[0, 0]], period=1), ValueError, "period: expected two"),
        (
            lambda: PowerDiagram([[0, 0]], domain=((0, 0), (2, 1)), period=(1, 1)),
            ValueError,
            "domain: expected a box whose sides are the period",
        ),
        (lambda: PowerDiagram([[0, 0]], period=(1, 1)).cells, ValueError, "use parts"),
        (
            lambda: PowerDiagram([[0, 0]], period=(1, 1)).clip(((0, 0), (0.5, 1))),
            ValueError,
            "not on a torus",
        ),
        (
            lambda: PowerDiagram([[0, 0]], period=(1, 1)).moments(Box()),
            ValueError,
            "density: expected one that is periodic",
        ),
        (
            lambda: PowerDiagram([[0, 0]]).moments(TORUS),
            ValueError,
            "density: expected one that is periodic",
        ),
    ],
)
def test_what_is_not_meant_is_refused(make: Any, error: type[Exception], message: str) -> None:
    with refused(error, message):
        make()


def test_a_domain_that_moves_is_refused(autodiff: Face) -> None:
    domain = autodiff.array([[0.0, 0.0], [1.0, 1.0]])
    with refused(ValueError, "domain", "not differentiated with respect to the period"):
        PolynomialGrid([[1.0]], domain, periodic=True)
