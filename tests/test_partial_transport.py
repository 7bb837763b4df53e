"""Partial transport through the public functions, against closed forms and a linear program."""

import math

import numpy as np
import pytest
import scipy

from sdot import (
    Box,
    ConvergenceError,
    PolynomialGrid,
    SumOfDiracs,
    SumOfGaussians,
    distance,
    hessian_product,
    optimal_transport_plan,
)
from sdot.errors import NotDifferentiableError

PARTIAL_PLAN = {"partial": True, "tol": 1e-12}
PARTIAL = {"partial": True, "tol": 1e-12, "warm_start": False}
SQUARE = Box(((0, 0), (1, 1)))


def test_one_site_uses_a_disc_of_the_right_area():
    plan = optimal_transport_plan(SumOfDiracs([[0.4, 0.5]], mass=0.3), SQUARE, partial=True)
    assert plan.distance == pytest.approx(0.3**2 / (2 * math.pi), rel=1e-14)
    assert plan.potentials == pytest.approx([0.3 / math.pi], rel=1e-14)
    assert plan.unused_mass == pytest.approx(0.7, rel=1e-14)
    assert plan.barycenters == pytest.approx(np.array([[0.4, 0.5]]), abs=1e-15)
    assert plan.spreads[0] == pytest.approx(0.3**2 / (4 * math.pi) * np.eye(2), abs=1e-15)
    assert plan.error_bound < 1e-13


@pytest.mark.parametrize(
    ("site", "part"), [([0.0, 0.5], 2.0), ([1.0, 1.0], 4.0)], ids=["side", "corner"]
)
def test_a_disc_cut_by_the_domain(site, part):
    mass = 0.1
    plan = optimal_transport_plan(SumOfDiracs([site], mass=mass), SQUARE, partial=True)
    squared_radius = part * mass / math.pi
    assert plan.potentials == pytest.approx([squared_radius], rel=1e-13)
    assert plan.distance == pytest.approx(mass * squared_radius / 2, rel=1e-12)


def test_two_overlapping_discs():
    """Cut by their bisector each lacks the segment beyond it: closed forms of a segment."""
    half, mass = 0.1, 0.15
    sites = SumOfDiracs([[0.5 - half, 0.5], [0.5 + half, 0.5]], mass=2 * mass)
    plan = optimal_transport_plan(sites, SQUARE, **PARTIAL_PLAN)

    def area(radius):
        angle = math.acos(half / radius)
        return radius**2 * (math.pi - angle) + half * math.sqrt(radius**2 - half**2)

    radius = scipy.optimize.brentq(lambda r: area(r) - mass, half * 1.001, 1, xtol=1e-15)
    angle = math.acos(half / radius)
    sector = (math.pi - angle) * radius**4 / 2
    height = math.sqrt(radius**2 - half**2)
    triangles = half * height * (half**2 + height**2 / 3) / 2
    assert plan.potentials == pytest.approx([radius**2] * 2, rel=1e-11)
    assert plan.distance == pytest.approx(2 * (sector + triangles), rel=1e-11)


@pytest.mark.parametrize("mass", [1e-6, 1e-3])
def test_discs_that_do_not_meet_are_as_if_alone(mass):
    sites = np.array([[0.2, 0.2], [0.7, 0.3], [0.5, 0.8]])
    weights = np.array([1.0, 2.0, 3.0])
    plan = optimal_transport_plan(SumOfDiracs(sites, weights, mass=mass), SQUARE, partial=True)
    masses = mass * weights / 6
    assert plan.potentials == pytest.approx(masses / math.pi, rel=1e-8)
    assert plan.distance == pytest.approx((masses**2).sum() / (2 * math.pi), rel=1e-10)


def test_discs_that_touch():
    radius = 0.1
    sites = [[0.4, 0.5], [0.4 + 2 * radius, 0.5]]
    mass = 2 * math.pi * radius**2
    plan = optimal_transport_plan(SumOfDiracs(sites, mass=mass), SQUARE, **PARTIAL_PLAN)
    assert plan.potentials == pytest.approx([radius**2] * 2, rel=1e-10)
    assert plan.distance == pytest.approx(math.pi * radius**4, rel=1e-10)


