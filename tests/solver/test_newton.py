"""Damped Newton: progress, damping, stopping."""

from __future__ import annotations

import numpy as np
import pytest
from support.problems import gmm_image, random_image, random_sites, uniform

from sdot import PolynomialGrid
from sdot.solver import newton
from sdot.solver.budget import Budget
from sdot.solver.newton import NewtonProgress, damped_newton
from sdot.solver.normalisation import normalise
from sdot.solver.problem import Evaluation, TransportProblem
from sdot.solver.solve import Options, solve
from sdot.solver.starts.entropic import EntropicTransport
from sdot.solver.starts.quick import has_sites_without_mass


def _steps(n: int, density: PolynomialGrid, tol: float = 1e-10):  # type: ignore[no-untyped-def]
    progress: list[NewtonProgress] = []
    budget = Budget(100, progress.append)
    problem, _ = normalise(random_sites(n), np.ones(n), density, budget)
    start = problem.evaluate(np.zeros(n))
    return problem, start, damped_newton(problem, start, tol, 100), progress


def test_it_converges_and_says_how() -> None:
    problem, start, result, progress = _steps(100, PolynomialGrid(random_image()))
    assert result.reached(1e-10)
    assert result.mass_error == result.evaluation.mass_error <= 1e-10
    assert result.mass_error < start.mass_error
    assert [step.iteration for step in progress] == list(range(1, result.iterations + 1))
    assert progress[-2].mass_error > 1e-10
    moments = problem.kernel.moments(result.evaluation.diagram)
    assert progress[-1].mass_error == problem.returned_error(moments)
    assert result.diagrams >= result.iterations


def test_every_step_keeps_all_cells_and_shrinks_the_error() -> None:
    problem, start, _, progress = _steps(300, uniform())
    floor = 0.5 * min(1.0, (start.masses / problem.masses).min())
    for step in progress:
        assert floor < step.smallest_mass <= 1 + step.mass_error
        assert 0 < step.step_length <= 1
        assert np.log2(step.step_length) % 1 == 0


def test_no_accepted_step_takes_a_cell_below_the_floor(monkeypatch: pytest.MonkeyPatch) -> None:
    # Unequal masses: that cells keep a tenth of what they had is not enough to stay above half of
    # the least. The floor proper is lower, and reached by none of the problems that are known.
    monkeypatch.setattr(newton, "_FLOOR", 0.5)
    masses = 10.0 ** -(4 * np.random.default_rng(8).random(20))
    problem, _ = normalise(random_sites(20, seed=8), masses, PolynomialGrid(gmm_image(32)))
    start = problem.evaluate(np.zeros(20))
    accepted: list[Evaluation] = []
    monkeypatch.setattr(
        TransportProblem, "note", lambda _, evaluation, tol: accepted.append(evaluation)
    )
    result = damped_newton(problem, start, 1e-8, 200)
    assert result.iterations == len(accepted) - 1 > 5
    floor = 0.5 * min(start.masses.min(), problem.masses.min())
    assert min(evaluation.masses.min() for evaluation in accepted) > floor


def test_the_last_steps_are_full_and_converge_fast() -> None:
    _, _, _, progress = _steps(200, PolynomialGrid(random_image()))
    assert progress[-1].step_length == 1
    assert progress[-1].mass_error < 1e-3 * progress[-2].mass_error


def test_nothing_is_done_at_the_solution() -> None:
    problem, _, result, _ = _steps(50, uniform())
    again = damped_newton(problem, result.evaluation, 1e-10, 100)
    assert (again.iterations, again.diagrams) == (0, 0)
    assert again.evaluation is result.evaluation


def test_iterations_are_limited() -> None:
    for limit in (0, 1, 2):
        problem, _ = normalise(random_sites(50), np.ones(50), uniform())
        start = problem.evaluate(np.zeros(50))
        result = damped_newton(problem, start, 1e-14, limit)
        assert result.iterations == limit
        assert not result.reached(1e-14)


@pytest.mark.parametrize("n", [2, 50, 1000])
@pytest.mark.parametrize("pixels", [16, 64])
def test_the_entropic_start_leaves_no_cell_empty(n: int, pixels: int) -> None:
    problem, _ = normalise(random_sites(n), np.ones(n), PolynomialGrid(gmm_image(pixels)))
    assert problem.evaluate(EntropicTransport(problem, 32).weights(32)).masses.min() > 0


@pytest.mark.parametrize(("share", "expected"), [(1e-3, True), (1e-30, False)])
def test_sites_far_out_in_a_tail_are_seen_without_a_diagram(share: float, expected: bool) -> None:
    corners = np.array([[0.02, 0.98], [0.98, 0.02]])
    sites = np.concatenate([0.3 + 0.05 * random_sites(98), corners])
    problem, _ = normalise(sites, np.ones(100), PolynomialGrid(gmm_image(64)))
    assert has_sites_without_mass(problem, 16, share) is expected


def test_sites_outside_of_the_domain_are_not_judged_by_the_mass_around_them() -> None:
    problem, _ = normalise(random_sites(50) + 1.5, np.ones(50), uniform())
    assert not has_sites_without_mass(problem, 16, 1e-3)


def test_the_callback_sees_every_newton_step() -> None:
    seen: list[NewtonProgress] = []
    n = 100
    solution = solve(
        random_sites(n),
        np.full(n, 1 / n),
        PolynomialGrid(gmm_image(32)),
        Options(callback=seen.append),
    )
    assert len(seen) == solution.status.iterations
    assert seen[-1].mass_error == solution.status.mass_error


def test_an_exception_in_the_callback_stops_the_solve() -> None:
    class StopError(Exception):
        pass

    def stop(_: NewtonProgress) -> None:
        raise StopError

    with pytest.raises(StopError):
        solve(random_sites(50), np.full(50, 0.02), uniform(), Options(callback=stop))


@pytest.mark.parametrize("n", [100, 1000])
def test_a_uniform_density_takes_few_steps(n: int) -> None:
    solution = solve(random_sites(n), np.full(n, 1 / n), uniform(), Options())
    assert solution.status.iterations <= 10
    assert solution.status.diagrams <= 20
