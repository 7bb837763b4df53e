"""What `import sdot` does and does not do."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.subprocesses import run_python

import sdot


def test_neither_jax_nor_torch_is_imported(tmp_path: Path) -> None:
    code = """
import sys
import sdot
plan = sdot.optimal_transport_plan(sdot.SumOfDiracs([[0.1, 0.2], [0.5, 0.5]]),
                                   sdot.PolynomialGrid([[1.0]]))
plan.barycenters, plan.power_diagram.areas, sdot.distance
for name in ("jax", "jaxlib", "torch", "matplotlib", "mpmath"):
    assert name not in sys.modules, name
print("clean")
"""
    result = run_python(code, tmp_path)
    assert result.stdout == "clean\n", result.stderr


def test_no_more_of_scipy_is_imported_than_its_name(tmp_path: Path) -> None:
    code = """
import sys
import sdot
parts = ("sparse", "spatial", "special", "optimize", "interpolate", "linalg")
print([part for part in parts if f"scipy.{part}" in sys.modules])
"""
    result = run_python(code, tmp_path)
    assert result.stdout == "[]\n", result.stderr


def test_what_takes_long_waits_for_its_first_use(tmp_path: Path) -> None:
    code = """
import sys
import numpy, scipy
before = set(sys.modules)
import sdot
print(sorted({"numpy.random", "secrets"} & (set(sys.modules) - before)))
"""
    result = run_python(code, tmp_path)
    assert result.stdout == "[]\n", result.stderr


def test_it_works_where_neither_is_installed(tmp_path: Path) -> None:
    code = """
import sys
sys.modules["jax"] = sys.modules["torch"] = None  # an import of either fails
import sdot
print(sdot.distance(sdot.SumOfDiracs([[0.5, 0.5]]), sdot.PolynomialGrid([[1.0]])))
"""
    result = run_python(code, tmp_path)
    assert float(result.stdout) == pytest.approx(1 / 6), result.stderr


def test_public_names_exist_and_are_documented() -> None:
    assert sorted(sdot.__all__) == list(sdot.__all__)
    for name in sdot.__all__:
        assert getattr(sdot, name).__doc__
    assert {
        "PolynomialGrid",
        "PowerDiagram",
        "SumOfDiracs",
        "SumOfWeightedDiracs",
        "distance",
        "driver",
        "optimal_transport_plan",
    } <= set(sdot.__all__)


def test_the_package_is_typed() -> None:
    assert (Path(sdot.__file__).parent / "py.typed").exists()


def test_no_output_unless_logging_is_configured(tmp_path: Path) -> None:
    code = "import sdot; sdot.distance(sdot.SumOfDiracs([[0, 0]]), sdot.PolynomialGrid([[1]]))"
    result = run_python(code, tmp_path)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
