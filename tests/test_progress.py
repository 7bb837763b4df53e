"""Callbacks, the progress line, the log, and interruption."""

from __future__ import annotations

import concurrent.futures
import logging
import re
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.problems import gmm_image, random_sites
from support.subprocesses import run_python

import sdot.progress
from sdot import (
    Box,
    PolynomialGrid,
    SumOfDiracs,
    distance,
    lloyd,
    optimal_transport_plan,
    quantize,
)
from sdot.solver.newton import NewtonProgress


def _problem(n: int = 300) -> tuple[SumOfDiracs, PolynomialGrid]:
    return SumOfDiracs(random_sites(n)), PolynomialGrid(gmm_image(32))


def test_the_callback_sees_every_newton_step() -> None:
    steps: list[NewtonProgress] = []
    plan = optimal_transport_plan(*_problem(), callback=steps.append)
    assert len(steps) == plan.status.iterations > 2
    assert [step.iteration for step in steps] == list(range(1, len(steps) + 1))
    assert steps[-1].mass_error == plan.status.mass_error
    assert all(0 < step.step_length <= 1 for step in steps)
    assert all(0 < step.smallest_mass <= 1 + 1e-8 for step in steps)
    assert steps[-1].smallest_mass == pytest.approx(1, abs=1e-8)


def test_what_the_callback_raises_ends_the_solve() -> None:
    class EnoughError(Exception):
        pass

    def stop(progress: NewtonProgress) -> None:
        raise EnoughError

    with pytest.raises(EnoughError):
        optimal_transport_plan(*_problem(), callback=stop)


def test_a_callback_that_cannot_be_called_is_refused() -> None:
    with pytest.raises(TypeError, match="callback"):
        optimal_transport_plan(*_problem(), callback=3)


@pytest.fixture(params=["a bar of tqdm", "a line"])
def shown(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """What progress looks like, with tqdm and without."""
    if request.param == "a line":
        monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    else:
        pytest.importorskip("tqdm")
    return str(request.param)


def _lloyd(progress: Any) -> None:
    lloyd(random_sites(20), Box(), tol=1e-2, progress=progress)


REPORTING = {
    "plan": (lambda p: optimal_transport_plan(*_problem(), progress=p), "mass error"),
    "distance": (lambda p: distance(*_problem(), progress=p), "mass error"),
    "lloyd": (_lloyd, "gradient"),
    "quantize": (lambda p: quantize(Box(), 20, progress=p), "gradient"),
    "list": (lambda p: distance([_problem(9)[0]] * 7, Box(), progress=p), "7 of 7|7/7"),
    "plans": (
        lambda p: optimal_transport_plan([_problem(9)[0]] * 7, Box(), progress=p),
        "7 of 7|7/7",
    ),
    "iterator": (
        lambda p: list(distance(iter([_problem(9)[0]] * 7), Box(), progress=p)),
        "7 of 7|7/7",
    ),
    "generator": (
        lambda p: list(distance((_problem(9)[0] for _ in "12"), Box(), progress=p)),
        "2 prob",
    ),
}


@pytest.mark.parametrize("what", REPORTING)
def test_progress_is_silent_for_short_work_and_one_line_for_long_work(
    what: str, shown: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, words = REPORTING[what]
    run(True)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sdot.progress, "_SILENT_SECONDS", 0.0)
    run(False)
    assert capsys.readouterr().err == ""
    run(True)
    written = capsys.readouterr().err
    assert re.search(words, written)
    assert "sdot" in written
    assert ("it/s" in written or "/s" in written) == (shown == "a bar of tqdm")
    assert written.count("\n") == 1
    assert written.endswith("\n")


def test_progress_of_derivatives() -> None:
    torch = pytest.importorskip("torch")
    sites = torch.tensor(random_sites(9), requires_grad=True)
    with pytest.MonkeyPatch.context() as patch:
        seen: list[str] = []
        patch.setattr(sdot.progress, "new_bar", lambda unit, total=None: _Recorder(seen, unit))
        distance(SumOfDiracs(sites), Box(), progress=True).backward()
        assert set(seen) == {"steps"}
        seen.clear()
        distance([SumOfDiracs(sites)] * 2, Box(), progress=True).sum().backward()
        assert seen == ["problems", "problems"]


class _Recorder:
    def __init__(self, seen: list[str], unit: str) -> None:
        self._seen, self._unit = seen, unit

    def show(self, count: int, words: str = "") -> None:
        self._seen.append(self._unit)

    def close(self) -> None:
        pass


@pytest.mark.parametrize("what", REPORTING)
def test_progress_that_is_no_answer_is_refused(what: str) -> None:
    with pytest.raises(TypeError, match="progress"):
        REPORTING[what][0]("yes")


def test_the_log_is_silent_by_default_and_tells_every_step_if_asked(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    optimal_transport_plan(*_problem())
    assert capsys.readouterr().err == ""
    with caplog.at_level(logging.DEBUG, logger="sdot"):
        plan = optimal_transport_plan(*_problem())
    assert len(caplog.records) == plan.status.iterations + 1
    assert "converged" in caplog.text


def test_ctrl_c_stops_a_long_solve_within_a_second_and_leaves_the_process_usable(
    tmp_path: Path,
) -> None:
    code = f"""
import os, signal, threading, time
import numpy as np
from sdot import PolynomialGrid, SumOfDiracs, distance
signal.signal(signal.SIGINT, signal.default_int_handler)
sites = np.random.default_rng(0).random((400_000, 2))
diracs, density = SumOfDiracs(sites), PolynomialGrid([[1.0]])
for delay in (0.3, 1.5):
    sent = []
    def interrupt():
        sent.append(time.monotonic())
        os.kill(os.getpid(), {int(signal.SIGINT)})
    threading.Timer(delay, interrupt).start()
    try:
        distance(diracs, density)
        print("not interrupted")
    except KeyboardInterrupt:
        print("after", time.monotonic() - sent[0])
print("usable", float(distance(SumOfDiracs([[0.5, 0.5]]), density)))
"""
    result = run_python(code, tmp_path)
    assert result.returncode == 0, result.stderr
    lines = result.stdout.split("\n")
    delays = [float(line.split()[1]) for line in lines[:2]]
    assert lines[2].startswith("usable 0.16666")
    assert max(delays) < 1


def test_solves_in_several_threads_give_the_same_bits_as_one_after_the_other() -> None:
    density = PolynomialGrid(gmm_image(32))
    problems = [SumOfDiracs(random_sites(400, seed)) for seed in range(8)]

    def solve(diracs: SumOfDiracs) -> np.ndarray:
        plan = optimal_transport_plan(diracs, density)
        return np.concatenate([plan.potentials, plan.barycenters.ravel(), [plan.distance]])

    expected = [solve(diracs) for diracs in problems]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for result, reference in zip(pool.map(solve, problems), expected, strict=True):
            assert result.tobytes() == reference.tobytes()


def test_native_work_leaves_other_threads_running() -> None:
    ticks = []
    done = threading.Event()

    def tick() -> None:
        while not done.is_set():
            ticks.append(time.monotonic())
            time.sleep(0.001)

    thread = threading.Thread(target=tick)
    thread.start()
    try:
        begin = time.monotonic()
        optimal_transport_plan(SumOfDiracs(random_sites(30_000)), PolynomialGrid([[1.0]]))
        end = time.monotonic()
    finally:
        done.set()
        thread.join()
    during = [t for t in ticks if begin < t < end]
    # Held throughout, the interpreter lock would let a handful through at most.
    assert len(during) > 50
