"""Normalised coordinates: what they are made of, and the way back to the caller's."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from support.problems import lattice, random_image, random_sites

from sdot import Box, PolynomialGrid, PowerDiagram, SumOfDiracs, optimal_transport_plan
from sdot.diagrams import DiagramArrays
from sdot.solver.normalisation import normalise

UNIT = ((0.0, 0.0), (1.0, 1.0))
FAMILIES = {
    "inside": (random_sites(20), UNIT),
    "one": (random_sites(1), UNIT),
    "two": (random_sites(2), UNIT),
    "outside": (random_sites(20) + np.array([30.0, 0.0]), UNIT),
    "cluster": (0.3 + 1e-6 * random_sites(20), UNIT),
    "large": (1e3 * random_sites(20), UNIT),
    "line": (np.column_stack([random_sites(20)[:, 0], np.full(20, 0.5)]), UNIT),
    "line in a long box": (
        np.column_stack([np.full(20, 0.5), 25 * random_sites(20)[:, 0]]),
        ((0.0, 0.0), (1.0, 25.0)),
    ),
    "coincident": (np.repeat(lattice(3), 3, axis=0), UNIT),
    "box far away": (1e6 + random_sites(20), ((1e6, 1e6), (1e6 + 1, 1e6 + 1))),
    "box and sites apart": (random_sites(20), ((1e3, -1e3), (1e3 + 1, -1e3 + 2))),
    "long box": (random_sites(20), ((0.0, 0.0), (1e4, 1.0))),
    "tiny box": (1e-6 * random_sites(20), ((0.0, 0.0), (1e-6, 1e-6))),
}


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest):  # type: ignore[no-untyped-def]
    sites, domain = FAMILIES[request.param]
    masses = np.random.default_rng(0).uniform(0.5, 2, len(sites))
    density = PolynomialGrid(random_image(), domain=domain)
    return (sites, masses / masses.sum(), density, *normalise(sites, masses, density))


def test_masses_sum_to_one_and_follow_their_sites(family) -> None:  # type: ignore[no-untyped-def]
    sites, masses, _, problem, back = family
    assert problem.masses.sum() == pytest.approx(1, abs=1e-14)
    assert len(problem.sites) == len(np.unique(sites, axis=0))
    np.testing.assert_allclose(problem.masses[back.site_of] * back.share, masses, rtol=1e-14)


def test_sites_and_density_have_the_same_size_and_place(family) -> None:  # type: ignore[no-untyped-def]
    _, _, _, problem, _ = family
    low, high = problem.kernel.box
    assert (np.abs([low, high]) <= 8).all()
    assert (high - low).max() == pytest.approx(1, abs=8)
    assert np.abs(problem.sites).max() <= 16
    if len(problem.sites) > 1:
        assert np.ptp(problem.sites, axis=0).max() >= 1 / 16


def test_the_partition_is_that_of_the_callers_coordinates(family) -> None:  # type: ignore[no-untyped-def]
    sites, _, _, problem, back = family
    rng = np.random.default_rng(1)
    n = len(problem.sites)
    spread = np.ptp(problem.kernel.box, axis=0).max() * np.ptp(problem.sites, axis=0).max()
    weights = 0.3 * spread * rng.uniform(0, 1, n) / max(1, n)
    low, high = problem.kernel.box
    x = low + (high - low) * rng.random((500, 2))
    power = ((x[:, None] - problem.sites) ** 2).sum(axis=2) - weights
    original = back.frame.origin + back.frame.scale * x
    potentials = back.potentials(weights)
    # |x - y|**2 - w up to |x|**2 and a constant, in long double: sites may be far from the box.
    centre = sites.mean(axis=0)
    y = (sites - centre).astype(np.longdouble)
    psi = (y**2).sum(axis=1) - potentials + 2 * y @ (centre - back.frame.origin)
    products = 2 * (original - back.frame.origin) @ y.T - psi
    chosen = back.site_of[np.argmax(products, axis=1)]
    ranks = np.sort(power, axis=1)
    clear = np.ones(len(x), dtype=bool)
    if n > 1:
        clear = ranks[:, 1] - ranks[:, 0] > 1e-3 * (ranks[:, -1] - ranks[:, 0])
    np.testing.assert_array_equal(chosen[clear], power.argmin(axis=1)[clear])
    assert clear.mean() > 0.5


def test_evaluate_gives_masses_that_sum_to_one(family) -> None:  # type: ignore[no-untyped-def]
    _, _, _, problem, _ = family
    evaluation = problem.evaluate(np.zeros(len(problem.sites)))
    assert evaluation.masses.sum() == pytest.approx(1, abs=1e-13)
    assert evaluation.residual.sum() == pytest.approx(0, abs=1e-13)
    expected = np.abs(1 - evaluation.masses / problem.masses).max()
    assert evaluation.mass_error == pytest.approx(expected, rel=1e-10, abs=1e-14)


def test_sites_near_the_density_keep_the_callers_metric() -> None:
    # Voronoi cells are then a fair start.
    sites, density = random_sites(30), PolynomialGrid(random_image())
    problem, back = normalise(sites, np.ones(30), density)
    masses = problem.evaluate(np.zeros(30)).masses[back.site_of]
    kernel = PolynomialGrid(random_image()).kernel(back.frame)
    expected = kernel.moments(DiagramArrays.build(sites, np.zeros(30))).masses
    np.testing.assert_allclose(masses, expected, rtol=1e-11)


def test_sites_on_a_line_across_a_thin_domain_have_masses_to_rounding() -> None:
    # In a frame with one scale for both axes the domain would be too thin to place the frontiers.
    line = np.column_stack([np.linspace(0, 0.9, 7), np.zeros(7)])
    density = PolynomialGrid(random_image(), domain=((0.0, 0.0), (1.0, 2000.0)))
    problem, _ = normalise(line, np.full(7, 1 / 7), density)
    diagram = problem.builder.build(np.zeros(7))
    masses = problem.kernel.moments(diagram).masses
    assert abs(masses.sum() - 1) <= 1e-15
    np.testing.assert_allclose(problem.integrate(diagram).masses, masses, rtol=0, atol=1e-15)


def test_potentials_are_right_to_the_last_digits(family) -> None:  # type: ignore[no-untyped-def]
    sites, _, _, problem, back = family
    rng = np.random.default_rng(2)
    weights = np.abs(problem.sites).max() ** 2 * rng.normal(size=len(problem.sites))
    found = back.potentials(weights)
    t, exact, terms = Fraction(back.site_scale), [], []
    for site, weight in zip(sites, weights[back.site_of], strict=True):
        parts = [Fraction(float(weight)) / t]
        sizes = [parts[0]]
        for k in range(2):
            o, a, c, y = (
                Fraction(float(v[k]))
                for v in (back.frame.origin, back.frame.scale, back.site_centre, site)
            )
            d, f = y - c, Fraction(float(sites[0][k]))
            parts += [d * d - t * (a * d) ** 2, 2 * d * (c - o)]
            # What the same differs by from the first site.
            sizes += [(y - f) * (y + f - 2 * o), t * a * a * (y - f) * (y + f - 2 * c)]
        exact.append(sum(parts, Fraction(0)))
        terms.append(max(map(abs, sizes)))
    start = weights[back.site_of][0]
    assert found[0] == start / back.site_scale
    errors = [
        abs(Fraction(float(a)) - Fraction(float(found[0])) - (b - exact[0]))
        for a, b in zip(found, exact, strict=True)
    ]
    assert max(errors) <= 8 * Fraction(2) ** -53 * max(terms)


@pytest.mark.parametrize("extent", [1.0, 1e-3])
def test_potentials_of_far_sites_give_the_masses_as_well_as_doubles_can(extent: float) -> None:
    sites = 1e6 + extent * random_sites(50)
    plan = optimal_transport_plan(SumOfDiracs(sites), Box(UNIT), tol=1e-10)
    diagram = PowerDiagram(sites, plan.potentials, UNIT)
    # A rounding of e moves the frontier of sites d apart by e / (2 d), along at most its length.
    rounding = np.spacing(np.abs(plan.potentials).max())
    gaps = np.linalg.norm(np.diff(sites[diagram.edges], axis=1)[:, 0], axis=1)
    shift = np.bincount(diagram.edges.ravel(), np.repeat(rounding / (2 * gaps), 2), 50)
    error = np.abs(diagram.areas - plan.cell_masses)
    assert (error <= 1e-12 + 2 * shift).all()
    assert error.max() < 1e-7


def test_a_warm_start_far_away_takes_up_where_the_last_solve_ended() -> None:
    sites, density = 1e6 + random_sites(50), Box(UNIT)
    optimal_transport_plan(SumOfDiracs(sites), density, warm_start=True)
    again = optimal_transport_plan(SumOfDiracs(sites), density, warm_start=True)
    assert again.status.iterations <= 1
