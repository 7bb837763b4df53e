# SPDX-License-Identifier: GPL-3.0-or-later
"""Problems as text: all of them but their arrays, for frameworks that keep nothing else of a call.

What an operator of PyTorch's graphs is given besides tensors are numbers and text, and a graph can
outlive the objects that it was made from, or be loaded elsewhere. So the text says everything, and
nothing has to be kept anywhere for it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from sdot.distributions.density import Density
from sdot.distributions.distribution import Distribution
from sdot.distributions.memory import Memory
from sdot.distributions.sum_of_diracs import SumOfDiracs
from sdot.results import ResultFormat
from sdot.solution_map import SolutionMap
from sdot.solver.solve import Options
from sdot.solving import solve_or_raise
from sdot.validation import freeze

__all__ = ["problem_text", "solution_map_of"]

_KEPT = 64  # of problems the last maps are kept, each with its last solutions
_NOTHING = np.empty(0)


def problem_text(diracs: SumOfDiracs, density: Density, options: Options, owner: int) -> str:
    """Return a problem without its arrays as text.

    Problems of one owner, and of equal text, start from each other's solutions.
    """
    return json.dumps(
        {
            "diracs": _of_distribution(diracs),
            "density": _of_distribution(density),
            "tol": options.tol,
            "max_iterations": options.max_iterations,
            "warm_start": options.warm_start,
            "owner": owner,
        }
    )


@lru_cache(_KEPT)
def solution_map_of(text: str) -> SolutionMap:
    """Return the solution map, of all of its arrays, that a text describes."""
    parts = json.loads(text)
    diracs, density = _to_distribution(parts["diracs"]), _to_distribution(parts["density"])
    options = Options(
        tol=parts["tol"], max_iterations=parts["max_iterations"], warm_start=parts["warm_start"]
    )
    everything = range(len(diracs.arrays) + len(density.arrays))
    result = ResultFormat("numpy", np.dtype(np.float64))
    return SolutionMap(diracs, density, options, result, moving=everything, solve=solve_or_raise)


def _of_distribution(distribution: Distribution) -> dict[str, Any]:
    parameters = {
        name: _of_distribution(value) if isinstance(value, Distribution) else value is not None
        for name, value in distribution.parameters.items()
    }
    options = {name: _of_option(value) for name, value in distribution.options.items()}
    return {"kind": type(distribution).__name__, "parameters": parameters, "options": options}


def _to_distribution(parts: Mapping[str, Any]) -> Any:
    kind = next(kind for kind in Distribution.kinds if kind.__name__ == parts["kind"])
    parameters = {
        name: _to_distribution(value) if isinstance(value, dict) else _NOTHING if value else None
        for name, value in parts["parameters"].items()
    }
    options = {name: _to_option(value) for name, value in parts["options"].items()}
    return kind.assembled(parameters, options, Memory())


def _of_option(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        data = base64.b64encode(np.ascontiguousarray(value).tobytes()).decode()
        return {"dtype": value.dtype.str, "shape": value.shape, "data": data}
    return [_of_option(item) for item in value] if isinstance(value, tuple | list) else value


def _to_option(value: Any) -> Any:
    if isinstance(value, dict):
        flat = np.frombuffer(base64.b64decode(value["data"]), value["dtype"])
        return freeze(flat.reshape(value["shape"]).copy())
    return tuple(_to_option(item) for item in value) if isinstance(value, list) else value
