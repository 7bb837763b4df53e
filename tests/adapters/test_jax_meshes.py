"""`distance` on several devices: `shard_map`, explicit and automatic sharding, `pmap`."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.subprocesses import run_python

pytest.importorskip("jax")

_START = """
import jax, jax.numpy as jnp, numpy as np, sdot
from jax.sharding import AxisType, NamedSharding, PartitionSpec as P
jax.config.update("jax_enable_x64", True)
rng = np.random.default_rng(0)
sites, weights = jnp.asarray(rng.random((4, 5, 2))), jnp.asarray(rng.random(5) + 0.5)
density = sdot.PolynomialGrid([[1.0, 2.0]])

def cost(y, u=None):
    return sdot.distance(sdot.SumOfDiracs(y, u), density, tol=1e-12, warm_start=False)

values, slopes = (np.stack([f(y) for y in sites]) for f in (cost, jax.grad(cost)))
hessians = np.stack([jax.hessian(cost)(y) for y in sites])

def same(found, expected):
    np.testing.assert_array_equal(np.asarray(found), expected)
"""

_PROGRAMS = {
    "shard_map": """
mesh = jax.make_mesh((4,), ("x",), axis_types=(AxisType.Auto,))

def mapped(function, *specs, out=P("x")):
    return jax.shard_map(function, mesh=mesh, in_specs=specs, out_specs=out)

same(mapped(jax.vmap(cost), P("x"))(sites), values)
same(mapped(jax.vmap(jax.grad(cost)), P("x"))(sites), slopes)
same(mapped(jax.vmap(jax.hessian(cost)), P("x"))(sites), hessians)
total = lambda y: mapped(jax.vmap(cost), P("x"))(y).sum()
for differentiate in (jax.grad, lambda f: jax.jit(jax.grad(f))):
    same(differentiate(total)(sites), slopes)

def summed(y, u):  # the weights are the same on every device
    each = jax.vmap(lambda y: cost(y, u))(y)
    return jax.lax.psum(each.sum(), "x")

by_weights = jax.grad(mapped(summed, P("x"), P(), out=P()), 1)(sites, weights)
expected = sum(jax.grad(cost, 1)(y, weights) for y in sites)
np.testing.assert_allclose(by_weights, expected, rtol=1e-13, atol=1e-16)
""",
    "explicit mesh": """
mesh = jax.make_mesh((4,), ("x",), axis_types=(AxisType.Explicit,))
with jax.set_mesh(mesh):
    sharded = jax.device_put(sites, NamedSharding(mesh, P("x")))
    for transform in (lambda f: f, jax.jit):
        same(transform(jax.vmap(cost))(sharded), values)
        same(transform(jax.vmap(jax.grad(cost)))(sharded), slopes)
        same(transform(jax.grad(lambda y: jax.vmap(cost)(y).sum()))(sharded), slopes)
        same(transform(jax.vmap(jax.hessian(cost)))(sharded), hessians)
    assert jax.typeof(jax.jit(jax.vmap(jax.grad(cost)))(sharded)).sharding.spec[0] == "x"
""",
    "automatic mesh": """
mesh = jax.make_mesh((4,), ("x",), axis_types=(AxisType.Auto,))
sharded = jax.device_put(sites, NamedSharding(mesh, P("x")))
for transform in (lambda f: f, jax.jit):
    same(transform(jax.vmap(jax.grad(cost)))(sharded), slopes)
one = sites.reshape(-1, 2)
same(jax.grad(cost)(jax.device_put(one, NamedSharding(mesh, P("x")))), jax.grad(cost)(one))
""",
    "pmap": """
same(jax.pmap(cost)(sites), values)
same(jax.pmap(jax.grad(cost))(sites), slopes)
""",
}


def test_on_four_devices(tmp_path: Path) -> None:
    code = _START
    for name, program in _PROGRAMS.items():
        code += f"{program}\nprint({name!r})\n"
    flags = {"XLA_FLAGS": "--xla_force_host_platform_device_count=4"}
    result = run_python(code, tmp_path, **flags)
    assert result.stdout.splitlines() == list(_PROGRAMS), result.stderr
