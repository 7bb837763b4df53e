# SPDX-License-Identifier: GPL-3.0-or-later
"""Points and their sites in JAX; see `sdot.transport_map`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from sdot.adapters.jax_primitives import host_call
from sdot.adapters.points import Location
from sdot.frameworks import is_jax_tracer
from sdot.results import ResultFormat
from sdot.transport_map import LocatesPoints

__all__ = ["converted", "located", "without_derivative"]


def converted(array: Any, result: ResultFormat) -> jax.Array:
    """Return an array in a format, with its derivatives."""
    return jnp.asarray(array).astype(result.dtype)


def without_derivative(array: jax.Array) -> jax.Array:
    """Return an array as a constant."""
    return lax.stop_gradient(array)  # type: ignore[no-any-return]


def located(
    source: LocatesPoints, arguments: Sequence[Any], points: Any, result: ResultFormat
) -> Sequence[jax.Array]:
    """Return the sites of points and the potential there."""
    call = Location(source, jax.dtypes.canonicalize_dtype(np.int64), result.dtype)
    operands = [*arguments, points]
    if any(is_jax_tracer(operand) for operand in operands):
        return host_call(call, [lax.stop_gradient(jnp.asarray(operand)) for operand in operands])
    found = call(*(np.asarray(operand).astype(np.float64) for operand in operands))
    dtypes = (call.site_dtype, call.dtype)
    return [jnp.asarray(np.asarray(x, dtype)) for x, dtype in zip(found, dtypes, strict=True)]
