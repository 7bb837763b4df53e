"""One site, and sites that coincide: the right answer, not an error."""

from __future__ import annotations

import numpy as np
import pytest
from support.faces import Face
from support.problems import gmm_image, random_image, random_sites, uniform

from sdot import PolynomialGrid, SumOfDiracs, distance, optimal_transport_plan


class TestOneSite:
    """n = 1 is the variance about the site, whatever the density."""

    @pytest.mark.parametrize("image", [np.ones((1, 1)), random_image(), gmm_image(16)])
    def test_value_and_plan(self, face: Face, image: np.ndarray) -> None:
        plan = optimal_transport_plan(SumOfDiracs(face.array([[0.3, 0.8]])), PolynomialGrid(image))
        p = image / image.sum()
        x = (np.arange(image.shape[0]) + 0.5) / image.shape[0]
        y = (np.arange(image.shape[1]) + 0.5) / image.shape[1]
        inside = sum(1 / 12 / k**2 for k in image.shape)
        expected = p.sum(axis=1) @ (x - 0.3) ** 2 + p.sum(axis=0) @ (y - 0.8) ** 2 + inside
        assert float(plan.distance) == pytest.approx(expected, rel=1e-13, abs=0)
        np.testing.assert_allclose(face.numpy(plan.cell_masses), [1.0], rtol=1e-14)
        mean = [p.sum(axis=1) @ x, p.sum(axis=0) @ y]
        np.testing.assert_allclose(face.numpy(plan.barycenters), [mean], rtol=1e-13)
        np.testing.assert_array_equal(face.numpy(plan.potentials), [0.0])


class TestCoincidentSites:
    """They share one cell; the value is that of one site with the summed mass."""

    @pytest.mark.parametrize("copies", [2, 3, 50])
    def test_all_at_one_place(self, face: Face, copies: int) -> None:
        density = PolynomialGrid(random_image())
        sites = np.full((copies, 2), 0.3)
        value = distance(SumOfDiracs(face.array(sites)), density)
        single = distance(SumOfDiracs(sites[:1]), density)
        assert float(value) == pytest.approx(float(single), rel=1e-14, abs=0)

    def test_groups(self, face: Face) -> None:
        rng = np.random.default_rng(2)
        distinct = random_sites(10)
        group = rng.integers(0, 10, 60)
        group[:10] = np.arange(10)
        weights = rng.uniform(0.5, 2, 60)
        density = PolynomialGrid(random_image())
        plan = optimal_transport_plan(
            SumOfDiracs(face.array(distinct[group]), face.array(weights)), density, tol=1e-12
        )
        merged = optimal_transport_plan(
            SumOfDiracs(distinct, np.bincount(group, weights)), density, tol=1e-12
        )
        assert float(plan.distance) == pytest.approx(float(merged.distance), rel=1e-13, abs=0)
        np.testing.assert_allclose(
            face.numpy(plan.cell_masses), weights / weights.sum(), rtol=1e-11
        )
        np.testing.assert_allclose(
            face.numpy(plan.barycenters), merged.barycenters[group], atol=1e-11
        )

    def test_zeros_of_both_signs_coincide(self) -> None:
        value = distance(SumOfDiracs([[0.0, 0.0], [-0.0, 0.0]]), uniform())
        assert value == pytest.approx(2 / 3, rel=1e-14, abs=0)