def test_a_linear_program_on_a_fine_grid():
    """Every pixel sends at most its mass to the sites, which get theirs."""
    rng = np.random.default_rng(3)
    count, sites = 30, rng.random((3, 2))
    values = rng.random((5, 5)) + 0.2
    grid = PolynomialGrid(values, mass=1)
    masses = np.array([0.3, 0.1, 0.2])
    found = distance(SumOfDiracs(sites, masses, mass=0.6), grid, partial=True)
    along = (np.arange(count) + 0.5) / count
    centres = np.stack(np.meshgrid(along, along, indexing="ij"), -1).reshape(-1, 2)
    pixels = grid.evaluate(centres) / count**2
    costs = ((centres[:, None] - sites) ** 2).sum(axis=2) + 1 / (6 * count**2)
    n = len(pixels)
    used = scipy.sparse.kron(scipy.sparse.eye_array(n), np.ones((1, 3)))
    sent = scipy.sparse.kron(np.ones((1, n)), scipy.sparse.eye_array(3))
    program = scipy.optimize.linprog(
        costs.ravel(), A_ub=used, b_ub=pixels, A_eq=sent, b_eq=masses, method="highs"
    )
    assert found == pytest.approx(program.fun, rel=2e-3)
    assert found <= program.fun  # splitting pixels costs nothing


def random_problem(rng, share=0.6):
    sites, weights = rng.random((40, 2)) * 1.2 - 0.1, rng.random(40) + 0.2
    return sites, weights, PolynomialGrid(rng.random((8, 8)) + 0.1, mass=1), share


@pytest.mark.parametrize("share", [0.01, 0.5, 0.95, 0.9999])
def test_primal_and_dual_values_agree(share):
    """Of any share, with sites outside of the domain; the bound holds of a rough solution too."""
    sites, weights, grid, share = random_problem(np.random.default_rng(5), share)
    diracs = SumOfDiracs(sites, weights, mass=share)
    plan = optimal_transport_plan(diracs, grid, **PARTIAL_PLAN)
    masses, gaps = plan.masses, plan.positions - plan.barycenters
    primal = (masses * (gaps**2).sum(axis=1)).sum() + np.trace(plan.spreads.sum(axis=0))
    assert plan.status.converged
    assert masses.sum() == pytest.approx(share, rel=1e-14)
    assert plan.cell_masses == pytest.approx(masses, rel=1e-11)
    assert plan.unused_mass == pytest.approx(1 - share, rel=1e-9)
    assert primal == pytest.approx(plan.distance, rel=1e-11)
    rough = optimal_transport_plan(diracs, grid, partial=True, tol=1e-2)
    assert abs(rough.distance - plan.distance) <= rough.error_bound
    assert plan.error_bound < 1e-11


def test_points_outside_of_all_discs_stay():
    plan = optimal_transport_plan(SumOfDiracs([[0.5, 0.5]], mass=0.1), SQUARE, partial=True)
    points = [[0.5, 0.6], [0.05, 0.05]]
    assert plan.site_at(points).tolist() == [0, -1]
    image = plan.transport(points)
    assert image[0].tolist() == [0.5, 0.5]
    assert np.isnan(image[1]).all()
    assert plan.potential(points) == pytest.approx([0.01 - 0.1 / math.pi, 0.0])
    uniform = np.random.default_rng(0).random((20_000, 2))
    assert (plan.site_at(uniform) == 0).mean() == pytest.approx(0.1, abs=0.01)


def test_equal_masses_give_the_plan_of_all():
    rng = np.random.default_rng(1)
    diracs = SumOfDiracs(rng.random((30, 2)))
    whole, plan = (
        optimal_transport_plan(diracs, SQUARE, partial=partial) for partial in (False, True)
    )
    assert plan.distance == whole.distance
    assert (plan.potentials == whole.potentials).all()
    assert plan.unused_mass == 0


