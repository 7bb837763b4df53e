# SPDX-License-Identifier: GPL-3.0-or-later
"""Types of JAX arrays that functions on the host have to respect: sharding and varying axes.

Inside of `jax.shard_map` a type says along which axes of the mesh the values vary, and on a mesh
with explicit axes how an array is sharded. Releases without either have types of shape and dtype.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.core import ShapedArray
from jax.sharding import NamedSharding, PartitionSpec

__all__ = ["aligned", "output_type"]


def aligned(operands: Sequence[Any]) -> list[jax.Array]:
    """Return arrays that all vary along the axes along which one of them does."""
    arrays = [x if isinstance(x, jax.Array) else jnp.asarray(x) for x in operands]
    varying = [_varying_axes(array) for array in arrays]
    together = frozenset().union(*varying)
    return [
        _made_varying(array, together - axes) for array, axes in zip(arrays, varying, strict=True)
    ]


def output_type(operands: Sequence[Any], batch: Sequence[int], shape: Any, dtype: Any) -> Any:
    """Return the type of an output of shape (*batch, *shape) from those of aligned operands.

    Batches stay sharded as they are; the rest of an output is whole on every device.
    """
    like = next((operand for operand in operands if _has_mesh(operand)), None)
    if like is None:
        return ShapedArray((*batch, *shape), dtype)
    names = [_axis_of_mesh(operands, k) for k in range(len(batch))]
    sharding = NamedSharding(like.sharding.mesh, PartitionSpec(*names, *(None for _ in shape)))
    return like.update(shape=(*batch, *shape), dtype=dtype, weak_type=False, sharding=sharding)


def _varying_axes(array: jax.Array) -> frozenset[Any]:
    typeof = getattr(jax, "typeof", None)
    return getattr(typeof(array), "vma", frozenset()) if typeof else frozenset()


def _made_varying(array: jax.Array, axes: frozenset[Any]) -> jax.Array:
    if not axes:
        return array
    names = tuple(sorted(axes))
    if hasattr(jax.lax, "pcast"):
        return jax.lax.pcast(array, names, to="varying")
    return jax.lax.pvary(array, names)  # type: ignore[no-any-return]


def _has_mesh(operand: Any) -> bool:
    sharding = getattr(operand, "sharding", None)
    return sharding is not None and not sharding.mesh.empty


def _axis_of_mesh(operands: Sequence[Any], axis: int) -> Any:
    """Return along which axis of the mesh an axis of the batch is sharded."""
    names = (operand.sharding.spec[axis] for operand in operands if _has_mesh(operand))
    return next((name for name in names if name is not None), None)
