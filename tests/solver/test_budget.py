"""One budget: what it counts, what the callback sees, and that nothing goes on when it is spent."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from support.hard_problems import attempt, hard_problem
from support.problems import gmm_image, random_sites

import sdot.diagrams
from sdot import ConvergenceError, PolynomialGrid, SumOfDiracs, optimal_transport_plan
from sdot.solver.budget import Budget, NewtonProgress

# Problems that need several ways, clusters of sites or mixtures of densities.
HARD = (500476, 500382, 101680, 104483)


class _CountingTriangulator:
    """The compiled triangulator, which counts the diagrams that it makes."""

    diagrams = 0
    compiled: Any

    def __init__(self, *args: Any) -> None:
        self._own = type(self).compiled(*args)

    @property
    def is_complete(self) -> bool:
        return bool(self._own.is_complete)

    def power_diagram(self, *args: Any) -> Any:
        type(self).diagrams += 1
        return self._own.power_diagram(*args)

    def repaired_power_diagram(self, *args: Any) -> Any:
        arrays = self._own.repaired_power_diagram(*args)
        type(self).diagrams += arrays is not None
        return arrays


@pytest.mark.parametrize("seed", HARD)
def test_every_diagram_is_counted(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    kernels = sdot.diagrams.diagram_kernels
    counting = type(
        "Counting", (_CountingTriangulator,), {"compiled": kernels.Triangulator, "diagrams": 0}
    )
    monkeypatch.setattr(kernels, "Triangulator", counting)
    plan = attempt(seed)
    assert plan.status.diagrams == counting.diagrams > plan.status.iterations


@pytest.mark.parametrize("seed", HARD)
def test_steps_are_numbered_over_all_ways_and_the_error_never_grows(seed: int) -> None:
    steps: list[NewtonProgress] = []
    plan = attempt(seed, callback=steps.append)
    assert [step.iteration for step in steps] == list(range(1, plan.status.iterations + 1))
    errors = [step.mass_error for step in steps]
    assert errors == sorted(errors, reverse=True)
    assert plan.status.converged
    assert errors[-1] == plan.status.mass_error
    assert all(np.isfinite(errors))


@pytest.mark.parametrize("seed", HARD)
@pytest.mark.parametrize("limit", [1, 3])
def test_a_spent_budget_ends_everything(seed: int, limit: int) -> None:
    whole = attempt(seed)
    few = attempt(seed, max_iterations=limit)
    assert few.status.iterations == limit
    assert few.status.diagrams < whole.status.diagrams
    assert "stopped at max_iterations" in few.status.message


def test_a_spent_budget_ends_a_hard_solve_at_once() -> None:
    begin = time.perf_counter()
    whole = attempt(HARD[0])
    middle = time.perf_counter()
    few = attempt(HARD[0], max_iterations=3)
    assert time.perf_counter() - middle < 0.5 * (middle - begin)
    assert few.status.diagrams < 0.2 * whole.status.diagrams


def test_a_budget_that_is_spent_on_the_first_way_leaves_none_for_others() -> None:
    with pytest.raises(ConvergenceError) as caught:
        optimal_transport_plan(
            SumOfDiracs(random_sites(300)), PolynomialGrid(gmm_image(32)), max_iterations=3
        )
    assert caught.value.plan is not None
    status = caught.value.plan.status
    assert (status.iterations, status.mass_error < 10) == (3, True)


def test_a_way_has_so_many_steps_as_its_patience_but_no_more_than_are_left() -> None:
    budget = Budget(5)
    assert (budget.until(3), budget.until(8), budget.is_spent) == (3, 5, False)
    for _ in range(4):
        budget.count_step(0.5, 1.0)
    assert (budget.until(1), budget.until(3), budget.is_spent) == (5, 5, False)
    budget.count_step(0.5, 1.0)
    assert (budget.until(3), budget.is_spent) == (5, True)


def test_the_plan_of_a_failed_solve_is_the_best_that_was_seen() -> None:
    steps: list[NewtonProgress] = []
    plan = attempt(HARD[0], callback=steps.append, max_iterations=100)
    assert not plan.status.converged
    assert plan.status.mass_error <= min(step.mass_error for step in steps)
    weights = np.asarray(hard_problem(HARD[0])[0].weights)
    found = np.abs(plan.cell_masses / (weights / weights.sum()) - 1).max()
    assert found == pytest.approx(plan.status.mass_error, rel=1e-6)
