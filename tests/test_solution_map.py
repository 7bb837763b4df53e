"""The map that adapters call: equal by content, and solved once for all that it is asked."""

from __future__ import annotations

import gc

import numpy as np
import pytest
from support.problems import random_image, random_sites

from sdot import PolynomialGrid, SplineGrid, SumOfDiracs, distance, solving
from sdot.results import result_format
from sdot.solution_map import SolutionMap
from sdot.solved_problems import SolvedProblems
from sdot.solving import check_options, solve_or_raise

SITES, IMAGE = random_sites(9), random_image()


def _map(diracs=None, density=None, moving=(0,), tol=1e-8):  # type: ignore[no-untyped-def]
    diracs = SumOfDiracs(SITES) if diracs is None else diracs
    density = PolynomialGrid(IMAGE) if density is None else density
    options = check_options(tol, 100, False)
    return SolutionMap(
        diracs, density, options, result_format(SITES), moving=moving, solve=solve_or_raise
    )


def test_maps_of_equal_content_are_equal() -> None:
    one, two = _map(), _map(SumOfDiracs(SITES + 1), PolynomialGrid(IMAGE.copy()))
    assert one == two, "what moves does not count"
    assert hash(one) == hash(two)


@pytest.mark.parametrize(
    "other",
    [
        lambda: _map(density=PolynomialGrid(IMAGE + 1)),
        lambda: _map(density=PolynomialGrid(IMAGE, ((0, 0), (2, 1)))),
        lambda: _map(density=SplineGrid(IMAGE, 0)),
        lambda: _map(density=2 * PolynomialGrid(IMAGE)),
        lambda: _map(SumOfDiracs(SITES, np.arange(1, 10))),
        lambda: _map(moving=(0, 1)),
        lambda: _map(tol=1e-9),
    ],
)
def test_maps_of_unequal_content_are_not(other) -> None:  # type: ignore[no-untyped-def]
    assert _map() != other()


def test_a_problem_is_solved_once_for_all_that_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    problems = [[SITES, IMAGE], [SITES + 0.1, IMAGE], [SITES, IMAGE]]
    expected = [
        distance(SumOfDiracs(y), PolynomialGrid(v), max_iterations=100, warm_start=False)
        for y, v in problems
    ]
    solves = []
    solve = solving.solve_numpy
    monkeypatch.setattr(solving, "solve_numpy", lambda *a: solves.append(1) or solve(*a))
    solution_map = _map(moving=(0, 1))
    for arrays, value in zip(problems, expected, strict=True):
        assert solution_map.value(arrays) == value
        copies = [array.copy() for array in arrays]
        gradients = solution_map.gradients(copies, [True, True])
        assert [g.shape for g in gradients] == [SITES.shape, IMAGE.shape]
        solution_map.hessian_product(arrays, [SITES, None], [True, True])
        assert solution_map.outputs(copies).value == value
    assert len(solves) == 2


def test_a_density_that_does_not_move_keeps_its_kernels() -> None:
    density = PolynomialGrid(IMAGE)
    solution_map = _map(density=density)
    assert solution_map._solved_at([SITES]).density is density


def test_what_is_kept_is_bounded_and_dies_with_its_owner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sdot.solved_problems._MAX_SITES", 100)
    kept: SolvedProblems[str] = SolvedProblems()
    for k in range(30):
        kept.put(k, "a", 10)
        kept.put(k, "b", 10)
    assert [k for k in range(30) if kept.get(k) is not None] == list(range(20, 30))
    assert kept.get(29) == "b"
    other: SolvedProblems[str] = SolvedProblems()
    other.put(0, "huge", 1000)
    assert other.get(0) == "huge", "the last one is kept whatever its size"
    assert len(kept) == 0
    del other
    gc.collect()
    kept.put(1, "c", 1)
    assert kept.get(1) == "c"
