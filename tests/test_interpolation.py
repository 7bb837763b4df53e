"""Displacement interpolation: ends, moments, shapes, values, and its length."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from support.faces import Face
from support.problems import lattice, random_image, random_sites, star
from support.refusals import refused

import sdot
from sdot import (
    Box,
    OtPlan,
    Polygon,
    PolynomialGrid,
    SplineGrid,
    SumOfDiracs,
    SumOfGaussians,
    optimal_transport_plan,
)

SITES = 3 * random_sites(30)
IMAGE = random_image() + 0.1


def plan_of(density: Any = None, sites: Any = SITES) -> OtPlan:
    density = PolynomialGrid(IMAGE) if density is None else density
    return optimal_transport_plan(SumOfDiracs(sites, mass=density.total_mass), density, tol=1e-12)


def area_and_centroid(corners: np.ndarray) -> tuple[float, np.ndarray]:
    """By triangles from the first corner."""
    first, a, b = corners[0], corners[1:-1], corners[2:]
    doubled = (a - first)[:, 0] * (b - first)[:, 1] - (a - first)[:, 1] * (b - first)[:, 0]
    return doubled.sum() / 2, doubled @ (first + a + b) / (3 * doubled.sum())


def test_the_ends_are_the_density_and_the_sites() -> None:
    plan = plan_of()
    start, end = plan.interpolate(0), plan.interpolate(1.0)
    for cell, before in zip(start.cells, plan.power_diagram.cells, strict=True):
        np.testing.assert_array_equal(cell, before)
    np.testing.assert_array_equal(start.barycenters, plan.barycenters)
    points = random_sites(500)
    np.testing.assert_array_equal(start.evaluate(points), plan.density.evaluate(points))
    np.testing.assert_array_equal(start.sample(9, 1), plan.density.sample(9, 1))
    np.testing.assert_array_equal(end.barycenters, SITES)
    for cell, site in zip(end.cells, SITES, strict=True):
        np.testing.assert_array_equal(cell, np.tile(site, (len(cell), 1)))
    assert not end.areas.any() and not end.spreads.any() and np.isinf(end.densities).all()
    np.testing.assert_array_equal(end.transport(points), plan.transport(points))
    with refused(ValueError, "less than 1"):
        end.evaluate(points)


@pytest.mark.parametrize("t", [0.3, 0.9])
def test_cells_shrink_into_their_sites(t: float) -> None:
    plan = plan_of(Box())
    between = plan.interpolate(t)
    for k, cell in enumerate(between.cells):
        area, centroid = area_and_centroid(cell)
        assert area == pytest.approx((1 - t) ** 2 / 30, rel=1e-9)
        np.testing.assert_allclose(centroid, between.barycenters[k], atol=1e-12)
    np.testing.assert_allclose(between.densities, 1 / (1 - t) ** 2, rtol=1e-9)
    np.testing.assert_allclose(between.masses.sum(), 1.0)
    np.testing.assert_allclose(between.areas * between.densities, between.masses, rtol=1e-11)


@pytest.mark.parametrize("t", [0.25, 0.6])
def test_the_value_where_a_point_has_come_to(t: float) -> None:
    density = SplineGrid(IMAGE, 1, mass=2)
    plan = plan_of(density)
    between = plan.interpolate(t)
    points = random_sites(2000)
    found = between.evaluate(between.transport(points))
    np.testing.assert_allclose(found, density.evaluate(points) / (1 - t) ** 2, rtol=1e-12)


def test_values_sum_to_the_mass_and_to_the_moments() -> None:
    plan = plan_of(sites=random_sites(30))
    between = plan.interpolate(0.4)
    raster = lattice(900)
    values = between.evaluate(raster) / 900**2
    assert values.sum() == pytest.approx(1.0, abs=2e-3)
    centre = between.masses @ between.barycenters
    np.testing.assert_allclose(values @ raster, centre, atol=2e-3)
    second = (values * ((raster - centre) ** 2).sum(axis=1)).sum()
    gaps = ((between.barycenters - centre) ** 2).sum(axis=1)
    expected = between.masses @ gaps + np.trace(between.spreads.sum(axis=0))
    assert second == pytest.approx(expected, abs=2e-3)


def test_it_is_a_path_of_constant_speed() -> None:
    """W2^2 from the sites, of a density of the moved cells, is that part of the whole."""
    sites = [[0.0, 0.0], [3.0, 0.0]]
    plan = optimal_transport_plan(SumOfDiracs(sites), Box(), tol=1e-12)
    between = plan.interpolate(0.7)
    moved = sum(
        (0.5 * Polygon(cell) for cell in between.cells[1:]), 0.5 * Polygon(between.cells[0])
    )
    left = sdot.distance(SumOfDiracs(sites), moved)
    assert left == pytest.approx(0.3**2 * plan.distance, rel=1e-9)


def test_random_points_follow_their_cells() -> None:
    plan = plan_of(SumOfGaussians([[0.2, 0.3], [0.8, 0.7]], [0.02, 0.03]))
    between = plan.interpolate(0.5)
    points = between.sample(20_000, 0)
    np.testing.assert_allclose(points.mean(axis=0), between.barycenters.mean(axis=0), atol=2e-2)
    np.testing.assert_allclose(
        points, 0.5 * (plan.density.sample(20_000, 0) + plan.interpolate(1).sample(20_000, 0))
    )
    assert (between.evaluate(points) > 0).all()
    with refused(ValueError, "cells", "domain"):
        between.cells  # noqa: B018


def test_coincident_and_massless_sites() -> None:
    sites = [[0.2, 0.5], [0.8, 0.5], [0.2, 0.5], [0.3, 0.5]]
    plan = optimal_transport_plan(SumOfDiracs(sites, [1, 4, 2, 0]), Box(), tol=1e-12)
    between = plan.interpolate(0.5)
    np.testing.assert_allclose(between.densities[:2], 4.0, rtol=1e-10)
    assert np.isnan(between.densities[2:]).all()
    assert [len(cell) for cell in between.cells] == [4, 4, 0, 0]
    assert between.evaluate([0.2, 0.5]) == 4


def test_a_region_that_is_not_convex() -> None:
    density = Polygon(star())
    plan = plan_of(density, random_sites(12) - 0.5)
    between = plan.interpolate(0.5)
    assert sum(map(len, between.parts)) >= 12
    np.testing.assert_allclose(between.areas @ between.densities, density.total_mass, rtol=1e-9)


@pytest.mark.parametrize("t", [0.3, 0.7])
def test_on_a_torus(t: float) -> None:
    density = PolynomialGrid(IMAGE, periodic=True)
    sites = 0.3 * random_sites(9) + 0.8  # across the sides of the square
    plan = optimal_transport_plan(SumOfDiracs(sites), density, tol=1e-12)
    between = plan.interpolate(t)
    points = random_sites(1000)
    there = between.transport(points)
    assert (np.abs(there - points) <= 0.5).all()
    np.testing.assert_allclose(
        between.evaluate(there), density.evaluate(points) / (1 - t) ** 2, rtol=1e-12
    )
    raster = lattice(900)
    values = between.evaluate(raster)
    assert values.mean() == pytest.approx(1.0, abs=4e-3)
    drawn = between.sample(20_000, 0)
    assert (between.evaluate(drawn) > 0).all()
    sizes = [sum(area_and_centroid(ring)[0] for ring in rings) for rings in between.parts]
    np.testing.assert_allclose(sizes, between.areas, rtol=1e-9)
    for k, rings in enumerate(between.parts):
        for ring in rings:
            inside = 0.999 * ring + 0.001 * ring.mean(axis=0)
            gaps = between._places.locate(inside)
            assert (gaps == k).all()
    gaps = plan.positions - between.barycenters
    np.testing.assert_allclose(gaps, (1 - t) * (plan.positions - plan.barycenters), atol=1e-14)
    assert (np.abs(gaps) <= 0.5 * (1 - t)).all()


def test_barycentres_are_of_the_framework(face: Face) -> None:
    plan = plan_of(sites=face.array(SITES))
    between = plan.interpolate(0.25)
    assert face.owns(between.barycenters) and face.owns(between.spreads)
    expected = 0.75 * face.numpy(plan.barycenters) + 0.25 * SITES
    np.testing.assert_allclose(face.numpy(between.barycenters), expected, atol=1e-15)
    x = face.array(random_sites(5))
    np.testing.assert_allclose(
        face.numpy(between.transport(x)), 0.75 * x + 0.25 * plan.transport(x), atol=1e-15
    )


def test_it_can_be_pickled() -> None:
    between = plan_of().interpolate(0.5)
    again = pickle.loads(pickle.dumps(between))
    np.testing.assert_array_equal(again.densities, between.densities)
    assert "t=0.5" in repr(again)


@pytest.mark.parametrize(
    ("t", "error"),
    [
        (-1e-9, ValueError),
        (1.5, ValueError),
        (np.nan, ValueError),
        (np.inf, ValueError),
        ("half", TypeError),
        (None, TypeError),
        (True, TypeError),
        ([0.5, 0.6], TypeError),
    ],
)
def test_wrong_times(t: Any, error: type[Exception]) -> None:
    with refused(error, "t: expected a number from 0"):
        plan_of().interpolate(t)


@pytest.mark.parametrize("t", [np.float32(0.5), np.array(0.5), 1, 0])
def test_times_may_be_any_numbers(t: Any) -> None:
    assert plan_of(Box(), SITES[:3]).interpolate(t).t == float(t)
