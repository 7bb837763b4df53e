"""The value of `distance` against closed forms and symmetries, through every framework."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from support.faces import Face
from support.problems import gmm_image, lattice, random_image, random_sites, uniform

from sdot import ConvergenceError, PolynomialGrid, SumOfDiracs, distance, optimal_transport_plan

TIGHT = 1e-12


def _cost(site: float, low: float, high: float) -> float:
    """Return the integral of (x - site)**2 from low to high."""
    return ((high - site) ** 3 - (low - site) ** 3) / 3


class TestClosedForms:
    """Each to 1e-13 relative, NumPy, JAX and PyTorch alike."""

    @pytest.mark.parametrize("k", [1, 2, 3, 4, 5, 8, 13, 20])
    def test_lattice_on_the_uniform_square(self, face: Face, k: int) -> None:
        value = distance(SumOfDiracs(face.array(lattice(k))), uniform())
        assert face.owns(value)
        assert face.dtype_name(value) == "float64"
        assert float(value) == pytest.approx(1 / (6 * k**2), rel=1e-13, abs=0)

    @pytest.mark.parametrize("site", [(0.5, 0.5), (0.0, 1.0), (0.3, 0.9), (-7.0, 40.0)])
    def test_one_site(self, face: Face, site: tuple[float, float]) -> None:
        value = distance(SumOfDiracs(face.array([site])), uniform())
        expected = _cost(site[0], 0, 1) + _cost(site[1], 0, 1)
        assert float(value) == pytest.approx(expected, rel=1e-13, abs=0)

    @pytest.mark.parametrize("axis", [0, 1])
    @pytest.mark.parametrize("mass", [0.5, 0.3, 0.01, 0.999])
    @pytest.mark.parametrize("ends", [(0.2, 0.9), (0.5, 1.5), (-3.0, 7.0), (0.4, 0.400001)])
    def test_two_sites_on_an_axis(
        self, face: Face, axis: int, mass: float, ends: tuple[float, float]
    ) -> None:
        sites = np.full((2, 2), 0.3)
        sites[:, axis] = ends
        weights = face.array([mass, 1 - mass])
        value = distance(SumOfDiracs(face.array(sites), weights), uniform(), tol=TIGHT)
        expected = _cost(ends[0], 0, mass) + _cost(ends[1], mass, 1) + _cost(0.3, 0, 1)
        assert float(value) == pytest.approx(expected, rel=1e-13, abs=0)

    def test_two_sites_on_a_linear_density(self, face: Face) -> None:
        # rho = 2 x: the cells are x < sqrt(1/2) and x > sqrt(1/2).
        density = PolynomialGrid([[[0.0, 0.0, 2.0, 0.0]]])
        sites = face.array([[0.25, 0.5], [0.75, 0.5]])
        value = distance(SumOfDiracs(sites), density, tol=TIGHT)
        cut = np.sqrt(0.5)

        def cost(site: float, low: float, high: float) -> float:
            def antiderivative(x: float) -> float:
                return x**4 / 2 - 4 * site * x**3 / 3 + site**2 * x**2

            return antiderivative(high) - antiderivative(low)

        expected = cost(0.25, 0, cut) + cost(0.75, cut, 1) + 1 / 12
        assert float(value) == pytest.approx(expected, rel=1e-13, abs=0)

    def test_sites_on_an_axis_in_strips(self, face: Face) -> None:
        rng = np.random.default_rng(0)
        x = np.sort(rng.random(9))
        masses = rng.uniform(0.5, 2, 9)
        masses /= masses.sum()
        cuts = np.concatenate([[0.0], np.cumsum(masses)])
        sites = np.column_stack([x, np.full(9, 0.4)])
        value = distance(SumOfDiracs(face.array(sites), face.array(masses)), uniform(), tol=TIGHT)
        expected = sum(_cost(x[i], cuts[i], cuts[i + 1]) for i in range(9)) + _cost(0.4, 0, 1)
        assert float(value) == pytest.approx(expected, rel=1e-13, abs=0)

    def test_checkerboard_with_a_site_in_every_black_pixel(self, face: Face) -> None:
        black = np.add.outer(np.arange(6), np.arange(6)) % 2 == 1
        sites = lattice(6)[black.ravel()]
        value = distance(SumOfDiracs(face.array(sites)), PolynomialGrid(black * 1.0), tol=TIGHT)
        assert float(value) == pytest.approx(1 / 216, rel=1e-13, abs=0)


DENSITY_IMAGE = random_image(4)
SITES = random_sites(23)
WEIGHTS = np.random.default_rng(5).uniform(0.5, 2.0, 23)


def _value(
    face: Face,
    sites: np.ndarray = SITES,
    image: np.ndarray = DENSITY_IMAGE,
    domain: object = None,
    weights: np.ndarray = WEIGHTS,
) -> float:
    diracs = SumOfDiracs(face.array(sites), face.array(weights))
    return float(distance(diracs, PolynomialGrid(image, domain=domain), tol=TIGHT))


class TestSymmetries:
    """What a motion or a scaling of both measures does to the cost."""

    @pytest.mark.parametrize("shift", [(1.0, 0.0), (-0.3, 0.7), (12.0, -5.0)])
    def test_translation(self, face: Face, shift: tuple[float, float]) -> None:
        box = np.array([[0.0, 0.0], [1.0, 1.0]])
        moved = _value(face, SITES + shift, domain=box + shift)
        # Coordinates of size |shift| are rounded to an ulp of it.
        assert moved == pytest.approx(_value(face), rel=1e-13 * max(1, *map(abs, shift)), abs=0)

    @pytest.mark.parametrize("shift", [(0.25, 0.0), (-0.3, 0.7), (3.0, 2.0), (30.0, -40.0)])
    def test_translation_of_the_sites_alone(self, face: Face, shift: tuple[float, float]) -> None:
        plan = optimal_transport_plan(
            SumOfDiracs(face.array(SITES), face.array(WEIGHTS)),
            PolynomialGrid(DENSITY_IMAGE),
            tol=TIGHT,
        )
        masses = WEIGHTS / WEIGHTS.sum()
        gap = masses @ (SITES - face.numpy(plan.barycenters))
        expected = _value(face) + 2 * gap @ shift + np.dot(shift, shift)
        assert _value(face, SITES + shift) == pytest.approx(expected, rel=1e-13, abs=0)

    @pytest.mark.parametrize("factor", [2.0, 0.125, 3.7, 1e-6, 1e6])
    def test_scaling(self, face: Face, factor: float) -> None:
        box = np.array([[0.0, 0.0], [1.0, 1.0]]) * factor
        scaled = _value(face, SITES * factor, domain=box)
        assert scaled == pytest.approx(factor**2 * _value(face), rel=1e-13, abs=0)

    def test_rotation_by_90_degrees(self, face: Face) -> None:
        # (x, y) -> (1 - y, x)
        sites = np.column_stack([1 - SITES[:, 1], SITES[:, 0]])
        image = DENSITY_IMAGE[:, ::-1].T
        assert _value(face, sites, image) == pytest.approx(_value(face), rel=1e-13, abs=0)

    def test_reflection(self, face: Face) -> None:
        sites = SITES[:, ::-1]
        assert _value(face, sites, DENSITY_IMAGE.T) == pytest.approx(_value(face), rel=1e-13, abs=0)

    def test_permutation(self, face: Face) -> None:
        order = np.random.default_rng(1).permutation(len(SITES))
        permuted = _value(face, SITES[order], weights=WEIGHTS[order])
        assert permuted == pytest.approx(_value(face), rel=1e-13, abs=0)

    def test_a_site_split_in_two(self, face: Face) -> None:
        sites = np.concatenate([SITES, SITES[:1]])
        weights = np.append(WEIGHTS, 0.25 * WEIGHTS[0])
        weights[0] *= 0.75
        assert _value(face, sites, weights=weights) == pytest.approx(_value(face), rel=1e-13, abs=0)


def test_arguments_in_either_order() -> None:
    diracs, density = SumOfDiracs(SITES), PolynomialGrid(DENSITY_IMAGE)
    one = distance(diracs, density, warm_start=False)
    assert one == distance(density, diracs, warm_start=False)


def test_all_frameworks_agree_to_the_last_bit(face: Face) -> None:
    diracs = SumOfDiracs(face.array(SITES), face.array(WEIGHTS))
    value = distance(diracs, PolynomialGrid(face.array(DENSITY_IMAGE)))
    expected = distance(SumOfDiracs(SITES, WEIGHTS), PolynomialGrid(DENSITY_IMAGE))
    assert float(value) == float(expected)


def test_single_precision_in_single_precision_out(face: Face) -> None:
    sites = SITES.astype(np.float32)
    value = distance(SumOfDiracs(face.array(sites, "float32")), uniform())
    assert face.owns(value)
    assert face.dtype_name(value) == "float32"
    assert float(value) == np.float32(distance(SumOfDiracs(sites.astype(np.float64)), uniform()))


def test_numpy_results_are_scalars() -> None:
    assert isinstance(distance(SumOfDiracs(SITES), uniform()), np.float64)


def test_two_calls_give_the_same_bits() -> None:
    density = PolynomialGrid(gmm_image(32))
    first, second = (distance(SumOfDiracs(SITES), density, warm_start=False) for _ in range(2))
    assert first == second
    assert first == distance(SumOfDiracs(SITES), PolynomialGrid(gmm_image(32)))


def test_the_value_is_of_second_order_in_the_tolerance() -> None:
    density = PolynomialGrid(gmm_image(32, 0.1))
    diracs = SumOfDiracs(random_sites(200))
    exact = distance(diracs, density, tol=TIGHT)
    for tol in (1e-1, 1e-2, 1e-4):
        assert abs(distance(diracs, density, tol=tol) - exact) <= tol**2


def _half(x: np.ndarray) -> np.ndarray:
    return np.where(np.arange(x.shape[0])[:, None] < x.shape[0] // 2, x, 0.0)


HARD_DENSITIES: dict[str, Callable[[], np.ndarray]] = {
    "tutorial": lambda: gmm_image(64),
    "zero on half": lambda: _half(np.ones((16, 16))),
    "checkerboard": lambda: np.add.outer(np.arange(8), np.arange(8)) % 2 * 1.0,
    "one pixel of 64": lambda: np.pad([[1.0]], ((3, 4), (5, 2))),
    "dynamic range 1e12": lambda: 10 ** np.linspace(-12, 0, 64).reshape(8, 8),
}
HARD_SITES: dict[str, Callable[[], np.ndarray]] = {
    "uniform": lambda: random_sites(60),
    "outside": lambda: random_sites(60) + np.array([5.0, -3.0]),
    "far outside": lambda: random_sites(60) + np.array([1e3, 0.0]),
    "cluster": lambda: 0.2 + 1e-6 * random_sites(60),
    "line": lambda: np.column_stack([random_sites(60)[:, 0], np.full(60, 0.5)]),
    "aligned lattice": lambda: lattice(8),
    "two clusters": lambda: 0.01 * random_sites(60) + np.repeat([[0.0], [9.0]], 30, axis=0),
}


@pytest.mark.parametrize("sites", HARD_SITES)
@pytest.mark.parametrize("density", HARD_DENSITIES)
def test_hard_inputs_converge_to_the_default_tolerance(sites: str, density: str) -> None:
    positions = HARD_SITES[sites]()
    grid = PolynomialGrid(HARD_DENSITIES[density]())
    plan = optimal_transport_plan(SumOfDiracs(positions), grid)
    masses = plan.cell_masses * len(positions)
    assert np.abs(masses - 1).max() <= 1e-8 * (1 + 1e-6)
    assert plan.status.mass_error <= 1e-8
    # The cost lies between the variance's lower bound and that of any other plan.
    mean = plan.cell_masses @ plan.barycenters
    spread = ((positions - positions.mean(axis=0)) ** 2).sum(axis=1).mean()
    gap = ((positions.mean(axis=0) - mean) ** 2).sum()
    assert gap - 1e-9 * gap <= plan.distance <= (gap + spread + 2) * (1 + 1e-9)


def test_iterations_may_run_out() -> None:
    diracs = SumOfDiracs(random_sites(100))
    with pytest.raises(ConvergenceError, match="max_iterations") as caught:
        distance(diracs, PolynomialGrid(gmm_image(16)), max_iterations=1)
    plan = caught.value.plan
    assert plan is not None
    assert not plan.status.converged
    assert plan.status.mass_error > 1e-8
    assert np.isfinite(plan.distance)


@pytest.mark.parametrize("last", [1.0, 0.9])
def test_a_gap_in_the_density_crossed_by_aligned_sites(last: float) -> None:
    # An empty row of pixels parts the density, and the sites lie in rows parallel to it.
    image = [[1.12833103, 0.62609329, 0.40523882, 1.94285829, 0.0, last]]
    plan = optimal_transport_plan(SumOfDiracs(lattice(5)), PolynomialGrid(image))
    np.testing.assert_allclose(plan.cell_masses, 1 / 25, rtol=1.000001e-8)
