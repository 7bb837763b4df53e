"""The error bound against exact arithmetic, on thousands of random problems of a few sites.

    python tests/soak_bound.py                   10,000 problems that can be checked
    python tests/soak_bound.py --only 1234       one of them

Problems are those of the soak run with at most five sites, and densities of few pieces, for which
the cost is found between two rational bounds; each is solved to a close and to a loose tolerance.
The exit code is 1 if a value misses the exact one by more than its bound.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import defaultdict
from collections.abc import Iterator

from soak_exact import certain_error, is_quick
from soak_families import Problem, draw

from sdot import ConvergenceError, OtPlan, SumOfDiracs, driver, optimal_transport_plan

_MOST_SITES = 5
_MOST_PARTS = 16  # sites times pieces: a twentieth of a second
_TOLERANCES = (1e-11, 1e-2)


def main() -> int:
    """Check problem after problem, and print the worst error for each kind of density."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--count", type=int, default=10_000, help="problems to check (10,000)")
    parser.add_argument("--first", type=int, default=0, help="number of the first one drawn")
    parser.add_argument("--only", type=int, help="check just this one")
    options = parser.parse_args()
    driver.threads = 1
    seed = options.first if options.only is None else options.only
    worst: dict[str, float] = defaultdict(float)
    checked: dict[str, int] = defaultdict(int)
    begin = time.monotonic()
    while sum(checked.values()) < (options.count if options.only is None else 1):
        problem = draw(seed, _MOST_SITES)
        ratios = list(_ratios(problem))
        kind = problem.families["density"]
        if ratios:
            checked[kind] += 1
            worst[kind] = max(worst[kind], *ratios)
        if max(ratios, default=0.0) > 1:
            print(f"WRONG by {max(ratios):.3g} bounds: {problem}", flush=True)
        if ratios and sum(checked.values()) % 1000 == 0:
            seconds = time.monotonic() - begin
            print(
                f"{sum(checked.values())} in {seconds:.0f} s, {max(worst.values()):.3g}", flush=True
            )
        if options.only is not None:
            break
        seed += 1
    for kind, ratio in sorted(worst.items(), key=lambda item: -item[1]):
        print(f"{ratio:8.3g} of its bound at most: {kind} ({checked[kind]})")
    print(f"{sum(checked.values())} problems up to number {seed}, two tolerances each")
    return int(max(worst.values(), default=0.0) > 1)


def _ratios(problem: Problem) -> Iterator[float]:
    """The error over its bound, for each tolerance where the exact value is quickly found."""
    if not is_quick(problem.density(), problem, _MOST_PARTS):
        return
    for tol in _TOLERANCES:
        plan = _best_plan(problem, tol)
        error = certain_error(plan, problem, _MOST_PARTS)
        assert error is not None
        yield float(error) / plan.error_bound if plan.error_bound else float(error > 0) * 1e300


def _best_plan(problem: Problem, tol: float) -> OtPlan:
    density = problem.density()
    positions = problem.positions.astype(float)
    diracs = SumOfDiracs(positions, problem.weights, density.total_mass)
    try:
        return optimal_transport_plan(diracs, density, tol=tol)
    except ConvergenceError as error:
        assert error.plan is not None
        return error.plan


if __name__ == "__main__":
    sys.exit(main())
