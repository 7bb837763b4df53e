"""Transport plans: masses, barycentres, potentials, primal against dual."""

from __future__ import annotations

import numpy as np
import pytest
from support.faces import Face
from support.problems import gmm_image, lattice, random_image, random_sites, uniform

from sdot import (
    ConvergenceError,
    OtPlan,
    PolynomialGrid,
    PowerDiagram,
    SumOfDiracs,
    SumOfGaussians,
    distance,
    optimal_transport_plan,
)
from sdot.diagrams import DiagramArrays

TIGHT = 1e-12


def _plan(n: int = 30, tol: float = TIGHT) -> OtPlan:
    weights = np.random.default_rng(n).uniform(0.5, 2, n)
    diracs = SumOfDiracs(random_sites(n), weights)
    return optimal_transport_plan(diracs, PolynomialGrid(random_image()), tol=tol)


DENSITIES = {
    "uniform": uniform,
    "image": lambda: PolynomialGrid(random_image()),
    "gmm": lambda: PolynomialGrid(gmm_image(64)),
    "mass 3": lambda: PolynomialGrid(random_image(), mass=3),
    "elsewhere": lambda: PolynomialGrid(random_image(), domain=((-5, 2), (3, 8))),
    "linear": lambda: PolynomialGrid(np.random.default_rng(0).random((4, 4, 4))),
}


@pytest.mark.parametrize("n", [1, 2, 3, 30, 300])
@pytest.mark.parametrize("name", DENSITIES)
def test_primal_equals_dual(name: str, n: int) -> None:
    density = DENSITIES[name]()
    plan = optimal_transport_plan(
        SumOfDiracs(random_sites(n), mass=density.total_mass), density, tol=TIGHT
    )
    primal = plan._solution.primal_value
    assert abs(primal - plan.distance) <= 1e-9 * plan.distance


@pytest.mark.parametrize("name", DENSITIES)
def test_the_dual_recomputed_from_the_potentials(name: str) -> None:
    density = DENSITIES[name]()
    sites = random_sites(40)
    plan = optimal_transport_plan(SumOfDiracs(sites, mass=density.total_mass), density, tol=TIGHT)
    # G(w) = sum_i m_i w_i + int min_i (|x - y_i|**2 - w_i) rho, by brute force on the cells'
    # moments: int |x - y_i|**2 = spread + mass |barycentre - y_i|**2.
    diagram = DiagramArrays.build(sites, plan.potentials)
    frame_kernel = density.kernel(_identity_frame())
    moments = frame_kernel.moments(diagram)
    mass = density.total_mass
    spreads = moments.second_moments[:, 0] + moments.second_moments[:, 2]
    distances = ((moments.centroids - sites) ** 2).sum(axis=1)
    costs = spreads + moments.masses * (distances - plan.potentials)
    dual = mass * (plan.potentials.mean() + costs.sum())
    assert dual == pytest.approx(plan.distance, rel=1e-12, abs=0)


def _identity_frame():  # type: ignore[no-untyped-def]
    from sdot.distributions.density import Frame  # noqa: PLC0415  (internal; only used here)

    return Frame(np.zeros(2), np.ones(2))


@pytest.mark.parametrize("tol", [1e-3, 1e-8, 1e-12])
def test_mass_error_recomputed_from_the_potentials(tol: float) -> None:
    plan = _plan(200, tol)
    kernel = PolynomialGrid(random_image()).kernel(_identity_frame())
    diagram = DiagramArrays.build(random_sites(200), plan.potentials)
    masses = kernel.moments(diagram).masses
    target = np.random.default_rng(200).uniform(0.5, 2, 200)
    target /= target.sum()
    # 1e-12: what the rounding of the returned weights may add.
    assert np.abs(masses / target - 1).max() <= tol + 1e-12
    np.testing.assert_allclose(plan.cell_masses, masses, rtol=1e-11)
    assert plan.status.mass_error <= tol


def test_masses_sum_to_that_of_the_density() -> None:
    assert _plan().cell_masses.sum() == pytest.approx(1.0, abs=1e-13)
    heavy = PolynomialGrid(random_image(), mass=11)
    plan = optimal_transport_plan(SumOfDiracs(random_sites(30), mass=11), heavy)
    assert plan.cell_masses.sum() == pytest.approx(11.0, rel=1e-13, abs=0)


def test_barycenters_of_a_lattice_are_its_sites() -> None:
    plan = optimal_transport_plan(SumOfDiracs(lattice(7)), uniform(), tol=TIGHT)
    np.testing.assert_allclose(plan.barycenters, lattice(7), rtol=0, atol=1e-14)
    np.testing.assert_allclose(plan.potentials, 0.0, atol=1e-14)
    np.testing.assert_allclose(plan.cell_masses, 1 / 49, rtol=1e-13)


