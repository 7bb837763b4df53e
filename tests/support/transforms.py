"""What every transformation does to every output on every face: the cells of docs/transforms.md.

A row is a transformation of a function of the positions. It is run on a scalar of each output, and
is to give what is known from NumPy's values and their differences; or to be refused. Run as a
script this writes the page from the rows, each of which is a test in
tests/adapters/test_transforms.py.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sdot import (
    OtPlan,
    PolynomialGrid,
    SumOfDiracs,
    distance,
    hessian_product,
    optimal_transport_plan,
)

__all__ = ["NO_FUNCTION", "OUTPUTS", "PAGE", "ROWS", "Row", "page", "reference"]

PAGE = Path(__file__).parents[2] / "docs" / "transforms.md"
OUTPUTS = ("distance", "barycenters", "cell_masses", "potentials")
_RNG = np.random.default_rng(4)
SITES = _RNG.random((5, 2))
DIRECTION = _RNG.normal(size=(5, 2))
FACTORS = {
    "distance": np.array(1.5),
    "barycenters": _RNG.normal(size=(5, 2)),
    "cell_masses": _RNG.normal(size=5),
    "potentials": _RNG.normal(size=5),
}
DENSITY = PolynomialGrid(_RNG.uniform(0.5, 2, (3, 4)))
OPTIONS: dict[str, Any] = {"tol": 1e-13, "warm_start": False}
STEP = 1e-4

Function = Callable[[Any], Any]


def plan(positions: Any) -> OtPlan:
    """Return the plan that all rows are about."""
    found: OtPlan = optimal_transport_plan(SumOfDiracs(positions), DENSITY, **OPTIONS)
    return found


def scalar(output: str, factors: Any) -> Function:
    """Return a scalar of an output as a function of the positions."""
    if output == "distance":
        return lambda y: factors * distance(SumOfDiracs(y), DENSITY, **OPTIONS)
    return lambda y: (factors * getattr(plan(y), output)).sum()


def _gradient(steps: int) -> Any:
    """Return the gradient of the scalar of the distance, some steps along the direction."""
    moved = SITES + steps * STEP * DIRECTION
    return FACTORS["distance"] * 2 / 5 * (moved - plan(moved).barycenters)


@cache
def reference(output: str) -> dict[str, Any]:
    """Return a scalar's value, its gradient, and of the distance the Hessian times the direction.

    By differences in NumPy, where nothing is differentiated.
    """
    function = scalar(output, FACTORS[output])
    gradient = np.empty_like(SITES)
    for index in np.ndindex(SITES.shape):
        unit = np.zeros_like(SITES)
        unit[index] = STEP
        first, second = (function(SITES + s * unit) - function(SITES - s * unit) for s in (1, 2))
        gradient[index] = (8 * first - second) / (12 * STEP)
    found = {"value": function(SITES), "gradient": gradient}
    if output == "distance":
        first, second = (_gradient(s) - _gradient(-s) for s in (1, 2))
        found["product"] = (8 * first - second) / (12 * STEP)
    return found


@dataclass(frozen=True)
class Row:
    """A transformation: how it is run, what it gives, and which outputs refuse it and why."""

    face: str
    name: str
    run: Callable[[str], Any]
    gives: str  # a key of `reference`, or "values" or "gradients" of a batch, or "change"
    refused: dict[str, tuple[str, str]] = field(default_factory=dict)  # output: message, reason

    def expected(self, output: str) -> Any:
        """Return what the row is to give."""
        known = reference(output)
        if self.gives == "change":
            return (known["gradient"] * DIRECTION).sum()
        if self.gives in ("values", "gradients"):
            return np.stack([known[self.gives[:-1]]] * 2)
        return known[self.gives]


ROWS: list[Row] = []
ALL = OUTPUTS
PLANS = OUTPUTS[1:]
NO_FUNCTION = "no function"  # in place of a message: nothing that could be called


def _row(
    face: str, name: str, gives: str, refused: tuple[tuple[str, ...], str, str] | None = None
) -> Callable[[Callable[[str], Any]], Callable[[str], Any]]:
    outputs, message, reason = refused or ((), "", "")

    def add(run: Callable[[str], Any]) -> Callable[[str], Any]:
        ROWS.append(Row(face, name, run, gives, {o: (message, reason) for o in outputs}))
        return run

    return add


_ONCE = (PLANS, "two derivatives", "outputs of a plan have one derivative")


# ---- NumPy


@_row("NumPy", "call", "value")
def _numpy(output: str) -> Any:
    return scalar(output, FACTORS[output])(SITES)


@_row("NumPy", "`hessian_product`", "product", (PLANS, NO_FUNCTION, "there is no function"))
def _numpy_product(output: str) -> Any:
    return FACTORS[output] * hessian_product(plan(SITES), DIRECTION).positions


# ---- JAX


def _jax(output: str) -> tuple[Any, Function, Any]:
    jax = pytest.importorskip("jax")
    return jax, scalar(output, jax.numpy.asarray(FACTORS[output])), jax.numpy.asarray(SITES)


def _add_jax(
    name: str,
    gives: str,
    transform: Callable[[Any, Function, Any], Any],
    refused: tuple[tuple[str, ...], str, str] | None = None,
) -> None:
    _row("JAX", name, gives, refused)(lambda output: transform(*_jax(output)))


def _scanned(jax: Any, f: Function, y: Any) -> Any:
    def descend(y: Any) -> Any:
        step = lambda y, _: (y - 0.1 * jax.grad(f)(y), None)  # noqa: E731
        return jax.lax.scan(step, y, length=1)[0]

    # The derivative of y - 0.1 grad f(y) is 1 - 0.1 H.
    change = jax.jvp(descend, (y,), (jax.numpy.asarray(DIRECTION),))[1]
    backward = jax.vjp(descend, y)[1](jax.numpy.asarray(DIRECTION))[0]
    np.testing.assert_allclose(change, backward, rtol=1e-10, atol=1e-12)
    return 10 * (DIRECTION - change)


_add_jax("call", "value", lambda jax, f, y: f(y))
_add_jax("`jit`", "value", lambda jax, f, y: jax.jit(f)(y))
_add_jax("`grad`", "gradient", lambda jax, f, y: jax.grad(f)(y))
_add_jax("`jit(grad)`", "gradient", lambda jax, f, y: jax.jit(jax.grad(f))(y))
_add_jax("`vjp`", "gradient", lambda jax, f, y: jax.vjp(f, y)[1](jax.numpy.ones(()))[0])
_add_jax("`jvp`", "change", lambda jax, f, y: jax.jvp(f, (y,), (jax.numpy.asarray(DIRECTION),))[1])
_add_jax(
    "`linearize`", "change", lambda jax, f, y: jax.linearize(f, y)[1](jax.numpy.asarray(DIRECTION))
)
_add_jax("`jacfwd`", "gradient", lambda jax, f, y: jax.jacfwd(f)(y))
_add_jax("`vmap`", "values", lambda jax, f, y: jax.vmap(f)(jax.numpy.stack([y, y])))
_add_jax(
    "`vmap(grad)`", "gradients", lambda jax, f, y: jax.vmap(jax.grad(f))(jax.numpy.stack([y, y]))
)
_add_jax(
    "`jit(vmap(grad))`",
    "gradients",
    lambda jax, f, y: jax.jit(jax.vmap(jax.grad(f)))(jax.numpy.stack([y, y])),
)
_add_jax(
    "`grad` of a sum over `vmap`",
    "gradients",
    lambda jax, f, y: jax.grad(lambda b: jax.vmap(f)(b).sum())(jax.numpy.stack([y, y])),
)
_add_jax("`lax.map`", "values", lambda jax, f, y: jax.lax.map(f, jax.numpy.stack([y, y])))
_add_jax(
    "`lax.cond`, `grad`",
    "gradient",
    lambda jax, f, y: jax.grad(lambda y: jax.lax.cond(y[0, 0] < 9, f, lambda y: 0.0 * y.sum(), y))(
        y
    ),
)
_add_jax(
    "`lax.switch`, `grad`",
    "gradient",
    lambda jax, f, y: jax.grad(lambda y: jax.lax.switch(1, [lambda y: 0.0 * y.sum(), f], y))(y),
)
_add_jax(
    "`lax.while_loop`",
    "value",
    lambda jax, f, y: jax.lax.while_loop(
        lambda state: state[0] < 2, lambda state: (state[0] + 1, f(y)), (0, jax.numpy.zeros(()))
    )[1],
)
_add_jax(
    "`jit(grad).lower().compile()`",
    "gradient",
    lambda jax, f, y: jax.jit(jax.grad(f)).lower(y).compile()(y),
)
_add_jax(
    "`jit` with `donate_argnums`",
    "gradient",
    lambda jax, f, y: jax.jit(jax.grad(f), donate_argnums=0)(jax.numpy.array(y)),
)
_add_jax("`pmap`", "values", lambda jax, f, y: jax.numpy.tile(jax.pmap(f)(y[None]), 2))
_add_jax("`checkpoint`, `grad`", "gradient", lambda jax, f, y: jax.grad(jax.checkpoint(f))(y))
_add_jax(
    "`hessian`",
    "product",
    lambda jax, f, y: jax.numpy.tensordot(jax.hessian(f)(y), jax.numpy.asarray(DIRECTION), 2),
    _ONCE,
)
_add_jax(
    "`jacfwd(jacrev)`, `jit`",
    "product",
    lambda jax, f, y: jax.numpy.tensordot(
        jax.jit(jax.jacfwd(jax.jacrev(f)))(y), jax.numpy.asarray(DIRECTION), 2
    ),
    _ONCE,
)
_add_jax(
    "`jvp` of `grad`, `jit`",
    "product",
    lambda jax, f, y: jax.jit(lambda y, d: jax.jvp(jax.grad(f), (y,), (d,))[1])(
        y, jax.numpy.asarray(DIRECTION)
    ),
    _ONCE,
)
_add_jax("`scan` of gradient steps, differentiated", "product", _scanned, _ONCE)
_add_jax(
    "third derivatives",
    "value",
    lambda jax, f, y: jax.jacfwd(jax.hessian(f))(y),
    (ALL, "two derivatives", "there are two of the distance, one of the rest"),
)
_add_jax(
    "`jax.export`",
    "value",
    lambda jax, f, y: pytest.importorskip("jax.export").export(jax.jit(f))(y),
    (ALL, "allback", "JAX cannot export calls on the host"),
)


# ---- PyTorch


def _torch(output: str) -> tuple[Any, Function, Any]:
    torch = pytest.importorskip("torch")
    return torch, scalar(output, torch.tensor(FACTORS[output])), torch.tensor(SITES)


def _add_torch(
    name: str,
    gives: str,
    transform: Callable[[Any, Function, Any], Any],
    refused: tuple[tuple[str, ...], str, str] | None = None,
) -> None:
    _row("PyTorch", name, gives, refused)(lambda output: transform(*_torch(output)))


def _backward(torch: Any, f: Function, y: Any) -> Any:
    y = y.clone().requires_grad_()
    f(y).backward()
    return y.grad


def _twice(torch: Any, f: Function, y: Any) -> Any:
    y = y.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(f(y), y, create_graph=True)
    return torch.autograd.grad((gradient * torch.tensor(DIRECTION)).sum(), y)[0]


def _three_times(torch: Any, f: Function, y: Any) -> Any:
    y = y.clone().requires_grad_()
    found = f(y)
    for _ in range(3):
        (found,) = torch.autograd.grad(found.sum(), y, create_graph=True)
    return found


def _steps(torch: Any, f: Function, y: Any) -> Any:
    y = y.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(f(y), y, create_graph=True)
    moved = y - 0.1 * gradient  # as an inner loop does
    (found,) = torch.autograd.grad((moved * torch.tensor(DIRECTION)).sum(), y)
    return 10 * (DIRECTION - found.numpy())


def _checkpointed(torch: Any, f: Function, y: Any) -> Any:
    def again(y: Any) -> Any:
        return torch.utils.checkpoint.checkpoint(f, y, use_reentrant=False)

    return _backward(torch, again, y)


def _in_inference_mode(torch: Any, f: Function, y: Any) -> Any:
    with torch.inference_mode():
        return f(y)


def _compiled(torch: Any, f: Function, y: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _backward(torch, torch.compile(lambda y: 1.0 * f(y), backend="aot_eager"), y)


def _module(output: str) -> tuple[Any, Any, Any]:
    torch = pytest.importorskip("torch")
    if output != "distance":
        return _torch(output)
    loss = pytest.importorskip("sdot.torch").W2Loss(DENSITY, **OPTIONS)
    return torch, lambda y: float(FACTORS[output]) * loss(y), torch.tensor(SITES)


@_row(
    "PyTorch",
    "`torch.compile(fullgraph=True)` of `sdot.torch.W2Loss`",
    "gradient",
    (PLANS, "disable", "only the distance is an operator; without `fullgraph` all works"),
)
def _whole(output: str) -> Any:
    torch, f, y = _module(output)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compiled = torch.compile(lambda y: f(1.0 * y), fullgraph=True, backend="aot_eager")
        return _backward(torch, compiled, y)


@_row(
    "PyTorch",
    "`torch.export` of `sdot.torch.W2Loss`",
    "value",
    (PLANS, "torch.export", "only the distance is an operator"),
)
def _exported(output: str) -> Any:
    torch, f, y = _module(output)

    class Module(torch.nn.Module):  # type: ignore[misc]
        def forward(self, y: Any) -> Any:
            return f(y)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.export.export(Module(), (y,)).module()(y)


_add_torch("call", "value", lambda torch, f, y: f(y))
_add_torch("`backward`", "gradient", _backward)
_add_torch("`torch.func.grad`", "gradient", lambda torch, f, y: torch.func.grad(f)(y))
_add_torch(
    "`torch.func.jvp`",
    "change",
    lambda torch, f, y: torch.func.jvp(f, (y,), (torch.tensor(DIRECTION),))[1],
)
_add_torch(
    "`torch.func.vmap`", "values", lambda torch, f, y: torch.func.vmap(f)(torch.stack([y, y]))
)
_add_torch(
    "`vmap(grad)`",
    "gradients",
    lambda torch, f, y: torch.func.vmap(torch.func.grad(f))(torch.stack([y, y])),
)
_add_torch("`jacfwd`", "gradient", lambda torch, f, y: torch.func.jacfwd(f)(y))
_add_torch("`checkpoint`", "gradient", _checkpointed)
_add_torch("`inference_mode`", "value", _in_inference_mode)
_add_torch("`torch.compile`", "gradient", _compiled)
_add_torch("`create_graph`, then `grad`", "product", _twice, _ONCE)
_add_torch(
    "`torch.func.hessian`",
    "product",
    lambda torch, f, y: torch.tensordot(torch.func.hessian(f)(y), torch.tensor(DIRECTION), 2),
    _ONCE,
)
_add_torch(
    "`autograd.functional.hvp`",
    "product",
    lambda torch, f, y: torch.autograd.functional.hvp(f, y, torch.tensor(DIRECTION))[1],
    _ONCE,
)
_add_torch("gradient steps, differentiated", "product", _steps, _ONCE)
_add_torch(
    "third derivatives",
    "value",
    _three_times,
    (ALL, "two derivatives", "there are two of the distance, one of the rest"),
)
_add_torch(
    "`torch.jit.trace`",
    "value",
    lambda torch, f, y: torch.jit.trace(f, y),
    (ALL, "torch.jit.trace", "it would keep a solve's result as a constant"),
)

HEAD = """# Transformations

What every transformation of JAX and PyTorch does to every output of a plan, as functions of the
positions. Each cell is a test of that name in `tests/adapters/test_transforms.py`: what is "yes" is
compared with NumPy's values and their differences, what is "no" raises an error that says so. The
page is written from the rows that are tested, by `python tests/support/transforms.py`.
"""


def page() -> str:
    """Return the page."""
    parts = [HEAD]
    for face in ("NumPy", "JAX", "PyTorch"):
        rows = [row for row in ROWS if row.face == face]
        titles = " | ".join(f"`{output}`" for output in OUTPUTS)
        reasons: dict[str, int] = {}
        lines = [f"| | {titles} |", "|---|" + "---|" * len(OUTPUTS)]
        for row in rows:
            cells = []
            for output in OUTPUTS:
                why = row.refused.get(output, (None, None))[1]
                number = reasons.setdefault(why, len(reasons) + 1) if why else 0
                cells.append(f"no ({number})" if why else "yes")
            lines.append(f"| {row.name} | {' | '.join(cells)} |")
        notes = [f"{number}. {why}." for why, number in reasons.items()]
        parts.append("\n".join([f"## {face}\n", *lines, "", *notes, ""]))
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page())
