"""`lloyd` finds sites that are the barycentres of their cells."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from support.faces import Face
from support.problems import gmm_image, random_image, random_sites, uniform
from support.refusals import refused

from sdot import (
    Box,
    ConvergenceError,
    PolynomialGrid,
    PowerDiagram,
    SumOfDiracs,
    distance,
    driver,
    lloyd,
    optimal_transport_plan,
)
from sdot.execution import SERIAL
from sdot.quantisation.energies import FixedMasses, FreeMasses

SQUARE = ((0, 0), (1, 1))


def test_one_site_goes_to_the_mean() -> None:
    result = lloyd([[9.0, -7.0]], Box(((0, 0), (2, 1)), mass=3))
    np.testing.assert_allclose(result.positions, [[1.0, 0.5]], atol=1e-12)
    np.testing.assert_allclose(result.distance, 3 * 5 / 12)
    np.testing.assert_allclose(result.masses, [3.0])


def test_two_sites_halve_a_rectangle() -> None:
    result = lloyd([[0.1, 0.5], [0.2, 0.5]], Box(((0, 0), (2, 1))))
    np.testing.assert_allclose(result.positions, [[0.5, 0.5], [1.5, 0.5]], atol=1e-6)
    np.testing.assert_allclose(result.distance, 1 / 6)


def test_prescribed_masses_split_a_rectangle() -> None:
    """Both sites on the axis: slabs of a third and two thirds, whose centres are 1/6 and 2/3."""
    result = lloyd([[0.1, 0.5], [0.2, 0.5]], Box(((0, 0), (1, 0.1))), [1.0, 2.0])
    np.testing.assert_allclose(result.positions[:, 0], [1 / 6, 2 / 3], atol=1e-6)
    np.testing.assert_allclose(result.masses, [1 / 3, 2 / 3])
    exact = ((1 / 3) ** 3 + (2 / 3) ** 3) / 12 + 0.01 / 12
    np.testing.assert_allclose(result.distance, exact, rtol=1e-9)


def test_the_end_is_stationary() -> None:
    """For power cells that another solve finds."""
    density = PolynomialGrid(gmm_image(16))
    result = lloyd(random_sites(30), density, tol=1e-9)
    plan = optimal_transport_plan(result.diracs, density, tol=1e-12)
    np.testing.assert_allclose(plan.barycenters, result.positions, atol=1e-9)
    np.testing.assert_allclose(plan.distance, result.distance, rtol=1e-12)


def test_voronoi_cells_end_as_centroids() -> None:
    """Their polygons' own centroids, by the shoelace formula."""
    result = lloyd(random_sites(40), uniform(), masses="free", tol=1e-9)
    diagram = PowerDiagram(result.positions, domain=SQUARE)
    np.testing.assert_allclose(diagram.centroids, result.positions, atol=1e-9)
    np.testing.assert_allclose(diagram.areas, result.masses, atol=1e-9)
    np.testing.assert_allclose(distance(result.diracs, uniform()), result.distance, rtol=1e-9)


def test_voronoi_cells_do_not_depend_on_where_they_are() -> None:
    sites, far = random_sites(10), np.array([1e6, -3e6])
    here = lloyd(sites, Box(), masses="free", tol=1e-5)
    there = lloyd(sites + far, Box((far, far + 1)), masses="free", tol=1e-5)
    np.testing.assert_allclose(there.distance, here.distance, rtol=1e-7)
    np.testing.assert_allclose(there.positions - far, here.positions, atol=1e-5)


@pytest.mark.parametrize("masses", ["fixed", "free"])
def test_the_energy_never_increases(masses: Any) -> None:
    density = PolynomialGrid(random_image())
    seen: list[Any] = []
    result = lloyd(random_sites(50), density, masses=masses, callback=seen.append)
    assert tuple(seen) == result.history
    values = np.array([step.distance for step in result.history])
    # While masses are coarse, values have errors of second order in them.
    assert (np.diff(values) <= 1e-3 * values[0]).all()
    late = np.array([s.distance for s in result.history if s.gradient_norm < 1e-2])
    assert (np.diff(late) <= 1e-5 * late[0]).all()
    assert [step.iteration for step in seen] == list(range(len(seen)))
    assert (np.diff([step.diagrams for step in seen]) > 0).all()


@pytest.mark.parametrize("kind", ["fixed", "free"])
def test_it_takes_a_tenth_of_the_diagrams_of_plain_lloyd(kind: Any) -> None:
    density, sites = Box(), random_sites(40)
    fast = lloyd(sites, density, masses=kind, tol=1e-8)
    energy: Any = FreeMasses(density, SERIAL)
    if kind == "fixed":
        energy = FixedMasses(density, np.ones(40), SERIAL)
    current = energy.at(sites, 1e-3)
    while current.relative_gradient > 1e-8 and energy.diagrams <= 10 * fast.diagrams:
        current = energy.at(current.barycenters, 1e-9)
    assert energy.diagrams > 10 * fast.diagrams


def test_gradient_norm_as_it_is_stated() -> None:
    density = PolynomialGrid(random_image())
    result = lloyd(random_sites(20), density, tol=None, max_iterations=3)
    gaps = result.positions - result.barycenters
    plan = optimal_transport_plan(result.diracs, density)
    expected = np.sqrt((result.masses * (gaps**2).sum(axis=1)).sum() / plan.distance)
    np.testing.assert_allclose(result.gradient_norm, expected, rtol=1e-2)
    assert result.iterations == 3
    assert not result.converged
    assert "after 3 steps" in result.message


