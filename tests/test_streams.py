"""Iterators of problems: bits, order, bounded work ahead, errors that leave the rest."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from support.faces import Face
from support.problems import gmm_image, random_image, random_sites
from support.refusals import refused

from sdot import (
    Box,
    ConvergenceError,
    PolynomialGrid,
    SumOfDiracs,
    distance,
    driver,
    optimal_transport_plan,
)

OPTIONS: dict[str, Any] = {"tol": 1e-12, "warm_start": False}


def _clouds(count: int, n: int = 9) -> list[SumOfDiracs]:
    return [SumOfDiracs(random_sites(n, seed)) for seed in range(count)]


@pytest.mark.parametrize("threads", [1, 3])
def test_results_are_those_of_single_solves_in_order(face: Face, threads: int) -> None:
    driver.threads = threads
    density = PolynomialGrid(face.array(random_image()))
    sizes = (200, 3, 60, 1, 9, 30, 2)  # the first takes longest
    clouds = [SumOfDiracs(face.array(random_sites(n))) for n in sizes]
    found = list(distance(iter(clouds), density, tol=1e-12))
    assert all(face.owns(value) for value in found)
    expected = [float(distance(cloud, density, **OPTIONS)) for cloud in clouds]
    assert [float(value) for value in found] == expected
    plans = list(optimal_transport_plan(density, iter(clouds), tol=1e-12))
    assert [float(plan.distance) for plan in plans] == expected
    single = optimal_transport_plan(clouds[0], density, tol=1e-12)
    np.testing.assert_array_equal(face.numpy(plans[0].potentials), face.numpy(single.potentials))


def test_iterators_and_lists_of_both_sides() -> None:
    clouds = _clouds(4)
    images = [PolynomialGrid(random_image(seed)) for seed in range(4)]
    expected = distance(clouds, images, **OPTIONS)
    for f, g in ((iter(clouds), images), (iter(images), iter(clouds)), (clouds, iter(images))):
        np.testing.assert_array_equal(list(distance(f, g, tol=1e-12)), expected)
    unlike = distance(iter(clouds), images[:2])
    assert next(unlike) > 0
    assert next(unlike) > 0
    with refused(ValueError, "shorter"):
        next(unlike)


@pytest.mark.parametrize("threads", [1, 3])
def test_no_more_is_taken_than_a_few_per_core(threads: int) -> None:
    driver.threads = threads
    taken: list[int] = []

    def endless() -> Iterator[SumOfDiracs]:
        while True:
            taken.append(len(taken))
            yield SumOfDiracs(random_sites(5, len(taken)))

    values = distance(endless(), Box())
    assert not taken
    for asked in range(1, 20):
        next(values)
        assert asked <= len(taken) <= asked + 2 * threads
    values.close()
    assert next(values, None) is None


def test_problems_are_solved_ahead_while_the_caller_is_busy() -> None:
    driver.threads = 2
    solved = threading.Semaphore(0)
    plans = optimal_transport_plan(iter(_clouds(4)), Box(), callback=lambda _: solved.release())
    next(plans)
    begin = time.monotonic()
    for _ in range(4):  # each has a step at least; nobody asks for it
        assert solved.acquire(timeout=10)
    assert time.monotonic() - begin < 10


def test_what_fails_leaves_the_rest() -> None:
    density = PolynomialGrid(gmm_image(16))
    clouds: list[Any] = [SumOfDiracs([[0.5, 0.5]]), *_clouds(2), None, SumOfDiracs([[0, 1]])]
    clouds.append(SumOfDiracs([[0.5, 0.5]], mass=2))
    for threads in (1, 2):
        driver.threads = threads
        plans = optimal_transport_plan(iter(clouds), density, max_iterations=1)
        assert next(plans).status.converged
        for k in (1, 2):
            with pytest.raises(ConvergenceError, match=f"element {k} .*max_iterations") as error:
                next(plans)
            assert error.value.plan is not None
        with refused(TypeError, "element 3"):
            next(plans)
        assert next(plans).status.converged
        with refused(ValueError, "element 5", "mass"):
            next(plans)
        assert list(plans) == []


def test_what_the_iterator_raises_comes_in_its_turn() -> None:
    def load(seed: int) -> SumOfDiracs:
        if seed == 2:
            raise OSError("no such file")
        return SumOfDiracs(random_sites(3, seed))

    values = distance(map(load, range(4)), Box())
    assert [next(values) > 0 for _ in range(2)] == [True, True]
    with pytest.raises(OSError, match="no such file"):
        next(values)
    assert next(values) == distance(load(3), Box(), warm_start=False)


def test_arrays_with_derivatives_are_refused() -> None:
    torch = pytest.importorskip("torch")
    sites = torch.tensor(random_sites(4), requires_grad=True)
    with refused(TypeError, "element 0", "list", "detach"):
        next(distance(iter([SumOfDiracs(sites)]), Box()))
    assert next(distance(iter([SumOfDiracs(sites.detach())]), Box())) > 0


def test_many_threads_may_ask() -> None:
    values = distance(iter(_clouds(40)), Box(), tol=1e-12)
    found: list[float] = []
    threads = [threading.Thread(target=lambda: found.extend(values)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == sorted(distance(_clouds(40), Box(), **OPTIONS))
