"""`sdot.distance` under JAX's transformations.

The solver runs on the host, behind `jax.pure_callback` under `jax.custom_jvp`. Nothing of JAX
is called inside the callback (it can deadlock), and nothing is raised there (undefined
behaviour): a failed solve gives NaN and a record in the log.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_derivatives import SymbolicZero

from sdot.adapters.results import ResultFormat
from sdot.errors import ConvergenceError
from sdot.validation import FloatArray

__all__ = ["differentiable_distance"]

_logger = logging.getLogger("sdot")

# Maps NumPy arguments, and which of them to differentiate, to the value and those gradients.
ValueAndGradients = Callable[
    [Sequence[FloatArray], Sequence[bool]], tuple[float, Sequence[FloatArray]]
]


def differentiable_distance(
    value_and_gradients: ValueAndGradients, arguments: Sequence[Any], result: ResultFormat
) -> jax.Array:
    """Return the distance as a scalar that JAX can differentiate once in every argument."""

    @jax.custom_jvp
    def value(*arguments: jax.Array) -> jax.Array:
        return _on_host(value_and_gradients, arguments, [False] * len(arguments), result)[0]

    def value_jvp(primals: Any, tangents: Any) -> tuple[jax.Array, jax.Array]:
        moving = [not isinstance(tangent, SymbolicZero) for tangent in tangents]
        primals = [jnp.asarray(primal) for primal in primals]
        value, *gradients = _on_host(value_and_gradients, primals, moving, result)
        change = jnp.zeros((), result.dtype)
        for gradient, tangent in zip(gradients, _only(tangents, moving), strict=True):
            product = jnp.sum(gradient * tangent.astype(gradient.dtype))
            change = change + product.astype(result.dtype)
        return value, change

    value.defjvp(value_jvp, symbolic_zeros=True)
    floating = [_as_floating(argument, result.dtype) for argument in arguments]
    return value(*floating)  # type: ignore[no-any-return]


def _as_floating(argument: Any, dtype: Any) -> jax.Array:
    array = jnp.asarray(argument)
    return array if jnp.issubdtype(array.dtype, jnp.floating) else array.astype(dtype)


def _only(items: Sequence[Any], wanted: Sequence[bool]) -> list[Any]:
    return [item for item, is_wanted in zip(items, wanted, strict=True) if is_wanted]


def _on_host(
    value_and_gradients: ValueAndGradients,
    arguments: Sequence[jax.Array],
    moving: Sequence[bool],
    result: ResultFormat,
) -> list[jax.Array]:
    shapes = [jax.ShapeDtypeStruct((), result.dtype)]
    for array in _only(arguments, moving):
        shapes.append(jax.ShapeDtypeStruct(array.shape, array.dtype))

    def solve(*values: Any) -> list[Any]:
        inputs = [np.asarray(value).astype(np.float64) for value in values]
        try:
            found, gradients = value_and_gradients(inputs, moving)
        except (ConvergenceError, ValueError) as failure:
            _logger.error("NaN returned from a traced distance: %s", failure)
            return [np.full(shape.shape, np.nan, shape.dtype) for shape in shapes]
        outputs = [found, *gradients]
        return [np.asarray(out, s.dtype) for out, s in zip(outputs, shapes, strict=True)]

    return jax.pure_callback(  # type: ignore[no-any-return]
        solve, shapes, *arguments, vmap_method="sequential"
    )