def test_sites_without_mass_stay() -> None:
    sites = random_sites(5)
    result = lloyd(sites, uniform(), [1.0, 0.0, 1.0, 1.0, 1.0])
    np.testing.assert_array_equal(result.positions[1], sites[1])
    assert result.masses[1] == 0
    without = lloyd(np.delete(sites, 1, axis=0), uniform())
    np.testing.assert_allclose(result.distance, without.distance, rtol=1e-9)


def test_sites_that_get_no_mass_stay() -> None:
    result = lloyd([[0.5, 0.5], [30.0, 30.0]], uniform(), masses="free")
    np.testing.assert_array_equal(result.positions[1], [30.0, 30.0])
    np.testing.assert_allclose(result.masses, [1.0, 0.0])


def test_sites_may_start_outside() -> None:
    result = lloyd(5 + random_sites(10), uniform())
    assert ((result.positions > 0) & (result.positions < 1)).all()


def test_what_has_not_converged_is_attached() -> None:
    with pytest.raises(ConvergenceError, match="max_iterations") as caught:
        lloyd(random_sites(30), uniform(), max_iterations=2)
    result = caught.value.result
    assert result is not None and not result.converged
    assert result.iterations == 2
    assert len(result.positions) == 30


def test_going_on_is_cheap() -> None:
    density = PolynomialGrid(random_image())
    first = lloyd(random_sites(40), density, tol=1e-6)
    again = lloyd(first.positions, density, tol=1e-6)
    assert again.iterations <= 0.1 * first.iterations


def test_a_callback_ends_it() -> None:
    class Enough(Exception):
        pass

    def callback(step: Any) -> None:
        if step.iteration == 2:
            raise Enough

    with pytest.raises(Enough):
        lloyd(random_sites(30), uniform(), callback=callback)


@pytest.mark.parametrize("masses", ["fixed", "free"])
def test_threads_do_not_change_bits(masses: Any) -> None:
    results = []
    for driver.threads in (1, 2):
        results.append(
            lloyd(random_sites(300), PolynomialGrid(random_image()), masses=masses, tol=1e-3)
        )
    np.testing.assert_array_equal(results[0].positions, results[1].positions)


def test_results_are_read_only_and_travel() -> None:
    result = lloyd(random_sites(5), uniform())
    copy = pickle.loads(pickle.dumps(result))
    for some in (result, copy):
        for array in (some.positions, some.masses, some.barycenters):
            assert not array.flags.writeable
    assert copy.history == result.history
    np.testing.assert_array_equal(copy.positions, result.positions)


def test_every_framework(face: Face) -> None:
    expected = lloyd(random_sites(8), PolynomialGrid(random_image()), np.arange(1.0, 9.0))
    for positions, weights, image in (
        (face.array(random_sites(8)), np.arange(1.0, 9.0), random_image()),
        (random_sites(8), face.array(np.arange(1.0, 9.0)), random_image()),
        (random_sites(8).tolist(), None, face.array(random_image())),
    ):
        result = lloyd(positions, PolynomialGrid(image), weights)
        for array in (result.positions, result.masses, result.barycenters, result.distance):
            assert face.owns(array)
            assert face.dtype_name(array) == "float64"
        if weights is not None:
            np.testing.assert_allclose(face.numpy(result.positions), expected.positions)
        assert face.owns(result.diracs.positions)


def test_single_precision(face: Face) -> None:
    density = PolynomialGrid(face.array(random_image(), "float32"))
    result = lloyd(face.array(random_sites(8), "float32"), density)
    assert face.dtype_name(result.positions) == "float32"
    assert face.dtype_name(result.distance) == "float32"


class TestBadInput:
    """Refused by name, before any work."""

    @pytest.mark.parametrize(
        "positions", [[], [[0.0]], [1.0, 2.0], [[np.nan, 0.0]], [[np.inf, 0.0]], np.zeros((0, 2))]
    )
    def test_positions(self, positions: Any) -> None:
        with refused(ValueError, "positions"):
            lloyd(positions, uniform())

    def test_a_density(self) -> None:
        with refused(TypeError, "density", "SumOfDiracs"):
            lloyd(random_sites(3), SumOfDiracs(random_sites(3)))

    @pytest.mark.parametrize("weights", [[1.0], [1, 2, np.nan], [1, 2, -1], [0, 0, 0]])
    def test_weights(self, weights: Any) -> None:
        with refused(ValueError, "weights"):
            lloyd(random_sites(3), uniform(), weights)

    def test_weights_of_free_masses(self) -> None:
        with refused(ValueError, "weights", "free"):
            lloyd(random_sites(3), uniform(), [1, 2, 3], masses="free")

    @pytest.mark.parametrize("masses", ["equal", "", 3, None])
    def test_masses(self, masses: Any) -> None:
        with refused((TypeError, ValueError), "masses"):
            lloyd(random_sites(3), uniform(), masses=masses)

    @pytest.mark.parametrize("tol", [0, 1, -1e-3, np.nan, "small"])
    def test_tol(self, tol: Any) -> None:
        with refused((TypeError, ValueError), "tol"):
            lloyd(random_sites(3), uniform(), tol=tol)

    @pytest.mark.parametrize("count", [None, 1.5, -1])
    def test_max_iterations(self, count: Any) -> None:
        with refused((TypeError, ValueError), "max_iterations"):
            lloyd(random_sites(3), uniform(), max_iterations=count)

    def test_callback(self) -> None:
        with refused(TypeError, "callback"):
            lloyd(random_sites(3), uniform(), callback=3)  # type: ignore[call-overload]
