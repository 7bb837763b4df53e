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
import multiprocessing
import queue
import sys
import threading
import time
import traceback
import warnings
from collections import defaultdict
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median

import numpy as np
from soak_checks import Centred, check, check_translation
from soak_families import Problem, draw

from sdot import ConvergenceError, SumOfDiracs, driver, optimal_transport_plan

TOL = 1e-8
TRANSLATED = 10  # every so many problems are solved elsewhere too
OUTCOMES = ("converged", "raised", "wrong", "crashed", "hung")
DEFECTS = OUTCOMES[2:]


@dataclass(frozen=True)
class Outcome:
    """How one problem went."""

    kind: str
    message: str = ""
    iterations: int = 0
    diagrams: int = 0
    seconds: float = 0.0
    verified: bool = False  # the masses, by polygons


def run(problem: Problem) -> Outcome:
    """Solve and check one problem; exceptions other than ConvergenceError pass."""
    begin = time.perf_counter()
    try:
        plan = optimal_transport_plan(
            SumOfDiracs(problem.positions, problem.weights), problem.density(), tol=TOL
        )
    except ConvergenceError as error:
        assert error.plan is not None
        status = error.plan.status
        seconds = time.perf_counter() - begin
        return Outcome("raised", str(error), status.iterations, status.diagrams, seconds)
    seconds = time.perf_counter() - begin
    positions = problem.positions.astype(np.float64)
    if problem.positions.dtype != np.float64:  # its results are rounded too far to be checked
        rounded = float(plan.distance)
        plan = optimal_transport_plan(
            SumOfDiracs(positions, problem.weights), problem.density(), tol=TOL
        )
        if not abs(rounded - plan.distance) <= 1e-6 * plan.distance:
            return Outcome("wrong", f"{rounded} in single, {plan.distance} in double precision")
    complaint, verified = check(plan, positions, problem.weights, TOL)
    if not complaint and problem.seed % TRANSLATED == 0:
        centred = Centred.of(plan, positions, problem.weights, TOL)
        complaint = check_translation(centred, problem.seed)
    kind = "wrong" if complaint else "converged"
    status = plan.status
    return Outcome(kind, complaint, status.iterations, status.diagrams, seconds, verified)


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


def print_summary(outcomes: dict[int, Outcome]) -> None:
    """One table per kind of family; every problem is in one row of each."""
    rows: dict[tuple[str, str], list[Outcome]] = defaultdict(list)
    for seed, outcome in sorted(outcomes.items()):
        rows["all", ""].append(outcome)
        for kind, name in draw(seed).families.items():
            rows[kind, name].append(outcome)
    titles = (*OUTCOMES, "verified", "Newton steps", "diagrams", "seconds")
    print("\n" + f"{'family':28}" + "".join(f"{title:>14}" for title in titles))
    for (kind, name), members in sorted(rows.items()):
        print(f"{kind + ' ' + name:28}" + "".join(f"{cell:>14}" for cell in _cells(members)))
    print("(verified: masses by polygons too. Steps, diagrams, seconds: median / greatest)")


def _cells(members: list[Outcome]) -> list[str]:
    counts = [sum(outcome.kind == kind for outcome in members) for kind in OUTCOMES]
    ended = [outcome for outcome in members if outcome.kind in ("converged", "raised")]
    cells = [str(count) for count in (*counts, sum(outcome.verified for outcome in members))]
    for name, form in (("iterations", "g"), ("diagrams", "g"), ("seconds", ".2g")):
        values = [getattr(outcome, name) for outcome in ended] or [0]
        cells.append(f"{median(values):{form}} / {max(values):{form}}")
    return cells


def main() -> int:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--count", type=int, default=10_000, help="problems (10000)")
    parser.add_argument("--first", type=int, default=0, help="number of the first problem (0)")
    parser.add_argument("--only", type=int, help="solve this problem only, in this process")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--time-limit", type=float, default=120.0, help="seconds per problem")
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
    return int(any(outcome.kind in DEFECTS for outcome in outcomes.values()))


if __name__ == "__main__":
    sys.exit(main())
