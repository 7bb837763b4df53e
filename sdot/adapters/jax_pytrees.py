# SPDX-License-Identifier: GPL-3.0-or-later
"""Distributions, and plans, as JAX pytrees: they pass through `jax.jit`, `jax.grad` and `jax.tree`.

The parameters are the children; options are part of the structure, so that a change of one
compiles anew. JAX fills structures with anything (tracers, None, gradients): nothing is checked.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from jax.tree_util import GetAttrKey, register_pytree_with_keys

from sdot.content import content_key
from sdot.distributions.distribution import Distribution, array_or_none
from sdot.distributions.memory import Memory
from sdot.plan import OtPlan
from sdot.results import PlanArrays, ResultFormat

__all__ = ["register", "register_plans"]

_registered: set[type[Any]] = set()
_lock = Lock()


@dataclass(frozen=True)
class _Structure:
    """The static part of a distribution, compared by value; its memory does not count."""

    names: tuple[str, ...]
    key: Any
    options: Any = field(compare=False)
    memory: Memory = field(compare=False)


def register(kinds: Iterable[type[Distribution]]) -> None:
    """Register the classes that are not yet known to JAX."""
    for kind in kinds:
        if kind not in _registered:
            with _lock:
                if kind not in _registered:
                    _register(kind)
                    _registered.add(kind)


def _register(kind: type[Distribution]) -> None:
    def flatten_with_keys(distribution: Distribution) -> tuple[list[Any], _Structure]:
        children, structure = flatten(distribution)
        keys = (GetAttrKey(name) for name in structure.names)
        return list(zip(keys, children, strict=True)), structure

    def flatten(distribution: Distribution) -> tuple[list[Any], _Structure]:
        parameters, options = distribution.parameters, distribution.options
        structure = _Structure(
            tuple(parameters), content_key(options), options, distribution.memory
        )
        return [_child(value) for value in parameters.values()], structure

    def unflatten(structure: _Structure, children: Iterable[Any]) -> Distribution:
        parameters = dict(zip(structure.names, children, strict=True))
        return kind.assembled(parameters, structure.options, structure.memory)

    register_pytree_with_keys(kind, flatten_with_keys, unflatten, flatten)


def register_plans() -> None:
    """Register plans, of which the arrays are the children."""
    if OtPlan not in _registered:
        with _lock:
            if OtPlan not in _registered:
                register_pytree_with_keys(OtPlan, _flatten_plan_with_keys, _plan_of, _flatten_plan)
                _registered.add(OtPlan)


def _flatten_plan(plan: OtPlan) -> tuple[PlanArrays, ResultFormat]:
    return plan.arrays, plan.format


def _flatten_plan_with_keys(plan: OtPlan) -> tuple[list[Any], ResultFormat]:
    named = plan.arrays._asdict().items()
    return [(GetAttrKey(name), array) for name, array in named], plan.format


def _plan_of(result: ResultFormat, children: Iterable[Any]) -> OtPlan:
    return OtPlan.of_arrays(PlanArrays(*children), result)


def _child(value: Any) -> Any:
    return value if isinstance(value, Distribution) else array_or_none(value)
