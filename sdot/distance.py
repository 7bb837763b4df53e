"""The squared Wasserstein-2 distance."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

from sdot.adapters.results import ResultFormat, result_format
from sdot.derivatives import position_gradient, weight_gradient
from sdot.distributions.density import Density
from sdot.distributions.sum_of_diracs import SumOfDiracs
from sdot.frameworks import is_jax_tracer
from sdot.plan import check_converged, check_options, check_pair, solve_numpy
from sdot.solver.solve import Options
from sdot.validation import FloatArray

__all__ = ["distance"]


def distance(
    f: Any, g: Any, *, tol: float = 1e-8, max_iterations: int = 2000, warm_start: bool = True
) -> Any:
    """Return W2^2, the squared Wasserstein-2 distance between Diracs and a density.

    Parameters
    ----------
    f, g : SumOfDiracs and a density
        In either order, of the same total mass (1 unless told otherwise).
    tol : float, optional
        Greatest relative error of a cell mass at the solution, 1e-8 by default. The value's
        own error is of second order in it.
    max_iterations : int, optional
        Newton steps before giving up.
    warm_start : bool, optional
        Start from the last solution for the same density object and number of sites, as fits
        an optimisation loop (on by default). The value then depends on earlier calls, but by
        less than the tolerance: every solve ends with the same test. Switch it off for the same
        bits whatever came before.

    Returns
    -------
    scalar
        In the framework, dtype and device of the arguments: a NumPy scalar, a JAX array or a
        tensor of shape (). Of arguments in lists or NumPy arrays `sdot.driver` decides. All
        computations are in float64, whatever the dtype.

    Raises
    ------
    TypeError, ValueError
        If the arguments are not Diracs and a density, or their total masses differ.
    ConvergenceError
        If the tolerance was not reached; the error has the best plan. Inside a function that
        JAX traces, where nothing can be raised, the value is NaN.

    Notes
    -----
    Differentiable once in the positions and weights of the Diracs, by JAX (``grad``, ``jit``,
    ``value_and_grad``, ``jvp``) and PyTorch (``backward``, ``torch.func``), at no further cost.
    The gradient is that of the value returned,

        d W2^2 / d y_i = 2 m_i (y_i - b_i),

    with b_i the barycentre of the cell of site i; without the factor 2, as often printed, it is
    the gradient of W2^2 / 2. So Lloyd's step ``y_i <- b_i`` is gradient descent with step
    ``1 / (2 m_i)``. With respect to weights u, normalised to masses ``M u / sum(u)``, it is
    ``(w_i - mean w) M / sum(u)``, w the potentials.

    The cost is some ten power diagrams, O(n log n) each, and about as many sparse linear
    solves. Method: damped Newton on the dual (Kitagawa, Merigot and Thibert, 2019).

    Examples
    --------
    >>> from sdot import PolynomialGrid, SumOfDiracs, distance
    >>> print(f"{distance(SumOfDiracs([[0.5, 0.5]]), PolynomialGrid([[[1.0]]])):.6f}")
    0.166667
    """
    diracs, density = check_pair(f, g)
    options = check_options(tol, max_iterations, warm_start)
    result = result_format(diracs.positions, diracs.weights, *density.arrays)
    arguments = [diracs.positions]
    if diracs.weights is not None:
        arguments.append(diracs.weights)
    if result.framework == "numpy" or not _needs_derivatives(result, arguments):
        solution = check_converged(solve_numpy(diracs, density, options), density, result)
        return result.convert(solution.value)
    return _differentiable(diracs, density, options, result, arguments)


def _needs_derivatives(result: ResultFormat, arguments: Sequence[Any]) -> bool:
    if result.framework == "torch":
        return True
    return any(is_jax_tracer(argument) for argument in arguments)


def _differentiable(
    diracs: SumOfDiracs,
    density: Density,
    options: Options,
    result: ResultFormat,
    arguments: Sequence[Any],
) -> Any:
    def value_and_gradients(
        positions: FloatArray, weights: FloatArray | None = None
    ) -> tuple[float, list[FloatArray]]:
        values = SumOfDiracs(positions, weights, diracs.mass)
        solution = check_converged(solve_numpy(values, density, options), density, result)
        gradients = [position_gradient(solution)]
        if values.numpy_weights is not None:
            gradients.append(weight_gradient(solution, values.numpy_weights))
        return solution.value, gradients

    adapter = importlib.import_module(f"sdot.adapters.{result.framework}")
    last = result if result.framework == "torch" else result.dtype
    return adapter.differentiable_distance(value_and_gradients, arguments, last)