def test_barycenters_average_to_the_mean_of_the_density() -> None:
    plan = _plan()
    image = random_image()
    x = (np.arange(5) + 0.5) / 5
    y = (np.arange(7) + 0.5) / 7
    mean = [x @ image.sum(axis=1) / image.sum(), y @ image.sum(axis=0) / image.sum()]
    np.testing.assert_allclose(plan.cell_masses @ plan.barycenters, mean, rtol=1e-13)


def test_two_sites_on_an_axis() -> None:
    diracs = SumOfDiracs([[0.2, 0.5], [0.9, 0.5]], [0.3, 0.7])
    plan = optimal_transport_plan(diracs, uniform(), tol=TIGHT)
    np.testing.assert_allclose(plan.barycenters, [[0.15, 0.5], [0.65, 0.5]], rtol=1e-12)
    np.testing.assert_allclose(plan.cell_masses, [0.3, 0.7], rtol=1e-12)
    # The edge is x = 0.3: (0.3 - 0.2)**2 - w_0 = (0.3 - 0.9)**2 - w_1.
    assert plan.potentials[1] - plan.potentials[0] == pytest.approx(0.35, rel=1e-12, abs=0)
    np.testing.assert_allclose(plan.power_diagram.areas, [0.3, 0.7], rtol=1e-12)


def test_potentials_have_a_mass_weighted_mean_of_zero() -> None:
    plan = _plan()
    masses = np.random.default_rng(30).uniform(0.5, 2, 30)
    assert masses @ plan.potentials == pytest.approx(0, abs=1e-14)
    assert plan.brenier_potential is plan.potentials


def test_distance_is_that_of_the_function() -> None:
    diracs = SumOfDiracs(random_sites(30))
    density = PolynomialGrid(random_image())
    assert optimal_transport_plan(diracs, density).distance == distance(
        diracs, density, warm_start=False
    )
    assert optimal_transport_plan(density, diracs).distance == distance(
        diracs, density, warm_start=False
    )


def test_the_plan_is_no_worse_than_any_other() -> None:
    # A plan that moves what two sites receive: cells of other weights, other masses repaired
    # by nothing cheaper. The dual at any weights is a lower bound of the optimum.
    plan = _plan()
    kernel = PolynomialGrid(random_image()).kernel(_identity_frame())
    sites = random_sites(30)
    masses = np.random.default_rng(30).uniform(0.5, 2, 30)
    masses /= masses.sum()
    rng = np.random.default_rng(0)
    for size in (1e-1, 1e-3):
        for _ in range(5):
            weights = plan.potentials + size * rng.uniform(-1, 1, 30)
            moments = kernel.moments(DiagramArrays.build(sites, weights))
            spreads = moments.second_moments[:, 0] + moments.second_moments[:, 2]
            gaps = np.nan_to_num(((moments.centroids - sites) ** 2).sum(axis=1))
            dual = masses @ weights + (spreads + moments.masses * (gaps - weights)).sum()
            assert dual < plan.distance


def test_coincident_sites_share_their_cell_by_mass() -> None:
    sites = [[0.2, 0.5], [0.8, 0.5], [0.2, 0.5], [0.2, 0.5]]
    weights = [1.0, 4.0, 2.0, 3.0]
    plan = optimal_transport_plan(SumOfDiracs(sites, weights), uniform(), tol=TIGHT)
    merged = optimal_transport_plan(
        SumOfDiracs([[0.2, 0.5], [0.8, 0.5]], [6.0, 4.0]), uniform(), tol=TIGHT
    )
    assert plan.distance == pytest.approx(merged.distance, rel=1e-13, abs=0)
    np.testing.assert_allclose(plan.cell_masses, np.array(weights) / 10, rtol=1e-12)
    np.testing.assert_allclose(plan.barycenters[[0, 2, 3]], merged.barycenters[[0, 0, 0]])
    np.testing.assert_allclose(plan.potentials[[2, 3]], plan.potentials[[0, 0]])
    assert plan.power_diagram.areas.sum() == pytest.approx(1.0, abs=1e-12)
    np.testing.assert_allclose(plan.power_diagram.areas, [0.6, 0.4, 0, 0], rtol=1e-12)
    assert plan.power_diagram.hidden_sites.tolist() == [2, 3]
    assert [len(cell) for cell in plan.power_diagram.cells] == [4, 4, 0, 0]
    assert plan.power_diagram.edges.tolist() == [[0, 1]]


