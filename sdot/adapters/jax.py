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

from sdot.errors import ConvergenceError
from sdot.validation import FloatArray

__all__ = ["differentiable_distance"]

_logger = logging.getLogger("sdot")

# Maps NumPy arguments to the value and its gradient with respect to each of them.
ValueAndGradients = Callable[..., tuple[float, Sequence[FloatArray]]]


def differentiable_distance(
    value_and_gradients: ValueAndGradients, arguments: Sequence[Any], dtype: Any
) -> jax.Array:
    """Return the distance as a scalar that JAX can differentiate once in every argument."""

    @jax.custom_jvp
    def value(*arguments: jax.Array) -> jax.Array:
        return _on_host(value_and_gradients, arguments, dtype)[0]

    @value.defjvp
    def value_jvp(primals: Any, tangents: Any) -> tuple[jax.Array, jax.Array]:
        result, *gradients = _on_host(value_and_gradients, primals, dtype)
        change = jnp.zeros((), dtype)
        for gradient, tangent in zip(gradients, tangents, strict=True):
            change = change + jnp.sum(gradient * tangent.astype(gradient.dtype)).astype(dtype)
        return result, change

    floating = [_as_floating(argument, dtype) for argument in arguments]
    return value(*floating)  # type: ignore[no-any-return]


def _as_floating(argument: Any, dtype: Any) -> jax.Array:
    array = jnp.asarray(argument)
    return array if jnp.issubdtype(array.dtype, jnp.floating) else array.astype(dtype)


def _on_host(
    value_and_gradients: ValueAndGradients, arguments: Sequence[jax.Array], dtype: Any
) -> list[jax.Array]:
    shapes = [jax.ShapeDtypeStruct((), dtype)]
    shapes += [jax.ShapeDtypeStruct(array.shape, array.dtype) for array in arguments]

    def solve(*values: Any) -> list[Any]:
        inputs = [np.asarray(value).astype(np.float64) for value in values]
        try:
            result, gradients = value_and_gradients(*inputs)
        except (ConvergenceError, ValueError) as failure:
            _logger.error("NaN returned from a traced distance: %s", failure)
            return [np.full(shape.shape, np.nan, shape.dtype) for shape in shapes]
        outputs = [result, *gradients]
        return [np.asarray(out, s.dtype) for out, s in zip(outputs, shapes, strict=True)]

    return jax.pure_callback(  # type: ignore[no-any-return]
        solve, shapes, *arguments, vmap_method="sequential"
    )
