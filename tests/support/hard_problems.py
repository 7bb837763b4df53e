"""Problems that random runs found hard, kept as arrays: generators change, these do not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from sdot import ConvergenceError, OtPlan, PolynomialGrid, SumOfDiracs, optimal_transport_plan

_ARRAYS = np.load(Path(__file__).with_suffix(".npz"))


def hard_problem(name: int | str) -> tuple[SumOfDiracs, PolynomialGrid]:
    """Return the problem that was kept under this name."""
    weights = _ARRAYS.get(f"{name}/weights")
    density = PolynomialGrid(_ARRAYS[f"{name}/values"], domain=_ARRAYS[f"{name}/domain"])
    return SumOfDiracs(_ARRAYS[f"{name}/positions"], weights), density


def attempt(name: int | str, **options: Any) -> OtPlan:
    """Solve it as far as that goes."""
    try:
        return optimal_transport_plan(*hard_problem(name), **options)
    except ConvergenceError as error:
        assert error.plan is not None
        return error.plan
