# SPDX-License-Identifier: GPL-3.0-or-later
"""The distance as a PyTorch module, in eager code, under transformations and in graphs."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from sdot.adapters import torch_operators
from sdot.adapters.problem_text import problem_text
from sdot.adapters.torch_formats import at_least_single_in_autocast
from sdot.distance import distance
from sdot.distributions.density import Density
from sdot.distributions.distribution import Distribution
from sdot.distributions.sum_of_diracs import SumOfDiracs
from sdot.frameworks import framework_of, to_numpy
from sdot.solving import check_options

__all__ = ["W2Loss"]

_owners = itertools.count()


class W2Loss(torch.nn.Module):
    """W2^2 between points and a density that the module holds.

    The arrays of the density are parameters of the module where they are `torch.nn.Parameter`, and
    buffers otherwise, under the names of the density's arguments (``values``, ``means``,
    ``part_0_values``, ...). So ``.to()``, ``state_dict``, ``copy.deepcopy`` and optimisers work as
    for any module. Unlike `sdot.distance` it can be part of a graph.

    Parameters
    ----------
    density : a density such as `sdot.PolynomialGrid`
        Of arrays of any framework but JAX's traced ones.
    tol, max_iterations, warm_start : optional
        See `sdot.distance`.

    Raises
    ------
    TypeError, ValueError
        If ``density`` is no density, or an option is wrong.

    Notes
    -----
    Two ways lead to the same bits. In eager code and under `torch.func` the module calls
    `sdot.distance`, which has derivatives of second order, forward mode and `torch.func.vmap`.
    While a graph is captured (`torch.compile`, with ``fullgraph=True`` too, and `torch.export`) it
    calls the operator ``torch.ops.sdot.distance``, which has reverse mode and `torch.func.vmap`;
    the other transformations of `torch.func` are to be applied outside of the graph. A failed solve
    raises `sdot.ConvergenceError` in both. What `torch.export` saves runs wherever `sdot.torch` has
    been imported.

    Results have the dtype of the positions, in autocast float32 at least.

    Examples
    --------
    >>> import torch
    >>> from sdot import PolynomialGrid
    >>> from sdot.torch import W2Loss
    >>> loss = W2Loss(PolynomialGrid([[1.0, 2.0], [3.0, 4.0]]))
    >>> positions = torch.tensor([[0.3, 0.4], [0.7, 0.5]], requires_grad=True)
    >>> loss(positions).backward()
    >>> positions.grad.shape, list(loss.state_dict())
    (torch.Size([2, 2]), ['values'])
    """

    def __init__(
        self,
        density: Density,
        *,
        tol: float = 1e-8,
        max_iterations: int = 2000,
        warm_start: bool = True,
    ) -> None:
        super().__init__()
        if not isinstance(density, Density):
            raise TypeError(
                f"density: expected a density such as PolynomialGrid, not {type(density).__name__}"
            )
        self._options = check_options(tol, max_iterations, warm_start)
        self._mass = float(density.total_mass)
        self._names = []
        for name, array in _named_arrays(density):
            self._names.append(name)
            self._register(name, array)
        # Of the density as it was given nothing is kept but what is not in the module's tensors.
        self._structure = density.with_arrays([np.empty(0)] * len(self._names))
        self._texts = self._make_texts(density)
        self._last: tuple[tuple[torch.Tensor, ...], Density] | None = None

    def _register(self, name: str, array: Any) -> None:
        if isinstance(array, torch.nn.Parameter):
            self.register_parameter(name, array)
        elif framework_of(array) == "torch":
            self.register_buffer(name, array)
        else:
            self.register_buffer(name, torch.tensor(np.array(to_numpy(array))))

    def _make_texts(self, density: Density) -> tuple[str, str]:
        """Return the problem as text without weights and with weights."""
        owner = next(_owners)
        one = SumOfDiracs([[0.0, 0.0]], None, self._mass)
        weighted = SumOfDiracs([[0.0, 0.0]], [1.0], self._mass)
        without, with_weights = (
            problem_text(diracs, density, self._options, owner) for diracs in (one, weighted)
        )
        return without, with_weights

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_last": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._texts = self._make_texts(self.density)  # a copy has warm starts of its own

    @property
    def density(self) -> Density:
        """The density, of the module's tensors as they are now."""
        tensors = self._tensors()
        if self._last is not None and all(map(_is, self._last[0], tensors)):
            return self._last[1]
        density = self._structure.with_arrays(tensors)
        if density.has_values and all(tensor.is_leaf for tensor in tensors):
            self._last = tensors, density
        return density

    def forward(self, positions: torch.Tensor, weights: torch.Tensor | None = None) -> torch.Tensor:
        """Return W2^2.

        Parameters
        ----------
        positions : torch.Tensor, (n, 2) or (B, n, 2)
            The points, of one problem or of a batch.
        weights : torch.Tensor, (n,) or (B, n), optional
            Relative masses, all equal by default.

        Returns
        -------
        torch.Tensor, () or (B,)

        Raises
        ------
        ValueError
            If shapes do not fit, or an entry is NaN or infinite.
        sdot.ConvergenceError
            If the tolerance was not reached. (In a graph an element of a batch is NaN then.)
        """
        _check_shapes(positions, weights)
        positions = at_least_single_in_autocast(positions)
        if torch.compiler.is_compiling() and not _is_differentiated():
            value = self._operator(positions, weights)
        else:
            options = self._options
            make = SumOfDiracs if positions.ndim == 2 else SumOfDiracs.batch
            value = distance(
                make(positions, weights, self._mass),
                self.density,
                tol=options.tol,
                max_iterations=options.max_iterations,
                warm_start=options.warm_start,
            )
        return value.to(positions.dtype) if positions.is_floating_point() else value

    def _operator(self, positions: torch.Tensor, weights: torch.Tensor | None) -> torch.Tensor:
        given = [positions] if weights is None else [positions, weights]
        text = self._texts[weights is not None]
        arrays = [*given, *self._tensors()]
        if positions.ndim == 2:
            return torch_operators.distance(arrays, text, 0)
        shared = arrays[1 if weights is None or weights.ndim == 1 else 2 :]
        batched = [*arrays[: len(arrays) - len(shared)], *(array[None] for array in shared)]
        return torch_operators.distance(batched, text, 1)

    def _tensors(self) -> tuple[torch.Tensor, ...]:
        return tuple(getattr(self, name) for name in self._names)

    def extra_repr(self) -> str:
        """Return the density and the tolerance."""
        if torch.compiler.is_compiling():  # torch.func.vmap asks for it
            return ""
        return f"{self.density!r}, tol={self._options.tol:g}"


