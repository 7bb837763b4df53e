"""Invariants of transport plans on random problems, hard ones among them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from hypothesis import assume, given
from hypothesis import strategies as st
from support.exact import area, box_polygon, power_cell
from support.problems import gmm_image, lattice

from sdot import OtPlan, PolynomialGrid, PowerDiagram, SumOfDiracs, optimal_transport_plan
from sdot.derivatives import position_gradient
from sdot.diagrams import DiagramArrays
from sdot.distributions.density import Frame

FloatArray = npt.NDArray[np.float64]
DENSITY_FAMILIES = ("uniform", "random", "zero pixels", "half", "checkerboard", "peaks", "linear")


class Problem(NamedTuple):
    """Sites, masses and a density."""

    family: str
    sites: FloatArray
    weights: FloatArray
    values: FloatArray
    domain: FloatArray

    @property
    def masses(self) -> FloatArray:
        return np.asarray(self.weights / self.weights.sum())

    @property
    def density(self) -> PolynomialGrid:
        return PolynomialGrid(self.values, domain=self.domain)

    def solve(self, tol: float = 1e-8) -> OtPlan:
        return optimal_transport_plan(SumOfDiracs(self.sites, self.weights), self.density, tol=tol)

    def size(self) -> float:
        """Return the greatest distance that mass may be moved over."""
        points = np.concatenate([self.sites, self.domain])
        return float(np.hypot(*np.ptp(points, axis=0)))

    def mean(self) -> FloatArray:
        """Return the mean of the density, from its pixels."""
        whole = np.array([self.domain.mean(axis=0)])
        return np.asarray(optimal_transport_plan(SumOfDiracs(whole), self.density).barycenters[0])


def _lattice(n: int, rng: np.random.Generator) -> FloatArray:
    return lattice(max(1, round(n**0.5)))


def _on_line(n: int, rng: np.random.Generator) -> FloatArray:
    x = rng.random(n)
    return np.column_stack([x, 0.3 * x + 0.1])


def _on_circle(n: int, rng: np.random.Generator) -> FloatArray:
    angles = 2 * np.pi * np.arange(n) / n
    return np.asarray(0.5 + 0.3 * np.column_stack([np.cos(angles), np.sin(angles)]))


def _two_clusters(n: int, rng: np.random.Generator) -> FloatArray:
    return np.asarray(0.01 * rng.random((n, 2)) + np.where(np.arange(n) % 2, 0.0, 3.0)[:, None])


SITE_FAMILIES: dict[str, Callable[[int, np.random.Generator], FloatArray]] = {
    "random": lambda n, rng: rng.random((n, 2)),
    "outside": lambda n, rng: rng.random((n, 2)) + rng.uniform(-5, 5, 2),
    "groups": lambda n, rng: rng.random((n, 2))[rng.integers(0, max(1, n // 3), n)],
    "lattice": _lattice,
    "line": _on_line,
    "circle": _on_circle,
    "cluster": lambda n, rng: rng.random(2) + 1e-6 * rng.random((n, 2)),
    "two clusters": _two_clusters,
    "rounded": lambda n, rng: np.round(rng.random((n, 2)) * 4) / 4,
}


def _values(family: str, rng: np.random.Generator) -> FloatArray:
    nx, ny = rng.integers(1, 8, 2)
    if family == "uniform":
        return np.ones((1, 1))
    if family == "peaks":
        return gmm_image(16)
    if family == "linear":
        return rng.random((nx, ny, 4))
    values = rng.uniform(0.1, 2.0, (nx, ny))
    if family == "zero pixels":
        values[rng.random((nx, ny)) < 0.4] = 0
        values[rng.integers(nx), rng.integers(ny)] = 1
    if family == "half":
        values = np.repeat(values, 2, axis=0)
        values[: len(values) // 2] = 0
    if family == "checkerboard":
        values = np.add.outer(np.arange(6), np.arange(6)) % 2 * 1.0
    return np.asarray(values)


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    """Draw a problem from all families of sites and densities."""
    site_family = draw(st.sampled_from(sorted(SITE_FAMILIES)))
    density_family = draw(st.sampled_from(DENSITY_FAMILIES))
    n = draw(st.integers(1, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    sites = SITE_FAMILIES[site_family](n, rng)
    ratio = draw(st.sampled_from([1.0, 4.0, 1e3]))
    weights = np.exp(rng.uniform(0, np.log(ratio), len(sites)))
    domain = np.array([[0.0, 0.0], draw(st.sampled_from([(1.0, 1.0), (2.0, 0.5)]))])
    return Problem(
        f"{site_family} / {density_family}", sites, weights, _values(density_family, rng), domain
    )


@given(problems())
def test_masses_are_met_and_conserved(problem: Problem) -> None:
    plan = problem.solve()
    assert plan.status.converged
    assert np.abs(plan.cell_masses / problem.masses - 1).max() <= 1.000001e-8
    assert abs(plan.cell_masses.sum() - 1) <= 1e-13


@given(problems())
def test_the_mass_error_recomputed_from_the_returned_diagram(problem: Problem) -> None:
    plan = problem.solve()
    # In the caller's coordinates an ulp of a potential moves an edge by ulp / (2 gap).
    gaps = np.abs(problem.sites[:, None] - problem.sites[None]).max(axis=2)
    smallest_gap = gaps[gaps > 0].min(initial=1.0)
    assume(smallest_gap > 1e-4)
    box = problem.density.box
    kernel = problem.density.kernel(Frame(np.zeros(2), np.ones(2)))
    diagram = DiagramArrays.build(problem.sites, plan.potentials)
    masses = kernel.moments(diagram).masses
    _, group = np.unique(problem.sites, axis=0, return_inverse=True)
    found = np.bincount(group.ravel(), masses)
    expected = np.bincount(group.ravel(), problem.masses)
    ulp = 2e-16 * (np.abs(problem.sites).max() + np.abs(box).max()) ** 2
    peak = problem.density.coefficients.max() * np.ptp(box, axis=0).max()
    rounding = 100 * ulp / smallest_gap * peak / expected.min()
    assert np.abs(found / expected - 1).max() <= 1e-8 + rounding


@given(problems())
def test_primal_and_dual_agree(problem: Problem) -> None:
    plan = problem.solve(tol=1e-10)
    primal = plan._solution.primal_value
    # The primal's error is of first order in the masses: at most tol times the largest cost.
    assert abs(primal - plan.distance) <= 1e-10 * problem.size() ** 2 + 1e-12 * plan.distance


@given(problems())
def test_the_cost_is_at_least_that_of_the_means(problem: Problem) -> None:
    plan = problem.solve()
    shift = problem.masses @ problem.sites - problem.mean()
    assert plan.distance >= shift @ shift * (1 - 1e-9)
    gaps = ((problem.sites - plan.barycenters) ** 2).sum(axis=1)
    assert plan.distance >= problem.masses @ gaps * (1 - 1e-7)
    assert plan.distance <= problem.size() ** 2


@given(problems())
def test_gradients_sum_to_that_of_a_translation(problem: Problem) -> None:
    plan = problem.solve(tol=1e-10)
    gradient = position_gradient(plan._solution)
    shift = problem.masses @ problem.sites - problem.mean()
    np.testing.assert_allclose(gradient.sum(axis=0), 2 * shift, rtol=0, atol=1e-9 * problem.size())
    assert np.isfinite(gradient).all()


@given(problems(), st.tuples(st.floats(-3, 3), st.floats(-3, 3)))
def test_translation_of_both_changes_nothing(problem: Problem, shift: tuple[float, float]) -> None:
    moved = problem._replace(sites=problem.sites + shift, domain=problem.domain + shift)
    # Sites and domain are rounded when they are moved, by 1e-15, and by as much is the plan.
    difference = moved.solve().distance - problem.solve().distance
    assert abs(difference) <= 1e-14 * problem.size() * 4 + 1e-13 * problem.size() ** 2


@given(problems(), st.tuples(st.floats(-3, 3), st.floats(-3, 3)))
def test_translation_of_the_sites_is_what_the_gradient_says(
    problem: Problem, shift: tuple[float, float]
) -> None:
    plan = problem.solve(tol=1e-10)
    moved = problem._replace(sites=problem.sites + shift).solve(tol=1e-10)
    total = position_gradient(plan._solution).sum(axis=0)
    expected = plan.distance + total @ shift + np.dot(shift, shift)
    scale = (problem.size() + np.hypot(*shift)) ** 2
    assert abs(moved.distance - expected) <= 1e-9 * scale


@given(problems(), st.floats(1e-3, 1e3))
def test_scaling_scales_the_cost(problem: Problem, factor: float) -> None:
    scaled = problem._replace(sites=problem.sites * factor, domain=problem.domain * factor)
    expected = factor**2 * problem.solve().distance
    assert abs(scaled.solve().distance - expected) <= 1e-13 * factor**2 * problem.size() ** 2


@given(problems(), st.randoms(use_true_random=False))
def test_permutation_permutes_the_plan(problem: Problem, random: object) -> None:
    order = np.arange(len(problem.sites))
    random.shuffle(order)  # type: ignore[attr-defined]
    permuted = problem._replace(sites=problem.sites[order], weights=problem.weights[order])
    plan, other = problem.solve(), permuted.solve()
    assert abs(plan.distance - other.distance) <= 1e-13 * problem.size() ** 2
    np.testing.assert_allclose(other.cell_masses, plan.cell_masses[order], rtol=3e-8)


@given(problems())
def test_coincident_sites_have_one_barycenter_and_potential(problem: Problem) -> None:
    doubled = problem._replace(
        sites=np.concatenate([problem.sites, problem.sites]),
        weights=np.concatenate([0.25 * problem.weights, 0.75 * problem.weights]),
    )
    plan, single = doubled.solve(), problem.solve()
    n = len(problem.sites)
    assert abs(plan.distance - single.distance) <= 1e-13 * problem.size() ** 2
    np.testing.assert_array_equal(plan.barycenters[:n], plan.barycenters[n:])
    np.testing.assert_array_equal(plan.potentials[:n], plan.potentials[n:])
    np.testing.assert_allclose(plan.cell_masses[n:], 3 * plan.cell_masses[:n], rtol=1e-13)


@given(problems())
def test_zero_pixels_outside_change_nothing(problem: Problem) -> None:
    padding = [(1, 1), (1, 1)] + [(0, 0)] * (problem.values.ndim - 2)
    pixel = np.ptp(problem.domain, axis=0) / problem.values.shape[:2]
    padded = problem._replace(
        values=np.pad(problem.values, padding),
        domain=problem.domain + np.array([[-1], [1]]) * pixel,
    )
    difference = padded.solve().distance - problem.solve().distance
    assert abs(difference) <= 1e-13 * problem.size() ** 2


@given(
    st.lists(
        st.tuples(st.integers(0, 8), st.integers(0, 8), st.integers(0, 4)), min_size=1, max_size=12
    )
)
def test_diagrams_of_degenerate_sites_are_exact(rows: list[tuple[int, int, int]]) -> None:
    # On a small integer lattice most sites are collinear, co-circular or coincident.
    data = np.array(rows, dtype=np.float64)
    sites, weights = data[:, :2] / 8, data[:, 2] / 64
    diagram = PowerDiagram(sites, weights, ((0, 0), (1, 1)))
    box = box_polygon(0, 0, 1, 1)
    # Of coincident sites the heaviest has the cell, the first one if several are.
    keep = [
        i
        for i in range(len(sites))
        if not any(
            (sites[i] == sites[j]).all()
            and (weights[j] > weights[i] or (weights[j] == weights[i] and j < i))
            for j in range(len(sites))
        )
    ]
    expected = np.zeros(len(sites))
    for k, i in enumerate(keep):
        expected[i] = float(area(power_cell(sites[keep], weights[keep], k, box)))
    np.testing.assert_allclose(diagram.areas, expected, rtol=0, atol=1e-15)
    assert abs(diagram.areas.sum() - 1) <= 1e-14
