"""Sums of Diracs: masses, copies, names."""

from __future__ import annotations

import numpy as np
import pytest
from support.faces import Face
from support.problems import random_sites, uniform

from sdot import SumOfDiracs, SumOfWeightedDiracs, distance, optimal_transport_plan


def test_masses_are_proportional_to_weights() -> None:
    weights = np.array([1.0, 2.0, 5.0])
    plan = optimal_transport_plan(SumOfDiracs(random_sites(3), weights), uniform(), tol=1e-12)
    np.testing.assert_allclose(plan.cell_masses, weights / 8, rtol=1e-12)


def test_masses_are_equal_by_default() -> None:
    sites = random_sites(6)
    default = distance(SumOfDiracs(sites), uniform())
    assert default == distance(SumOfDiracs(sites, np.ones(6)), uniform())
    assert default == pytest.approx(distance(SumOfDiracs(sites, np.full(6, 3.7)), uniform()))


def test_sum_of_weighted_diracs_is_the_same_thing() -> None:
    sites, weights = random_sites(6), np.arange(1.0, 7.0)
    diracs = SumOfWeightedDiracs(sites, weights)
    assert isinstance(diracs, SumOfDiracs)
    assert distance(diracs, uniform()) == distance(SumOfDiracs(sites, weights), uniform())


def test_sum_of_weighted_diracs_needs_weights() -> None:
    with pytest.raises(TypeError, match=r"weights.*SumOfDiracs"):
        SumOfWeightedDiracs(random_sites(3), None)


def test_arguments_are_kept_and_copied(face: Face) -> None:
    positions, weights = face.array(random_sites(4)), face.array(np.ones(4))
    diracs = SumOfDiracs(positions, weights)
    np.testing.assert_array_equal(face.numpy(diracs.positions), random_sites(4))
    np.testing.assert_array_equal(face.numpy(diracs.weights), np.ones(4))
    assert diracs.numpy_positions.dtype == np.float64
    np.testing.assert_array_equal(diracs.numpy_positions, random_sites(4))
    with pytest.raises(ValueError, match="read-only"):
        diracs.numpy_positions[:] = 9


def test_length_and_representation() -> None:
    assert len(SumOfDiracs(random_sites(4))) == 4
    assert repr(SumOfDiracs(random_sites(4))) == "SumOfDiracs(4 points, equal weights, mass 1)"
    assert "given weights, mass 2" in repr(SumOfDiracs(random_sites(4), np.ones(4), mass=2))


@pytest.mark.parametrize("dtype", ["float32", "float16", "int64", "uint8", "bool"])
def test_positions_of_other_dtypes(dtype: str) -> None:
    positions = np.array([[0, 1], [1, 0], [0, 0]], dtype=dtype)
    expected = distance(SumOfDiracs(positions.astype(np.float64)), uniform())
    assert float(distance(SumOfDiracs(positions), uniform())) == pytest.approx(
        float(expected), rel=1e-3 if dtype == "float16" else 1e-6
    )


def test_layouts_other_than_c_order() -> None:
    sites = random_sites(9)
    expected = distance(SumOfDiracs(sites), uniform())
    assert distance(SumOfDiracs(np.asfortranarray(sites)), uniform()) == expected
    assert distance(SumOfDiracs(np.repeat(sites, 2, axis=0)[::2]), uniform()) == expected
    assert distance(SumOfDiracs(sites.tolist()), uniform()) == expected
    assert distance(SumOfDiracs(sites.astype(">f8")), uniform()) == expected
