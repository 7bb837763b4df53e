# SPDX-License-Identifier: GPL-3.0-or-later
"""The squared Wasserstein-2 distance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

from sdot.batches import batched_distance, is_batch
from sdot.frameworks import needs_derivative
from sdot.results import result_format
from sdot.solving import check_options, map_of, ordered_pair, solve_or_raise
from sdot.streams import is_stream, streamed

if TYPE_CHECKING:  # for the types of results
    import jax
    import numpy as np
    import torch

    from sdot.array_types import NumpyArray
    from sdot.distributions.distribution import Distribution

__all__ = ["distance"]


@overload
def distance(  # type: ignore[overload-overlap, unused-ignore]
    f: Distribution[NumpyArray],
    g: Distribution[NumpyArray],
    *,
    tol: float = ...,
    max_iterations: int = ...,
    warm_start: bool = ...,
    progress: bool = ...,
    partial: bool = ...,
) -> np.floating[Any]: ...


@overload
def distance(  # type: ignore[overload-overlap, unused-ignore]
    f: Distribution[NumpyArray | jax.Array],
    g: Distribution[NumpyArray | jax.Array],
    *,
    tol: float = ...,
    max_iterations: int = ...,
    warm_start: bool = ...,
    progress: bool = ...,
    partial: bool = ...,
) -> jax.Array: ...


@overload
def distance(  # type: ignore[overload-cannot-match, unused-ignore]
    f: Distribution[NumpyArray | torch.Tensor],
    g: Distribution[NumpyArray | torch.Tensor],
    *,
    tol: float = ...,
    max_iterations: int = ...,
    warm_start: bool = ...,
    progress: bool = ...,
    partial: bool = ...,
) -> torch.Tensor: ...


@overload
def distance(
    f: Any,
    g: Any,
    *,
    tol: float = ...,
    max_iterations: int = ...,
    warm_start: bool = ...,
    progress: bool = ...,
    partial: bool = ...,
) -> Any: ...


def distance(
    f: Any,
    g: Any,
    *,
    tol: float = 1e-8,
    max_iterations: int = 2000,
    warm_start: bool = True,
    progress: bool = False,
    partial: bool = False,
) -> Any:
    """Return W2^2, the squared Wasserstein-2 distance between Diracs and a density.

    Parameters
    ----------
    f, g : SumOfDiracs and a density, or lists or iterators of them
        In either order, of the same total mass (1 unless told otherwise). A list is a batch, with
        as many elements as the other list, or one density for all; see `SumOfDiracs.batch`. So is
        an iterator, whose problems are solved as their results are asked for.
    tol : float, optional
        Greatest relative error of a cell mass at the solution, 1e-8 by default. The value's
        own error is of second order in it.
    max_iterations : int, optional
        Newton steps before giving up.
    warm_start : bool, optional
        Start from the last solution for the same density object, or else the same Diracs
        object, and number of sites, as fits an optimisation loop (on by default). The value then
        depends on earlier calls, but by less than the tolerance: every solve ends with the same
        test. Switch it off for the same bits whatever came before.
    progress : bool, optional
        Show on standard error how far it is, once two seconds have passed: a bar of tqdm, in
        terminals and notebooks, or a line if tqdm is not installed. A batch counts problems.
    partial : bool, optional
        Whether the Diracs may have less mass than the density, of which the cheapest part is used
        then; see `optimal_transport_plan`. The distance is the cost of that part.

    Returns
    -------
    scalar
        In the framework, dtype and device of the arguments: a NumPy scalar, a JAX array or a
        tensor of shape (); of a list an array (B,), of an iterator an iterator. Of arguments in
        lists or NumPy arrays `sdot.driver` decides. All computations are in float64, whatever the
        dtype.

    Raises
    ------
    TypeError, ValueError
        If the arguments are not Diracs and a density, or their total masses differ.
    ConvergenceError
        If the tolerance was not reached; the error has the best plan. Inside a function that
        JAX compiles, where nothing can be raised, the value is NaN.

    Notes
    -----
    Problems of a batch are solved on all cores, to the bits of single calls, each from the last
    solution at its place. If one fails, an error names it; in a function that JAX traces it is NaN.
    (There, problems of unlike kinds or sizes are solved one after the other.)

    Problems from an iterator (a generator, ``map(load, paths)``) are taken from it a few ahead of
    the results that have been asked for, so that memory is bounded whatever their number. They
    start cold, and arrays that require derivatives are refused. If an element fails, the call of
    ``next`` that asks for it raises, and the one after it goes on.

    Differentiable twice in the positions and weights of the Diracs and in the arrays of the
    density, by JAX (every transformation: ``grad``, ``hessian``, ``jit``, ``vmap``, ``scan``,
    ``shard_map``, ...) and PyTorch (``backward`` with ``create_graph``, ``torch.func``); third
    derivatives, and second ones in a grid's domain, raise an error. Outside of ``jit`` what fails
    raises an error too; in a compiled function, and in elements of a batch, it is NaN, and the
    first time there is a warning. Diracs and densities are JAX pytrees: they can be arguments of
    jitted functions, and ``jax.grad(distance)(f, g)`` is a container like f. The gradient is that
    of the value returned,

        d W2^2 / d y_i = 2 m_i (y_i - b_i),

    with b_i the barycentre of the cell of site i; without the factor 2, as often printed, it is
    the gradient of W2^2 / 2. So Lloyd's step ``y_i <- b_i`` is gradient descent with step
    ``1 / (2 m_i)``. With respect to weights u, normalised to masses ``M u / sum(u)``, it is
    ``(w_i - mean w) M / sum(u)``, w the potentials; with respect to a parameter t of the density
    rho it is the integral of ``phi d rho / d t``, phi the potential on the density's side. No
    linear system is solved for any of them; a product with the Hessian solves one.

    The cost is some ten power diagrams, O(n log n) each, and about as many sparse linear
    solves. Method: damped Newton on the dual (Kitagawa, Merigot and Thibert, 2019).

    Examples
    --------
    >>> from sdot import PolynomialGrid, SumOfDiracs, distance
    >>> print(f"{distance(SumOfDiracs([[0.5, 0.5]]), PolynomialGrid([[[1.0]]])):.6f}")
    0.166667
    >>> batch = SumOfDiracs.batch([[[0.5, 0.5]], [[0.25, 0.5]]])
    >>> distance(batch, PolynomialGrid([[1.0]])).round(6)
    array([0.166667, 0.229167])
    >>> stream = (SumOfDiracs([[k / 1000, 0.5]]) for k in range(1000))
    >>> print(f"{min(distance(stream, PolynomialGrid([[1.0]]))):.6f}")
    0.166667
    """
    options = check_options(tol, max_iterations, warm_start, progress=progress, partial=partial)
    if is_stream(f, g):
        return streamed(f, g, options, lambda solution, _, result: result.convert(solution.value))
    if is_batch(f, g):
        return batched_distance(f, g, options)
    diracs, density = ordered_pair(f, g)
    leaves = (*diracs.arrays, *density.arrays)
    result = result_format(*leaves)
    moving = [k for k, leaf in enumerate(leaves) if needs_derivative(leaf)]
    if not moving:
        solution = solve_or_raise(diracs.snapshot, density.snapshot, options, result)
        return result.convert(solution.value)
    solution_map = map_of(diracs, density, options, result, moving)
    arguments = [leaves[k] for k in moving]
    return result.adapter.differentiable_distance(solution_map, arguments, result)
