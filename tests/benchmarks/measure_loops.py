"""Measure the loops and small solves: ``python measure_loops.py jax|torch|small|fit|import``."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import cases
import numpy as np

from sdot import PolynomialGrid, SumOfDiracs, SumOfGaussians, distance, driver

STEPS, SITES, RATE = 200, 200, 5e-3


def jax_loop(warm_start: bool) -> float:
    """Seconds for 200 steps of gradient descent, after compilation."""
    import jax  # noqa: PLC0415
    import jax.numpy as jnp  # noqa: PLC0415

    target = PolynomialGrid(jnp.array(cases.two_peaks(64)))

    @jax.jit
    def value_and_gradient(positions: Any) -> Any:
        def loss(positions: Any) -> Any:
            return distance(SumOfDiracs(positions), target, warm_start=warm_start)

        return jax.value_and_grad(loss)(positions)

    positions = jnp.array(cases.sites(SITES))
    jax.block_until_ready(value_and_gradient(positions + 0.5))
    begin = time.perf_counter()
    for _ in range(STEPS):
        _, gradient = value_and_gradient(positions)
        positions = positions - RATE * gradient
    jax.block_until_ready(positions)
    return time.perf_counter() - begin


def torch_loop(warm_start: bool) -> float:
    """Seconds for 200 steps of Adam."""
    import torch  # noqa: PLC0415

    target = PolynomialGrid(torch.tensor(cases.two_peaks(64)))
    positions = torch.tensor(cases.sites(SITES), requires_grad=True)
    optimizer = torch.optim.Adam([positions], lr=RATE)
    begin = time.perf_counter()
    for _ in range(STEPS):
        optimizer.zero_grad()
        distance(SumOfDiracs(positions), target, warm_start=warm_start).backward()
        optimizer.step()
    return time.perf_counter() - begin


def fit_step() -> float:
    """Seconds for the value and the gradient of a fit: 5 components, 500 points, a median."""
    import jax  # noqa: PLC0415
    import jax.numpy as jnp  # noqa: PLC0415

    rng = np.random.default_rng(0)
    factors = 0.1 * rng.normal(size=(5, 2, 2))
    covariances = factors @ factors.transpose(0, 2, 1) + 1e-3 * np.eye(2)
    observed = SumOfDiracs(cases.sites(500))

    @jax.jit
    def value_and_gradient(*parameters: Any) -> Any:
        def loss(*parameters: Any) -> Any:
            return distance(observed, SumOfGaussians(*parameters))

        return jax.value_and_grad(loss, argnums=(0, 1, 2))(*parameters)

    parameters = [jnp.array(a) for a in (rng.random((5, 2)), covariances, np.ones(5))]
    jax.block_until_ready(value_and_gradient(*parameters))
    seconds = []
    for _ in range(50):
        begin = time.perf_counter()
        _, gradient = jax.block_until_ready(value_and_gradient(*parameters))
        seconds.append(time.perf_counter() - begin)
        rates = (0.05, 0.01, 0.0)
        parameters = [p - r * g for p, r, g in zip(parameters, rates, gradient, strict=True)]
    return median(seconds)


def small_solve(case: str) -> float:
    """Seconds for ten sites, cold but for what the process has loaded: a median."""
    driver.framework = "numpy"
    target, positions = cases.density(case), cases.sites(10)

    def once() -> float:
        begin = time.perf_counter()
        distance(SumOfDiracs(positions), target, warm_start=False)
        return time.perf_counter() - begin

    for _ in range(20):
        once()
    return float(np.median([once() for _ in range(200)]))


def import_time() -> float:
    """Seconds that ``import sdot`` takes in a process that has NumPy, a median of five."""
    code = (
        "import numpy, time; t = time.perf_counter(); import sdot; print(time.perf_counter() - t)"
    )
    command = [sys.executable, "-c", code]
    runs = [subprocess.run(command, check=True, capture_output=True, text=True) for _ in range(5)]
    return median(float(run.stdout) for run in runs)


def measure(what: str) -> list[dict[str, Any]]:
    """Rows of name, seconds and target."""
    if what == "small":
        return [
            {"name": f"n = 10, {case}", "seconds": small_solve(case), "target": cases.SMALL_TARGET}
            for case in ("uniform", "gmm64")
        ]
    if what == "import":
        target = cases.IMPORT_TARGET
        return [{"name": "import sdot, after NumPy", "seconds": import_time(), "target": target}]
    if what == "fit":
        name = "a step of fitting 5 Gaussians to 500 points, JAX"
        return [{"name": name, "seconds": fit_step(), "target": cases.FIT_TARGET}]
    loop: Callable[[bool], float] = {"jax": jax_loop, "torch": torch_loop}[what]
    name = {"jax": "tutorial loop, JAX", "torch": "tutorial loop, torch with Adam"}[what]
    return [
        {
            "name": name,
            "seconds": median(loop(True) for _ in range(3)),
            "target": cases.LOOP_TARGET,
        },
        {"name": f"{name}, warm_start=False", "seconds": loop(False), "target": None},
    ]


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1])))