def test_black_areas_and_coincident_sites():
    values = np.zeros((16, 16))
    values[:4, :4], values[10:, 9:] = 1.0, 2.0
    sites = np.random.default_rng(2).random((60, 2))
    sites[1] = sites[0]
    plan = optimal_transport_plan(
        SumOfDiracs(sites, mass=0.4), PolynomialGrid(values, mass=1), **PARTIAL_PLAN
    )
    assert plan.status.converged
    assert plan.cell_masses == pytest.approx(np.full(60, 0.4 / 60), rel=1e-11)
    assert (plan.barycenters[0] == plan.barycenters[1]).all()


@pytest.mark.parametrize("argument", ["positions", "weights", "values", "normalised values"])
def test_gradients_are_differences(argument):
    jax = pytest.importorskip("jax")
    rng = np.random.default_rng(7)
    sites, weights, grid, share = random_problem(rng)
    values = rng.random((8, 8)) + 0.1
    values /= values.mean()

    def cost(x):
        if argument == "positions":
            return distance(SumOfDiracs(x, weights, mass=share), grid, **PARTIAL)
        if argument == "weights":
            return distance(SumOfDiracs(sites, x, mass=share), grid, **PARTIAL)
        mass = 1 if argument == "normalised values" else None
        return distance(SumOfDiracs(sites, mass=share), PolynomialGrid(x, mass=mass), **PARTIAL)

    x = {"positions": sites, "weights": weights}.get(argument, values)
    direction, step = rng.normal(size=x.shape), 1e-5
    with jax.enable_x64(True):
        expected = (cost(x + step * direction) - cost(x - step * direction)) / (2 * step)
        eager = jax.grad(cost)(jax.numpy.asarray(x))
        compiled = jax.jit(jax.grad(cost))(jax.numpy.asarray(x))
        assert (np.asarray(eager) * direction).sum() == pytest.approx(expected, rel=1e-6)
        assert (eager == compiled).all()


def test_the_same_bits_in_torch():
    jax, torch = pytest.importorskip("jax"), pytest.importorskip("torch")
    sites, weights, grid, share = random_problem(np.random.default_rng(8))
    tensor = torch.tensor(sites, requires_grad=True)
    loss = distance(SumOfDiracs(tensor, weights, mass=share), grid, **PARTIAL)
    loss.backward()
    with jax.enable_x64(True):
        value, gradient = jax.value_and_grad(
            lambda y: distance(SumOfDiracs(y, weights, mass=share), grid, **PARTIAL)
        )(jax.numpy.asarray(sites))
        assert loss.item() == float(value)
        assert (tensor.grad.numpy() == np.asarray(gradient)).all()
    plan = optimal_transport_plan(SumOfDiracs(tensor, mass=share), grid, partial=True)
    tensor.grad = None
    plan.distance.backward()
    expected = 2 * plan.masses[:, None] * (plan.positions - plan.barycenters)
    assert tensor.grad.numpy() == pytest.approx(expected.detach().numpy(), abs=1e-15)


def test_batches_are_single_problems():
    sites, _, grid, share = random_problem(np.random.default_rng(9))
    batch = SumOfDiracs.batch([sites, sites + 0.1], mass=share)
    options = {"partial": True, "warm_start": False}
    assert distance(batch, grid, **options).tolist() == [
        distance(diracs, grid, **options) for diracs in batch
    ]


def test_second_derivatives_are_refused_by_name():
    jax, torch = pytest.importorskip("jax"), pytest.importorskip("torch")
    sites, _, grid, share = random_problem(np.random.default_rng(4))

    def cost(positions):
        return distance(SumOfDiracs(positions, mass=share), grid, partial=True)

    plan = optimal_transport_plan(SumOfDiracs(sites, mass=share), grid, partial=True)
    for attempt in (
        lambda: jax.hessian(cost)(jax.numpy.asarray(sites)),
        lambda: torch.autograd.functional.hessian(cost, torch.tensor(sites)),
        lambda: torch.func.hessian(cost)(torch.tensor(sites)),
        plan.hessian,
        lambda: hessian_product(plan, positions=np.ones_like(sites)),
    ):
        with pytest.raises(NotDifferentiableError, match="partial transport has first"):
            attempt()


