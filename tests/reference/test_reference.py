"""Stored values of other solvers, and the tutorial as it is written."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from reference.values import TUTORIAL_LOSSES, VALUES
from support.faces import FACES, Face, FaceName
from support.problems import gmm_image, random_sites
from support.subprocesses import run_python

from sdot import PolynomialGrid, SumOfDiracs, distance, optimal_transport_plan

DENSITIES = {
    "uniform": lambda: PolynomialGrid([[1.0]]),
    "gmm64": lambda: PolynomialGrid(gmm_image(64)),
    "gmm512": lambda: PolynomialGrid(gmm_image(512, 1e-3)),
}

# (1 + 1e-11) of a value, plus half a unit of its last stored decimal.
LAST_DECIMAL = 5e-16


@pytest.mark.parametrize(("density", "n"), VALUES, ids=str)
def test_another_exact_solver(density: str, n: int) -> None:
    diracs = SumOfDiracs(random_sites(n))
    plan = optimal_transport_plan(diracs, DENSITIES[density](), tol=1e-12)
    expected = VALUES[density, n]
    assert abs(plan.distance - expected) <= 1e-11 * expected + LAST_DECIMAL
    assert abs(plan._solution.primal_value - plan.distance) <= 1e-9 * plan.distance
    assert plan.status.mass_error <= 1e-12


@pytest.mark.parametrize(("density", "n"), VALUES, ids=str)
def test_cell_masses_measured_a_second_time(density: str, n: int) -> None:
    diracs = SumOfDiracs(random_sites(n))
    plan = optimal_transport_plan(diracs, DENSITIES[density](), tol=1e-12)
    # By moments, not by the edge walk that the solver stops on: other rounding, of which one
    # unit in the total mass is n units in that of a cell.
    assert np.abs(plan.cell_masses * n - 1).max() <= plan.status.mass_error + 1e-16 * n


@pytest.mark.parametrize("name", FACES)
@pytest.mark.parametrize("density", DENSITIES)
def test_another_exact_solver_through_every_framework(density: str, name: FaceName) -> None:
    face = Face(name)
    with face.double_precision():
        value = distance(
            SumOfDiracs(face.array(random_sites(1000))), DENSITIES[density](), tol=1e-12
        )
        assert face.owns(value)
    expected = VALUES[density, 1000]
    assert abs(float(value) - expected) <= 1e-11 * expected + LAST_DECIMAL


# The tutorial's text, cut into its code blocks: each starts after a line "python" and ends
# before a blank line followed by prose.
TUTORIAL = (Path(__file__).parent / "tutorial.txt").read_text(encoding="utf-8")
# After the set-up: importing JAX draws from NumPy's global generator.
SEED = "np.random.seed( 0 )\n"
END = 'print( f"end {val:.6f} {positions.dtype}" )\n'


def _code(heading: str) -> str:
    section = TUTORIAL.split(f"\n{heading}\n", 1)[1]
    block = section.split("\npython\n", 1)[1]
    lines = []
    for line in block.splitlines():
        # Prose starts in column 0 with a capital letter and has no code in it.
        if re.match(r"[A-Z][a-z]+ [A-Za-z, ]+", line) and "=" not in line:
            break
        lines.append(line)
    return "\n".join(lines) + "\n"


SETUP = _code("Setup")
JAX_BLOCK = _code("Minimizing with JAX")
TORCH_BLOCK = _code("Minimizing with PyTorch")
MIXTURE_BLOCK = _code("Fitting GMM Parameters Directly")


def _losses(output: str) -> list[float]:
    found = re.findall(r"^step +(\d+)   W₂² = ([\d.]+)$", output, flags=re.MULTILINE)
    assert [int(step) for step, _ in found] == list(range(0, 200, 20))
    return [float(value) for _, value in found]


def test_the_blocks_are_whole() -> None:
    assert SETUP.rstrip().endswith("target = PolynomialGrid( values = target_img )")
    assert "for step in range( 200 ):" in JAX_BLOCK
    assert JAX_BLOCK.rstrip().endswith('print( f"step {step:4d}   W₂² = {val:.6f}" )')
    assert 'sdot.driver.framework = "torch"' in TORCH_BLOCK
    assert TORCH_BLOCK.rstrip().endswith('print( f"step {step:4d}   W₂² = {val.item():.6f}" )')


def _run_jax_block(tmp_path: Path, **environment: str) -> tuple[list[float], str]:
    pytest.importorskip("jax")
    # The loop prints every 20th step; the last value is asked for in addition.
    result = run_python(SETUP + SEED + JAX_BLOCK + END, tmp_path, **environment)
    assert result.returncode == 0, result.stderr
    end, dtype = re.findall(r"^end ([\d.]+) (\w+)$", result.stdout, flags=re.MULTILINE)[0]
    return [*_losses(result.stdout), float(end)], dtype


def test_the_jax_block_as_written(tmp_path: Path) -> None:
    losses, dtype = _run_jax_block(tmp_path)
    assert dtype == "float32"
    # Printed to 6 decimals, positions rounded to single precision at every step.
    np.testing.assert_allclose([losses[0], losses[-1]], TUTORIAL_LOSSES, rtol=0, atol=1.1e-6)
    assert (np.diff(losses) < 0).all()


def test_the_jax_block_in_double_precision(tmp_path: Path) -> None:
    losses, dtype = _run_jax_block(tmp_path, JAX_ENABLE_X64="1")
    assert dtype == "float64"
    assert (losses[0], losses[-1]) == TUTORIAL_LOSSES


def test_the_torch_block_as_written(tmp_path: Path) -> None:
    pytest.importorskip("jax")
    pytest.importorskip("torch")
    result = run_python(SETUP + "import torch; torch.manual_seed( 0 )\n" + TORCH_BLOCK, tmp_path)
    assert result.returncode == 0, result.stderr
    losses = _losses(result.stdout)
    # Adam's steps of 5e-3 take the sites into the peaks.
    assert 0.03 < losses[0] < 0.07
    assert losses[-1] < 0.1 * losses[0]


# The block uses `observed_points`, which are left to the reader, and defines loss and grad_fn.
OBSERVED = "import numpy as np\nobserved_points = np.random.default_rng( 0 ).random( ( 20, 2 ) )\n"
USE = """
rng = np.random.default_rng( 1 )
means, log_weights = jnp.array( rng.random( ( 3, 2 ) ) ), jnp.array( rng.random( 3 ) )
rows = jnp.array( rng.random( ( 3, 2 ) ) ) - 3
for log_covs in ( rows[ :, 0 ], rows, jnp.stack( [ rows, rows[ :, ::-1 ] ], axis = 1 )
                  - 2 * ( 1 - jnp.eye( 2 ) ) ):
    value, grads = loss( means, log_covs, log_weights ), grad_fn( means, log_covs, log_weights )
    point = ( means, log_covs, log_weights )
    change = 0
    for k in range( 3 ):
        d = jnp.array( rng.normal( size = point[ k ].shape ) )
        d = ( d + d.mT ) / 2 if d.ndim == 3 else d
        ends = [ loss( *point[ :k ], point[ k ] + h * d, *point[ k + 1: ] )
                 for h in ( 1e-5, -1e-5 ) ]
        change = max( change, abs( ( ends[ 0 ] - ends[ 1 ] ) / 2e-5 - ( grads[ k ] * d ).sum() ) )
    print( log_covs.ndim, value.dtype, [ g.shape for g in grads ], change < 1e-7, value > 0.01 )
"""


def test_the_planned_block_as_written(tmp_path: Path) -> None:
    pytest.importorskip("jax")
    assert MIXTURE_BLOCK.rstrip().endswith("grad_fn = jax.grad( loss, argnums = ( 0, 1, 2 ) )")
    result = run_python(OBSERVED + MIXTURE_BLOCK + USE, tmp_path, JAX_ENABLE_X64="1")
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == [
        "1 float64 [(3, 2), (3,), (3,)] True True",
        "2 float64 [(3, 2), (3, 2), (3,)] True True",
        "3 float64 [(3, 2), (3, 2, 2), (3,)] True True",
    ]
