"""Are the results the same to the bit as those of another build on this machine?

    OTHER/python tests/compare_bits.py --write FILE    keep what a build returns
    python tests/compare_bits.py FILE                  compare this one with it

Some sixty ordinary problems are solved with one and with two threads, and differentiated by PyTorch
and, the smallest of them, by JAX. What differs is named, with the distance in units in the last
place: of each entry, and of the greatest entry of the array. Bits depend on the machine's
libraries, so the file is not for another one. The exit code is 1 if anything differs.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from bits_problems import Array, Problem, problems

from sdot import SumOfDiracs, distance, driver, optimal_transport_plan

THREADS = (1, 2)
DIFFERENTIATED = 350  # sites, by PyTorch
COMPILED = 3  # sites, by JAX


def results(problem: Problem) -> dict[str, Array]:
    """All that the problem returns, by name."""
    density = problem.density(np.asarray)
    diracs = SumOfDiracs(problem.positions, problem.weights, density.total_mass)
    plan = optimal_transport_plan(diracs, density)
    found = {
        name: np.asarray(getattr(plan, name))
        for name in ("distance", "barycenters", "cell_masses", "potentials", "error_bound")
    }
    found["steps"] = np.array([plan.status.iterations, plan.status.diagrams], dtype=np.float64)
    if len(problem.positions) <= DIFFERENTIATED:
        found |= {f"gradient {k} by torch": g for k, g in enumerate(_by_torch(problem))}
    if len(problem.positions) <= COMPILED:
        found |= {f"gradient {k} by jax": g for k, g in enumerate(_by_jax(problem))}
    return found


def _by_torch(problem: Problem) -> Iterator[Array]:
    import torch  # noqa: PLC0415

    parameters: list[Any] = []

    def parameter(values: Array) -> Any:
        parameters.append(torch.tensor(values, requires_grad=True))
        return parameters[-1]

    arrays = (problem.positions, problem.weights)
    inputs = [None if array is None else parameter(array) for array in arrays]
    density = problem.density(parameter)
    distance(SumOfDiracs(*inputs, density.total_mass), density).backward()
    return (parameter.grad.numpy() for parameter in parameters)


def _by_jax(problem: Problem) -> Iterator[Array]:
    import jax  # noqa: PLC0415

    jax.config.update("jax_enable_x64", True)
    density = problem.density(jax.numpy.asarray)
    inputs = map(jax.numpy.asarray, (problem.positions, problem.weights))
    diracs = SumOfDiracs(*inputs, density.total_mass)
    found = jax.grad(distance, argnums=(0, 1))(diracs, density)
    return (np.asarray(leaf) for leaf in jax.tree.leaves(found))


def collect() -> dict[str, dict[str, Array]]:
    """The results of all problems; with how many threads is part of the name."""
    found: dict[str, dict[str, Array]] = defaultdict(dict)
    for problem in problems():
        for threads in THREADS:
            driver.threads = threads
            for name, array in results(problem).items():
                found[problem.name][f"{name}, {threads} threads"] = array
    return found


def encoded(array: Array) -> dict[str, Any]:
    """An array for a JSON file."""
    data = np.ascontiguousarray(array, dtype=np.float64).tobytes()
    return {
        "sha256": hashlib.sha256(data).hexdigest(),
        "shape": list(array.shape),
        "data": base64.b64encode(data).decode(),
    }


def _decoded(entry: dict[str, Any]) -> Array:
    return np.frombuffer(base64.b64decode(entry["data"])).reshape(entry["shape"])


def difference(before: dict[str, Any], now: dict[str, Any]) -> str:
    """How two encoded arrays differ; empty if they do not."""
    if before["sha256"] == now["sha256"] and before["shape"] == now["shape"]:
        return ""
    old, new = _decoded(before), _decoded(now)
    if old.shape != new.shape:
        return f"shape {new.shape}, not {old.shape}"
    gaps = np.abs(new - old)
    if not np.isfinite(gaps).all():
        return "finite in one of them only"
    entries = gaps / np.spacing(np.abs(old))
    greatest = gaps.max() / np.spacing(np.abs(old).max())
    changed = np.count_nonzero(_bits(old) != _bits(new))
    return (
        f"{changed} of {old.size} entries, by {entries.max():.3g} ulp, {greatest:.3g} of greatest"
    )


def _bits(array: Array) -> npt.NDArray[np.int64]:
    return np.ascontiguousarray(array).view(np.int64)


def compare(before: dict[str, Any], now: dict[str, Any]) -> int:
    """Print what differs, and return in how many results."""
    count: dict[str, int] = defaultdict(int)
    for problem in {**before, **now}:
        old, new = before.get(problem, {}), now.get(problem, {})
        for name in {**old, **new}:
            if name in old and name in new:
                found = difference(old[name], new[name])
                if found and name.startswith("steps"):
                    found = f"{_decoded(old[name])} and now {_decoded(new[name])} steps, diagrams"
            else:
                found = f"only {'before' if name in old else 'now'}"
            if found:
                count[name] += 1
                print(f"{problem}: {name}: {found}")
    total = sum(count.values())
    for name, number in count.items():
        print(f"differ: {name} of {number} of {len(now)} problems")
    print(f"{total} results differ" if total else f"all bits of {len(now)} problems are the same")
    return total


def between_threads(now: dict[str, Any]) -> int:
    """The same for what one thread and two return."""
    one, two = (
        {
            problem: {
                name.rpartition(",")[0]: entry
                for name, entry in found.items()
                if name.endswith(f" {threads} threads")
            }
            for problem, found in now.items()
        }
        for threads in THREADS
    )
    print("one thread and two:")
    return compare(one, two)


def main() -> int:
    """Parse the command line, solve, and write or compare."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("file", type=Path, help="what another build returned")
    parser.add_argument("--write", action="store_true", help="make this file")
    options = parser.parse_args()
    now = {
        problem: {name: encoded(array) for name, array in found.items()}
        for problem, found in collect().items()
    }
    count = between_threads(now)
    if options.write:
        options.file.write_text(json.dumps(now) + "\n")
        return int(count > 0)
    print("before and now:")
    return int(compare(json.loads(options.file.read_text()), now) + count > 0)


if __name__ == "__main__":
    sys.exit(main())
