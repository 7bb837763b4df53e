# SPDX-License-Identifier: GPL-3.0-or-later
"""Thin wiring between the NumPy core and the frameworks, each imported when it is first needed."""

from __future__ import annotations

import functools
import importlib
from functools import partial
from typing import Any

from sdot.distance import distance
from sdot.distributions.distribution import Distribution
from sdot.frameworks import Framework, attend_imports, when_imported
from sdot.optimal_transport_plan import optimal_transport_plan
from sdot.plan import OtPlan
from sdot.results import provide_adapter

__all__ = ["provide_adapters"]

_FRAMEWORKS: tuple[Framework, ...] = ("numpy", "jax", "torch")


def provide_adapters() -> None:
    """Make the adapters known to the functions that need them."""
    for framework in _FRAMEWORKS:
        provide_adapter(framework, partial(_module, framework))
    when_imported("jax", _register_pytrees)
    when_imported("torch", lambda: _module("torch_compile").leave_alone(_doors()))
    attend_imports()


def _register_pytrees() -> None:
    pytrees = _module("jax_pytrees")
    pytrees.register(Distribution.kinds)
    pytrees.register_plans()


def _doors() -> tuple[Any, ...]:
    """What users call."""
    return (distance, optimal_transport_plan, OtPlan, Distribution, *Distribution.kinds)


@functools.cache  # asked for again and again
def _module(name: str) -> Any:
    return importlib.import_module(f"sdot.adapters.{name}")
