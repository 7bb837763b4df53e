"""Gaussian mixtures: closed forms, limits, invariances, hard mixtures, bad input."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from support.problems import random_sites

from sdot import ConvergenceError, PolynomialGrid, SumOfDiracs, SumOfGaussians, distance
from sdot import optimal_transport_plan as plan_of

Array = np.ndarray
TIGHT = {"tol": 1e-12, "warm_start": False}
SHEARED = np.array([[0.5, 0.3], [0.3, 0.4]])


def _rotations(rng: np.random.Generator, count: int, variances: Array) -> Array:
    angles = rng.uniform(0, np.pi, count)
    c, s = np.cos(angles), np.sin(angles)
    rotations = np.array([[c, -s], [s, c]]).transpose(2, 0, 1)
    return np.asarray(rotations * variances @ rotations.transpose(0, 2, 1))


@pytest.mark.parametrize("covs", [[0.7], [[0.7, 0.2]], [SHEARED]], ids=["1", "2", "3"])
def test_one_site(covs: Array) -> None:
    # W2^2 = |y - mu|^2 + trace S.
    covs = np.asarray(covs)
    trace = (
        2 * covs[0] if covs.ndim == 1 else np.trace(np.diag(covs[0]) if covs.ndim == 2 else covs[0])
    )
    value = distance(SumOfDiracs([[1.5, -0.5]]), SumOfGaussians([[0.3, 0.4]], covs))
    assert value == pytest.approx(1.2**2 + 0.9**2 + trace, rel=4e-16)


def test_one_site_and_several_components() -> None:
    rng = np.random.default_rng(0)
    means, weights = rng.normal(size=(4, 2)), rng.uniform(0.1, 1, 4)
    covs = _rotations(rng, 4, np.array([1.0, 0.1]))
    expected = weights @ ((means - 1) ** 2).sum(axis=1) / weights.sum() + 1.1
    value = distance(SumOfDiracs([[1.0, 1.0]]), SumOfGaussians(means, covs, weights))
    assert value == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize("mass", [0.5, 0.9, 1e-6])
def test_two_sites(mass: float) -> None:
    # The cells are half-planes, so in the direction u of the sites the cut is a quantile, and
    # E[x; x.u > t] = m mu + S u pdf(t) / sigma.
    sites, mean = np.array([[1.0, 2.0], [-0.5, 1.5]]), np.array([0.2, 0.1])
    with mpmath.workdps(30):
        u = [mpmath.mpf(float(v)) for v in sites[0] - sites[1]]
        length = mpmath.hypot(*u)
        u = [v / length for v in u]
        s = mpmath.matrix(SHEARED.tolist())
        sigma = mpmath.sqrt(sum(u[i] * s[i, j] * u[j] for i in range(2) for j in range(2)))
        share = mpmath.mpf(mass)
        t = mpmath.sqrt(2) * mpmath.erfinv(1 - 2 * share)
        moments = []
        for m, sign in ((share, 1), (1 - share, -1)):
            shift = sign * mpmath.npdf(t) / sigma
            moments.append(
                [m * float(mean[i]) + shift * (s[i, 0] * u[0] + s[i, 1] * u[1]) for i in (0, 1)]
            )
        expected = s[0, 0] + s[1, 1] + sum(mpmath.mpf(float(v)) ** 2 for v in mean)
        for site, m, moment in zip(sites, (share, 1 - share), moments, strict=True):
            y = [mpmath.mpf(float(v)) for v in site]
            expected += m * (y[0] ** 2 + y[1] ** 2) - 2 * (y[0] * moment[0] + y[1] * moment[1])
    plan = plan_of(
        SumOfDiracs(sites, [mass, 1 - mass]), SumOfGaussians([mean], [SHEARED]), tol=1e-12
    )
    assert plan.distance == pytest.approx(float(expected), rel=4e-15)
    barycenters = [
        [float(v / m) for v in moment]
        for m, moment in zip((share, 1 - share), moments, strict=True)
    ]
    np.testing.assert_allclose(plan.barycenters, barycenters, rtol=1e-11)


def test_the_ranks_of_covs_agree() -> None:
    diracs, means = SumOfDiracs(random_sites(50)), [[0.3, 0.3], [0.7, 0.4]]
    variances = np.array([0.02, 0.05])
    plans = [
        plan_of(diracs, SumOfGaussians(means, covs))
        for covs in (
            variances,
            np.stack([variances, variances], axis=1),
            variances[:, None, None] * np.eye(2),
        )
    ]
    for plan in plans[1:]:
        assert plan.distance == plans[0].distance
        np.testing.assert_array_equal(plan.barycenters, plans[0].barycenters)


def test_a_narrow_grid_converges_to_the_mixture() -> None:
    means, covs = np.array([[0.4, 0.5], [0.6, 0.45]]), np.array([0.003, 0.004])
    mixture = SumOfGaussians(means, covs)
    diracs = SumOfDiracs(random_sites(60))
    exact = distance(diracs, mixture, **TIGHT)
    errors = []
    for pixels in (64, 128):
        t = (np.arange(pixels) + 0.5) / pixels
        values = mixture.evaluate(np.stack(np.meshgrid(t, t, indexing="ij"), axis=-1))
        errors.append(distance(diracs, PolynomialGrid(values), **TIGHT) - exact)
    # Of a mixture that is smooth on the scale of a pixel's side h, constant pixels are the
    # convolution with a pixel: every variance grows by h^2 / 12.
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.05)
    h = 1e-5
    slope = (
        distance(diracs, SumOfGaussians(means, covs + h), **TIGHT)
        - distance(diracs, SumOfGaussians(means, covs - h), **TIGHT)
    ) / (2 * h)
    assert errors[1] == pytest.approx(slope / 12 / 128**2, rel=0.05)


def test_a_wide_domain_changes_nothing_and_a_narrow_one_is_uniform() -> None:
    diracs = SumOfDiracs(random_sites(20))
    whole = distance(diracs, SumOfGaussians([[0.5, 0.5]], [0.05]), **TIGHT)
    wide = SumOfGaussians([[0.5, 0.5]], [0.05], domain=((-20, -20), (20, 20)))
    assert distance(diracs, wide, **TIGHT) == pytest.approx(whole, rel=1e-14)
    flat = SumOfGaussians([[0.5, 0.5]], [1e12], domain=((0, 0), (1, 1)))
    uniform = distance(diracs, PolynomialGrid([[1.0]]), **TIGHT)
    assert distance(diracs, flat, **TIGHT) == pytest.approx(uniform, rel=1e-11)


def test_motions_and_scalings() -> None:
    rng = np.random.default_rng(1)
    sites, means = random_sites(40), rng.random((3, 2))
    covs = _rotations(rng, 3, np.array([0.1, 0.01]))
    reference = distance(SumOfDiracs(sites), SumOfGaussians(means, covs), **TIGHT)
    rotation = _rotations(rng, 1, np.array([1.0, -1.0]))[0]  # a reflection
    for scale, shift in ((1.0, [3.0, -2.0]), (1e-6, [0, 0]), (1e6, [1e6, 0])):
        matrix = scale * rotation
        moved = SumOfGaussians(means @ matrix.T + shift, matrix @ covs @ matrix.T)
        value = distance(SumOfDiracs(sites @ matrix.T + shift), moved, **TIGHT)
        assert value == pytest.approx(scale**2 * reference, rel=1e-12)


def test_the_distance_of_far_measures() -> None:
    # A translation adds |c|^2 + 2 c . (difference of means) exactly.
    sites, c = random_sites(30), np.array([1e3, -2e3])
    mixture = SumOfGaussians([[0.5, 0.5]], [SHEARED])
    near = distance(SumOfDiracs(sites), mixture, **TIGHT)
    far = distance(SumOfDiracs(sites + c), mixture, **TIGHT)
    assert far == pytest.approx(near + c @ c + 2 * c @ (sites.mean(axis=0) - 0.5), rel=4e-15)


def _hard_mixtures() -> dict[str, SumOfGaussians]:
    rng = np.random.default_rng(0)
    return {
        "condition number 1e6": SumOfGaussians(
            [[0.3, 0.3], [0.7, 0.6]], _rotations(rng, 2, np.array([0.1, 1e-7]))
        ),
        "variances 1e-8 and 1e2": SumOfGaussians([[0.3, 0.3], [0.7, 0.6]], [1e-8, 1e2]),
        "two identical": SumOfGaussians([[0.3, 0.3], [0.3, 0.3]], [0.01, 0.01]),
        "one far away": SumOfGaussians([[0.3, 0.3], [1e3, 0]], [0.01, 0.01]),
        "all far away": SumOfGaussians([[1e3, 0.3]], [0.01]),
        "500 components": SumOfGaussians(
            rng.random((500, 2)), _rotations(rng, 500, np.array([1e-3, 1e-4]))
        ),
        "weights from 1 to 1e-12": SumOfGaussians(
            rng.random((5, 2)), np.full(5, 1e-3), [1, 1e-3, 1e-6, 1e-9, 1e-12]
        ),
        "tail in a domain": SumOfGaussians([[0.3, 0.3]], [0.01], domain=((1.2, 1.2), (2, 2))),
    }


HARD = _hard_mixtures()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("n", [1, 2, 50])
@pytest.mark.parametrize("name", HARD)
def test_hard_mixtures(name: str, n: int) -> None:
    plan = plan_of(SumOfDiracs(random_sites(n)), HARD[name])
    assert plan.status.mass_error <= 1e-8
    assert plan.cell_masses.sum() == pytest.approx(1, rel=1e-12)
    assert plan.error_bound < 1e-6 * plan.distance
    assert plan._solution.primal_value == pytest.approx(plan.distance, rel=1e-6)


def test_the_value_is_within_its_error_bound() -> None:
    rng = np.random.default_rng(4)
    mixture = SumOfGaussians(rng.random((3, 2)), _rotations(rng, 3, np.array([0.05, 0.01])))
    diracs = SumOfDiracs(random_sites(100), rng.uniform(0.1, 1, 100))
    exact = plan_of(diracs, mixture, tol=1e-13)
    for tol in (1e-1, 1e-3, 1e-6):
        plan = plan_of(diracs, mixture, tol=tol)
        assert abs(plan.distance - exact.distance) <= plan.error_bound + exact.error_bound
    assert exact.error_bound < 1e-9 * exact.distance


def test_cells_are_unbounded() -> None:
    diagram = plan_of(SumOfDiracs(random_sites(10)), HARD["two identical"]).power_diagram
    assert diagram.domain is None
    assert np.isinf(diagram.areas).any()
    domain = ((0, 0), (1, 1))
    cut = SumOfGaussians([[0.3, 0.3]], [0.1], domain=domain)
    diagram = plan_of(SumOfDiracs(random_sites(10)), cut).power_diagram
    assert diagram.areas.sum() == pytest.approx(1)


def test_evaluate() -> None:
    density = SumOfGaussians([[0.0, 1.0]], [SHEARED], mass=3, domain=((-1, 0), (2, 3)))
    t = np.linspace(-1, 2, 61)[:-1] + 0.025
    points = np.stack(np.meshgrid(t, t + 1, indexing="ij"), axis=-1)
    assert density.evaluate(points).mean() * 9 == pytest.approx(3, rel=1e-3)
    assert density.evaluate([-1.1, 1.0]) == 0
    inverse = np.linalg.inv(SHEARED)
    gap = np.array([0.3, -0.2])
    ratio = density.evaluate([0.3, 0.8]) / density.evaluate([0.0, 1.0])
    assert ratio == pytest.approx(np.exp(-0.5 * gap @ inverse @ gap))


def test_boxes_hold_the_mass() -> None:
    for density in HARD.values():
        for tail in (1e-2, 1e-6):
            low, high = density.essential_box(tail)
            assert (low < high).all()
            if density.domain is None:
                inside = SumOfGaussians(
                    density.means, density.covs, density.weights, domain=(low, high)
                )
                assert 1 - inside._share_inside <= tail


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([[0.0]], [1.0]), ValueError, r"means: expected shape \(k, 2\)"),
        ((np.zeros((0, 2)), []), ValueError, "means"),
        (([[0.0, 0.0]], [1.0, 2.0]), ValueError, r"covs: expected shape \(1,\), \(1, 2\)"),
        (([[0.0, 0.0]], [-1.0]), ValueError, "covs: expected positive variances, not -1.0"),
        (([[0.0, 0.0]], [[1.0, 0.0]]), ValueError, r"not 0.0 at index \(0, 1\)"),
        (
            ([[0.0, 0.0]] * 2, [np.eye(2), [[1.0, 2.0], [2.0, 1.0]]]),
            ValueError,
            r"at index 1, with the eigenvalues \[-1\.0.*, 3\.0",
        ),
        (([[0.0, 0.0]], [[[1.0, 0.5], [0.0, 1.0]]]), ValueError, "symmetric positive definite"),
        (([[0.0, 0.0]], [[[1.0, 1.0], [1.0, 1.0]]]), ValueError, "symmetric positive definite"),
        (([[0.0, np.nan]], [1.0]), ValueError, "means: expected finite"),
        (([[0.0, 0.0]], [np.inf]), ValueError, "covs: expected finite"),
        (([[0.0, 0.0]], [1.0], [0.0]), ValueError, "weights: expected positive"),
        (([[0.0, 0.0]], [1.0], [1.0, 1.0]), ValueError, "weights: expected one number"),
        (([["a", "b"]], [1.0]), TypeError, "means"),
        (([[0.0, 0.0]], [1.0], None, None), TypeError, "mass"),
        (([[0.0, 0.0]], [1.0], None, -1), ValueError, "mass"),
        (([[0.0, 0.0]], [1.0], None, 1, [[0, 0], [1, 1], [1, 0]]), ValueError, "domain"),
        (([[0.0, 0.0]], [1e-6], None, 1, [[5, 5], [6, 6]]), ValueError, "domain: .* too far"),
    ],
)
def test_bad_input(arguments: tuple, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        SumOfGaussians(*arguments)


def test_a_failure_has_its_plan() -> None:
    with pytest.raises(ConvergenceError) as caught:
        plan_of(SumOfDiracs(random_sites(50)), HARD["two identical"], max_iterations=1)
    plan = caught.value.plan
    assert abs(plan.distance - distance(SumOfDiracs(random_sites(50)), HARD["two identical"])) <= (
        plan.error_bound
    )