class TestTheSolvedDiagram:
    """`power_diagram` is that of the solve, not one of rounded potentials."""

    @pytest.mark.parametrize("gap", [1e-10, 1e-13, 1e-15])
    def test_sites_that_are_close_to_each_other(self, gap: float) -> None:
        sites = np.concatenate([random_sites(20), random_sites(20) + gap])
        masses = np.random.default_rng(0).uniform(0.5, 2, 40)
        plan = optimal_transport_plan(SumOfDiracs(sites, masses, mass=1), uniform())
        areas = plan.power_diagram.areas
        np.testing.assert_allclose(areas, plan.cell_masses, rtol=1e-11)
        np.testing.assert_allclose(areas, masses / masses.sum(), rtol=1e-7)
        np.testing.assert_allclose(plan.power_diagram.centroids, plan.barycenters, atol=1e-12)

    @pytest.mark.parametrize("extent", [1.0, 1e-3])
    @pytest.mark.parametrize("shift", [[1e6, -3e5], [0.0, 2e8]])
    def test_sites_far_from_the_domain(self, shift: list[float], extent: float) -> None:
        sites = extent * random_sites(50) + shift
        plan = optimal_transport_plan(SumOfDiracs(sites), uniform())
        np.testing.assert_allclose(plan.power_diagram.areas, 0.02, rtol=2e-8)
        np.testing.assert_array_equal(plan.power_diagram.positions, sites)
        corners = np.concatenate(plan.power_diagram.cells)
        assert corners.min() >= -1e-15
        assert corners.max() <= 1 + 1e-15

    def test_a_domain_far_from_the_origin(self) -> None:
        box = np.array([[1e7, 2e7], [1e7 + 1, 2e7 + 1]])
        sites = box[0] + random_sites(30)
        plan = optimal_transport_plan(SumOfDiracs(sites), PolynomialGrid([[1.0]], box))
        np.testing.assert_allclose(plan.power_diagram.areas, 1 / 30, rtol=1e-8)
        near = optimal_transport_plan(SumOfDiracs(sites - box[0]), uniform()).power_diagram
        np.testing.assert_array_equal(plan.power_diagram.edges, near.edges)

    def test_frames_of_two_scales(self) -> None:
        # Sites of a narrow strip are solved in a frame whose axes have different units.
        sites = random_sites(25) * [1.0, 1e-4]
        plan = optimal_transport_plan(SumOfDiracs(sites), uniform())
        np.testing.assert_allclose(plan.power_diagram.areas, 0.04, rtol=1e-8)
        np.testing.assert_allclose(plan.power_diagram.centroids, plan.barycenters, atol=1e-12)

    def test_without_a_domain(self) -> None:
        sites = [[0.0, 0], [1, 0], [0, 1], [-1, 0], [0, -1], [0, 0]]
        plan = optimal_transport_plan(SumOfDiracs(sites), SumOfGaussians([[0.0, 0.0]], [1.0]))
        diagram = plan.power_diagram
        assert diagram.domain is None
        rebuilt = PowerDiagram(sites, plan.potentials)
        np.testing.assert_allclose(diagram.areas, rebuilt.areas, rtol=1e-7)
        np.testing.assert_array_equal(diagram.edges, rebuilt.edges)
        np.testing.assert_array_equal(diagram.hidden_sites, rebuilt.hidden_sites)


def test_results_belong_to_the_callers_framework(face: Face) -> None:
    sites = random_sites(12)
    expected = optimal_transport_plan(SumOfDiracs(sites), uniform())
    for dtype in ("float64", "float32"):
        plan = optimal_transport_plan(SumOfDiracs(face.array(sites, dtype)), uniform())
        for name in ("distance", "barycenters", "cell_masses", "potentials", "brenier_potential"):
            result = getattr(plan, name)
            assert face.owns(result)
            assert face.dtype_name(result) == dtype
            if dtype == "float64":
                np.testing.assert_array_equal(face.numpy(result), getattr(expected, name))
        assert plan.distance.shape == ()
        assert plan.barycenters.shape == (12, 2)
        assert plan.potentials.shape == plan.cell_masses.shape == (12,)


def test_the_status_reports_the_solve() -> None:
    plan = _plan(200)
    assert plan.status.converged
    assert 0 < plan.status.mass_error <= TIGHT
    assert 1 <= plan.status.iterations <= plan.status.diagrams
    assert "converged" in plan.status.message
    assert "30 sites" in repr(_plan())


def test_a_plan_is_immutable() -> None:
    with pytest.raises(AttributeError):
        _plan().status = None  # type: ignore[misc, assignment]


def test_results_are_read_only() -> None:
    plan = optimal_transport_plan(
        SumOfDiracs(random_sites(10)), PolynomialGrid([[1.0]]), warm_start=True
    )
    for array in (plan.barycenters, plan.cell_masses, plan.potentials):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 7.0


def test_a_failed_solve_hands_out_the_best_of_its_attempts() -> None:
    diracs, density = SumOfDiracs(random_sites(200)), PolynomialGrid([[1.0]])
    errors = []
    for iterations in (0, 2, 3):
        with pytest.raises(ConvergenceError) as failure:
            optimal_transport_plan(diracs, density, max_iterations=iterations)
        assert failure.value.plan is not None
        errors.append(failure.value.plan.status.mass_error)
    # Later attempts, without any steps left, start further from the solution.
    assert errors[0] > errors[1] > errors[2]
