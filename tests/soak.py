"""Solve thousands of random hard problems, and report by family how that went.

    python tests/soak.py                    10,000 problems in two processes
    python tests/soak.py --count 300        the first 300 of them
    python tests/soak.py --only 1234        one problem, with its traceback

Each problem comes from its number alone (`soak_families.draw`). A wrong answer, a crash, any
exception other than ConvergenceError, and a solve that does not end within the time limit are
defects: the exit code is 1. A ConvergenceError is counted and listed.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import queue
import sys
import threading
import time
import traceback
import warnings
from dataclasses import asdict
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import numpy.typing as npt
from soak_checks import check, check_translation
from soak_families import Problem, draw
from soak_summary import DEFECTS, Outcome, print_summary
from soak_torus import check_torus
from support.counters import counted_diagrams, counter_complaints

from sdot import ConvergenceError, OtPlan, SumOfDiracs, driver, optimal_transport_plan

TOL = 1e-8
TRANSLATED = 10  # every so many problems are solved elsewhere too


def run(problem: Problem) -> Outcome:
    """Solve and check one problem; exceptions other than ConvergenceError pass."""
    begin = time.perf_counter()
    try:
        plan, complaints = _solve(problem, problem.positions)
        seconds = time.perf_counter() - begin
        complaint, verified = _check(problem, plan)
    except ConvergenceError as error:
        assert error.plan is not None
        seconds = time.perf_counter() - begin
        status = error.plan.status
        return Outcome("raised", str(error), status.iterations, status.diagrams, seconds)
    complaint = "; ".join([*complaints, *filter(None, [complaint])])
    kind = "wrong" if complaint else "converged"
    status = plan.status
    return Outcome(kind, complaint, status.iterations, status.diagrams, seconds, verified)


def _solve(problem: Problem, positions: npt.NDArray[np.floating]) -> tuple[OtPlan, list[str]]:
    """Return the plan, and what its counters say wrong."""
    seen: list[int] = []
    density = problem.density()
    diracs = SumOfDiracs(positions, problem.weights, density.total_mass)
    with counted_diagrams() as diagrams:
        plan = optimal_transport_plan(
            diracs, density, tol=TOL, callback=lambda progress: seen.append(progress.iteration)
        )
    return plan, counter_complaints(plan.status, seen, diagrams)


def _check(problem: Problem, plan: OtPlan) -> tuple[str, bool]:
    if plan.density.torus is not None:
        return check_torus(plan, problem, TOL), False
    if problem.positions.dtype != np.float64:  # its results are rounded too far to be checked
        rounded = float(plan.distance)
        plan, _ = _solve(problem, problem.positions.astype(np.float64))
        if not abs(rounded - plan.distance) <= 1e-6 * plan.distance:
            return f"value: {rounded} in single, {plan.distance} in double precision", False
    complaint, verified = check(plan, problem, TOL)
    if not complaint and problem.seed % TRANSLATED == 0:
        complaint = check_translation(plan, problem, TOL)
    return complaint, verified


def work(connection: Connection) -> None:
    """Run the problems whose numbers arrive, in a process of its own."""
    warnings.simplefilter("error")
    driver.threads = 1  # the processes share the cores
    while (seed := connection.recv()) is not None:
        try:
            outcome = run(draw(seed))
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{Path(place.filename).name}:{place.lineno}"
            outcome = Outcome("crashed", f"{type(error).__name__}: {error} ({where})")
        connection.send(outcome)


class Worker:
    """A process that is replaced when it dies or does not answer."""

    def __init__(self, time_limit: float) -> None:
        self._time_limit = time_limit
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=work, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()

    def outcome(self, seed: int) -> Outcome:
        """Have one problem solved."""
        self._connection.send(seed)
        if not self._connection.poll(self._time_limit):
            self._process.kill()
            self._start()
            return Outcome("hung", f"no answer within {self._time_limit:g} s")
        try:
            answer: Outcome = self._connection.recv()
        except EOFError:
            self._process.join()
            code = self._process.exitcode
            self._start()
            return Outcome("crashed", f"the process died with code {code}")
        return answer

    def stop(self) -> None:
        """End the process."""
        self._connection.send(None)
        self._process.join()


def run_all(seeds: range, processes: int, time_limit: float) -> dict[int, Outcome]:
    """Solve all problems; failures are printed as they come."""
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    for seed in seeds:
        waiting.put(seed)
    outcomes: dict[int, Outcome] = {}

    def feed() -> None:
        worker = Worker(time_limit)
        while True:
            try:
                seed = waiting.get_nowait()
            except queue.Empty:
                return worker.stop()
            outcomes[seed] = outcome = worker.outcome(seed)
            if outcome.kind != "converged":
                print(f"{outcome.kind}: {draw(seed)}\n    {outcome.message}", flush=True)
            elif len(outcomes) % 100 == 0:
                print(f"{len(outcomes)} of {len(seeds)}", flush=True)

    threads = [threading.Thread(target=feed, daemon=True) for _ in range(processes)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def main() -> int:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--count", type=int, default=10_000, help="problems (10000)")
    parser.add_argument("--first", type=int, default=0, help="number of the first problem (0)")
    parser.add_argument("--only", type=int, help="solve this problem only, in this process")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--time-limit", type=float, default=120.0, help="seconds per problem")
    parser.add_argument("--output", type=Path, help="write all outcomes as JSON, to compare runs")
    options = parser.parse_args()
    if options.only is not None:
        warnings.simplefilter("error")
        problem = draw(options.only)
        print(problem)
        outcome = run(problem)
        print(outcome)
        return int(outcome.kind in DEFECTS)
    seeds = range(options.first, options.first + options.count)
    outcomes = run_all(seeds, options.processes, options.time_limit)
    print_summary(outcomes)
    if options.output is not None:
        table = {seed: asdict(outcome) for seed, outcome in sorted(outcomes.items())}
        options.output.write_text(json.dumps(table, indent=1) + "\n")
    return int(any(outcome.kind in DEFECTS for outcome in outcomes.values()))


if __name__ == "__main__":
    sys.exit(main())
