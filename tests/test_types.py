"""What a user's mypy sees: results are arrays of the arguments' framework."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import sdot

api = pytest.importorskip("mypy.api")

# Far less to read than the frameworks, and all that the public types name.
STUBS = {
    "jax/__init__.pyi": "class Array: ...\n",
    "torch/__init__.pyi": "class Tensor: ...\n",
}
HEAD = """
import jax
import numpy as np
import torch

from sdot import *

numpy_array: np.ndarray[tuple[int, int], np.dtype[np.float64]]
jax_array: jax.Array
tensor: torch.Tensor
points = [[0.25, 0.5], [0.75, 0.5]]
"""
# Of what is installed mypy reports no errors; the compiled half has no stubs there.
SETTINGS = """
[mypy]
strict = true
[mypy-sdot.*]
ignore_errors = true
[mypy-sdot.cgal_wrap.*,scipy.*,matplotlib.*]
ignore_missing_imports = true
"""
NUMPY = "numpy.floating[Any]"
JAX = "jax.Array"
TORCH = "torch.Tensor"
DIRACS = "sdot.distributions.sum_of_diracs.SumOfDiracs"
NUMPY_ARRAY = "numpy.ndarray[tuple[Any, ...], numpy.dtype[numpy.floating[Any]]]"

EXPRESSIONS = [
    ("lloyd(points, Box()).positions", NUMPY_ARRAY),
    ("distance_bounds(Box(), Box()).upper", NUMPY),
    ("distance_bounds(Box(), PolynomialGrid(jax_array)).lower", JAX),
    ("distance_bounds(SplineGrid(tensor), Box()).estimate", TORCH),
    ("lloyd(points, Box(), numpy_array).distance", NUMPY),
    ("lloyd(jax_array, Box()).distance", JAX),
    ("lloyd(points, PolynomialGrid(tensor)).masses", TORCH),
    ("quantize(PolynomialGrid(jax_array), 3)", f"{DIRACS}[{JAX}]"),
    ("quantize(PolynomialGrid(tensor), 3)", f"{DIRACS}[{TORCH}]"),
    ("distance(SumOfDiracs(points), Box())", NUMPY),
    ("distance(SumOfDiracs(numpy_array), PolynomialGrid(numpy_array))", NUMPY),
    ("distance(SumOfDiracs(numpy_array, [1.0, 2.0]), Polygon(points))", NUMPY),
    ("distance(PolynomialGrid.from_image(tensor), SumOfDiracs(points))", NUMPY),
    ("distance(SumOfDiracs(jax_array), PolynomialGrid(numpy_array))", JAX),
    ("distance(SumOfDiracs(points), SplineGrid(jax_array))", JAX),
    ("distance(SumOfDiracs(points), SumOfGaussians(jax_array, jax_array))", JAX),
    ("distance(SumOfDiracs(tensor, tensor), Box())", TORCH),
    ("distance(Mesh(points, [[0, 1, 2]], tensor), SumOfWeightedDiracs(points, [1, 2]))", TORCH),
    ("distance(SumOfDiracs(points), Box() + 2 * PolynomialGrid(tensor))", TORCH),
    ("distance(SumOfDiracs(points), PolynomialGrid(points, domain=tensor))", TORCH),
    ("optimal_transport_plan(SumOfDiracs(points), Box()).potentials", NUMPY_ARRAY),
    ("optimal_transport_plan(SumOfDiracs(points), Box()).distance", NUMPY),
    ("optimal_transport_plan(SumOfDiracs(jax_array), Box()).barycenters", JAX),
    ("optimal_transport_plan(SumOfDiracs(tensor), Box()).cell_masses", TORCH),
    ("optimal_transport_plan(SumOfDiracs(tensor), Box()).distance", TORCH),
]


def test_results_have_the_types_of_the_framework(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in STUBS.items():
        path = tmp_path / "stubs" / name
        path.parent.mkdir(parents=True)
        path.write_text(text)
    lines = [f"reveal_type({expression})" for expression, _ in EXPRESSIONS]
    script, settings = tmp_path / "script.py", tmp_path / "mypy.ini"
    script.write_text(HEAD + "\n".join(lines) + "\n")
    settings.write_text(SETTINGS)
    # By a link: mypy takes no path that leads into installed packages.
    (tmp_path / "stubs" / "sdot").symlink_to(Path(sdot.__file__).parent)
    monkeypatch.setenv("MYPYPATH", str(tmp_path / "stubs"))
    output, errors, _ = api.run(
        ["--config-file", str(settings), "--cache-dir", str(tmp_path / "cache"), str(script)]
    )
    assert not errors
    assert "error:" not in output
    found = re.findall(r'Revealed type is "(.*)"', output)
    for (expression, expected), revealed in zip(EXPRESSIONS, found, strict=True):
        assert revealed == expected, expression