def test_what_cannot_be_done_in_part_is_refused_by_name():
    sites = [[0.2, 0.3], [0.6, 0.7]]
    half = SumOfDiracs(sites, mass=0.5)
    for f, g, message in (
        (SumOfDiracs(sites, mass=2), SQUARE, "of no more mass than the density, not 2 and 1"),
        (half, SumOfGaussians([[0.5, 0.5]], [0.1]), "discs can cut, not SumOfGaussians"),
        (half, Box(periodic=True), "not a periodic one"),
        (SumOfDiracs(sites, [1.0, 0.0], mass=0.5), SQUARE, "sites that all have mass"),
    ):
        with pytest.raises(ValueError, match=message):
            distance(f, g, partial=True)
    with pytest.raises(TypeError, match="partial: expected True or False, not 1"):
        distance(half, SQUARE, partial=1)
    with pytest.raises(ValueError, match="or partial=True to use a part"):
        distance(half, SQUARE)
    plan = optimal_transport_plan(half, SQUARE, partial=True)
    with pytest.raises(ValueError, match="not a partial one"):
        plan.interpolate(0.5)


def test_no_convergence_raises_with_the_best_plan():
    sites, weights, grid, share = random_problem(np.random.default_rng(6))
    with pytest.raises(ConvergenceError, match="max_iterations") as caught:
        distance(SumOfDiracs(sites, weights, mass=share), grid, partial=True, max_iterations=1)
    assert caught.value.plan.unused_mass > 0


def two_peaks():
    centres = (np.arange(64) + 0.5) / 64
    x, y = np.meshgrid(centres, centres, indexing="ij")
    first, second = (np.exp(-50 * ((x - c) ** 2 + (y - c) ** 2)) for c in (0.3, 0.7))
    return PolynomialGrid(first + second, mass=1)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("case", ["density in peaks", "sites in a peak", "sites outside"])
def test_transport_over_distances_starts_close_to_the_solution(case, share):
    """By way of whole transport 28 to 448 diagrams are needed; from entropic weights 7 to 18."""
    rng = np.random.default_rng(1000)
    sites, density = {
        "density in peaks": (rng.random((1000, 2)), two_peaks()),
        "sites in a peak": (rng.normal(0.5, 0.03, (1000, 2)), SQUARE),
        "sites outside": (rng.random((2000, 2)) + np.array([1.5, 0]), SQUARE),
    }[case]
    diracs = SumOfDiracs(sites, mass=share)
    plan = optimal_transport_plan(diracs, density, partial=True, warm_start=False)
    assert plan.status.converged
    assert plan.status.diagrams <= 25


@pytest.mark.parametrize(("count", "seed"), [(40, 3), (400, 2)])
def test_masses_of_many_scales_converge(count, seed):
    """By way of whole transport 300 steps are too few; from entropic weights it takes 23 and 67."""
    rng = np.random.default_rng(seed)
    sites, weights = rng.random((count, 2)), np.exp(4 * rng.normal(size=count))
    diracs = SumOfDiracs(sites, weights, mass=0.5)
    plan = optimal_transport_plan(diracs, SQUARE, partial=True, warm_start=False)
    assert plan.status.converged
    assert plan.status.iterations <= 100


def test_a_few_cells_with_little_mass_are_no_reason_to_start_elsewhere():
    """The smallest cell of an entropic start has 5e-4 of its mass; elsewhere 1052 diagrams."""
    sites = np.random.default_rng(1000).random((1000, 2)) + np.array([1.5, 0])
    diracs = SumOfDiracs(sites, mass=0.5)
    plan = optimal_transport_plan(diracs, two_peaks(), partial=True, warm_start=False)
    assert plan.status.diagrams <= 30