def _named_arrays(distribution: Distribution, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in distribution.parameters.items():
        if isinstance(value, Distribution):
            yield from _named_arrays(value, f"{prefix}{name}_")
        elif value is not None:
            yield prefix + name, value


def _check_shapes(positions: torch.Tensor, weights: torch.Tensor | None) -> None:
    shape = tuple(positions.shape)
    if len(shape) not in (2, 3) or shape[-1] != 2 or 0 in shape:
        raise ValueError(
            f"positions: expected shape (n, 2) or (B, n, 2) with B and n >= 1, not {shape}"
        )
    if weights is not None and tuple(weights.shape) not in (shape[:-1], shape[-2:-1]):
        raise ValueError(
            f"weights: expected one number per site, shape {shape[:-1]}, not {tuple(weights.shape)}"
        )


def _is(one: Any, other: Any) -> bool:
    return one is other


def _is_differentiated() -> bool:
    """Tell whether torch.func differentiates, which an operator has no rule for."""
    levels = torch._C._functorch.get_interpreter_stack() or ()
    return any(level.key() != torch._C._functorch.TransformType.Vmap for level in levels)


# What torch.compiler.assume_constant_result does, which takes seconds to import: it is asked while
# the graph is captured.
_is_differentiated.__dict__["_dynamo_marked_constant"] = True
