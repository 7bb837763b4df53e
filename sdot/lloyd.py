# SPDX-License-Identifier: GPL-3.0-or-later
"""Sites moved until each is the barycentre of its cell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Literal, overload

import numpy as np
import numpy.typing as npt

from sdot.array_types import Array_co, Lists, NumpyArray, Scalar_co
from sdot.distributions.density import Density, check_density
from sdot.distributions.sum_of_diracs import SumOfDiracs, check_dirac_weights
from sdot.driver import driver
from sdot.errors import ConvergenceError
from sdot.frameworks import common_framework, refuse_recording
from sdot.progress import check_progress, reporting
from sdot.quantisation.descent import Descent, Step, descend
from sdot.quantisation.energies import Energy, FixedMasses, FreeMasses
from sdot.records import Record
from sdot.results import ResultFormat, result_format
from sdot.validation import check_iterations, check_positions, check_tolerance, freeze

if TYPE_CHECKING:  # for the types of results
    import jax
    import torch

    from sdot.distributions.distribution import Distribution

__all__ = ["LloydResult", "check_choice", "lloyd"]

Masses = Literal["fixed", "free"]
Callback = Callable[[Step], None] | None


@dataclass(frozen=True, eq=False)
class LloydResult(Record, Generic[Array_co, Scalar_co]):
    """What `lloyd` has found.

    Attributes
    ----------
    positions : array (n, 2)
        The sites.
    masses : array (n,)
        Those of their cells: the given ones, or those that the cells have got.
    barycenters : array (n, 2)
        The centroids of the cells; a site without mass is its own.
    distance : scalar
        W2^2 between the sites, with these masses, and the density.
    converged : bool
    message : str
        How it ended, and a remedy if it did not converge.
    history : tuple of Step
        From the start on, each with ``iteration``, ``distance``, ``gradient_norm`` and
        ``diagrams``, the number of power diagrams built so far.
    diracs : SumOfDiracs
        The sites with their masses.

    Examples
    --------
    >>> from sdot import Box, lloyd
    >>> result = lloyd([[0.2, 0.5], [0.6, 0.5]], Box(((0, 0), (1, 1))))
    >>> result.positions.round(4).tolist()
    [[0.25, 0.5], [0.75, 0.5]]
    >>> result.converged, result.iterations == len(result.history) - 1
    (True, True)
    """

    positions: Array_co
    masses: Array_co
    barycenters: Array_co
    distance: Scalar_co
    converged: bool
    message: str
    history: tuple[Step, ...]
    diracs: SumOfDiracs[Array_co]

    @property
    def iterations(self) -> int:
        """Steps taken."""
        return self.history[-1].iteration

    @property
    def diagrams(self) -> int:
        """Power diagrams built."""
        return self.history[-1].diagrams

    @property
    def gradient_norm(self) -> float:
        """Where it ended: see the criterion of `lloyd`."""
        return self.history[-1].gradient_norm

    def __repr__(self) -> str:
        value = self.history[-1].distance
        return f"LloydResult({len(self.diracs)} sites, distance {value:.6g}, {self.message})"


@overload
def lloyd(  # type: ignore[overload-overlap, unused-ignore]
    positions: NumpyArray | Lists,
    density: Distribution[NumpyArray],
    weights: NumpyArray | Lists | None = ...,
    *,
    masses: Masses = ...,
    tol: float | None = ...,
    max_iterations: int = ...,
    callback: Callback = ...,
    progress: bool = ...,
) -> LloydResult[npt.NDArray[np.floating[Any]], np.floating[Any]]: ...


@overload
def lloyd(  # type: ignore[overload-overlap, unused-ignore]
    positions: NumpyArray | jax.Array | Lists,
    density: Distribution[NumpyArray | jax.Array],
    weights: NumpyArray | jax.Array | Lists | None = ...,
    *,
    masses: Masses = ...,
    tol: float | None = ...,
    max_iterations: int = ...,
    callback: Callback = ...,
    progress: bool = ...,
) -> LloydResult[jax.Array, jax.Array]: ...


@overload
def lloyd(  # type: ignore[overload-cannot-match, unused-ignore]
    positions: NumpyArray | torch.Tensor | Lists,
    density: Distribution[NumpyArray | torch.Tensor],
    weights: NumpyArray | torch.Tensor | Lists | None = ...,
    *,
    masses: Masses = ...,
    tol: float | None = ...,
    max_iterations: int = ...,
    callback: Callback = ...,
    progress: bool = ...,
) -> LloydResult[torch.Tensor, torch.Tensor]: ...


@overload
def lloyd(
    positions: Any,
    density: Any,
    weights: Any = ...,
    *,
    masses: Masses = ...,
    tol: float | None = ...,
    max_iterations: int = ...,
    callback: Callback = ...,
    progress: bool = ...,
) -> LloydResult: ...


def lloyd(
    positions: Any,
    density: Any,
    weights: Any = None,
    *,
    masses: Masses = "fixed",
    tol: float | None = 1e-6,
    max_iterations: int = 2000,
    callback: Callback = None,
    progress: bool = False,
) -> LloydResult:
    """Move sites until each is the barycentre of its cell: a local optimum of quantisation.

    Lloyd's iteration moves every site to the barycentre of its cell, again and again. It is
    gradient descent on W2^2 between the sites and the density; here a quasi-Newton method goes the
    same way down in a small part of the steps.

    Parameters
    ----------
    positions : array_like, (n, 2)
        Where the sites start, also outside of the density's domain. To go on from an earlier
        result, its positions.
    density : Density
    weights : array_like, (n,), optional
        Relative masses of the sites, all equal by default. Sites of weight zero stay in place.
    masses : {"fixed", "free"}, optional
        Whether sites have the masses that ``weights`` gives them, and power cells, or those of
        their Voronoi cells: then the energy is that of k-means, ``weights`` must be None, and a
        site that gets no mass stays where it is.
    tol : float or None, optional
        Stop when the gradient is so small, relative to the energy:
        ``sqrt(sum_i m_i |y_i - b_i|**2) <= tol * W2``. That is the mean distance of sites from
        their barycentres in units of the mean distance of the density from its sites, the size of
        a cell. None: take ``max_iterations`` steps.
    max_iterations : int, optional
    callback : callable, optional
        Called at the start and after every step with an object that has ``iteration``,
        ``distance``, ``gradient_norm`` and ``diagrams``. What it raises ends the iteration.
    progress : bool, optional
        Show on standard error how far it is, once two seconds have passed; see `sdot.distance`.

    Returns
    -------
    LloydResult
        Of arrays in the framework, dtype and device of the arguments, without derivatives. The
        same bits whatever the number of threads.

    Raises
    ------
    TypeError, ValueError
        For positions or weights of a wrong shape or type, or with NaN; if it is not a density; if
        weights are given for masses that are free.
    ConvergenceError
        If the tolerance was not reached; its ``result`` is the best one found.

    Notes
    -----
    The energy never increases. It has many local minima, of nearly the same value if the start is
    good: `quantize` makes one. Each step costs two or three power diagrams if masses are fixed, and
    one if they are free; masses are solved for only as well as the gradient needs them, to 5e-9 at
    ``tol=1e-8``. Method: L-BFGS (Liu and Nocedal, Math. Programming 45, 1989) preconditioned by
    1 / (2 m_i), so that without memory it is Lloyd's step, which it takes wherever another one
    would not lower the energy.

    Examples
    --------
    >>> from sdot import Box, lloyd
    >>> result = lloyd([[0.5, 0.1], [0.5, 0.2]], Box())
    >>> print(f"{result.distance:.6f}")
    0.104167
    >>> result.positions.round(6)
    array([[0.5 , 0.25],
           [0.5 , 0.75]])
    """
    density = check_density(density)
    common_framework(positions, weights, *density.arrays)
    refuse_recording(positions, weights, *density.arrays)
    is_free = check_choice(masses, "masses", ("fixed", "free")) == "free"
    start = check_positions(positions)
    result = result_format(positions, *(() if weights is None else (weights,)), *density.arrays)
    energy = _energy(density, weights, len(start), is_free=is_free)
    limit = check_iterations(max_iterations)
    bound = None if tol is None else check_tolerance(tol)
    check_progress(progress)
    if callback is not None and not callable(callback):
        raise TypeError(f"callback: expected a function of one argument, not {callback!r}")
    with reporting(callback, progress, _in_words) as report:
        found = descend(
            energy,
            start,
            tol=bound or 0.0,
            max_iterations=limit,
            report=report or (lambda step: None),
        )
    answer = _result(found, bound, density.snapshot, result)
    if found.failure or (bound is not None and not answer.converged):
        raise ConvergenceError(f"lloyd {answer.message}", result=answer)
    return answer


def check_choice(value: Any, name: str, choices: tuple[str, ...]) -> str:
    """Refuse what is not one of the choices."""
    if not isinstance(value, str):
        raise TypeError(f"{name}: expected a string, not {value!r}")
    if value not in choices:
        raise ValueError(f"{name}: expected one of {', '.join(map(repr, choices))}, not {value!r}")
    return value


def _in_words(step: Step) -> str:
    """Describe a step in a line of progress."""
    return (
        f"distance {step.distance:.6g}, gradient {step.gradient_norm:.1e}, {step.diagrams} diagrams"
    )


def _energy(density: Density, weights: Any, count: int, *, is_free: bool) -> Energy:
    density, execution = density.snapshot, driver.execution
    if is_free:
        if weights is not None:
            raise ValueError(
                'weights: expected None for masses="free", which are those of the Voronoi cells; '
                "leave them out or the masses fixed"
            )
        return FreeMasses(density, execution)
    relative = np.ones(count) if weights is None else check_dirac_weights(weights, count)
    return FixedMasses(density, relative, execution)


def _result(
    found: Descent, tol: float | None, density: Density, result: ResultFormat
) -> LloydResult:
    last, end = found.last, found.history[-1]
    positions, masses, barycenters = (
        result.convert(freeze(array)) for array in (last.positions, last.masses, last.barycenters)
    )
    is_equal = bool((last.masses == last.masses[0]).all())
    return LloydResult(
        positions,
        masses,
        barycenters,
        result.convert(last.value),
        tol is not None and end.gradient_norm <= tol,
        _message(found, tol),
        found.history,
        SumOfDiracs(positions, None if is_equal else masses, density.total_mass),
    )


def _message(found: Descent, tol: float | None) -> str:
    end = found.history[-1]
    reached = f"relative gradient {end.gradient_norm:.1e} after {end.iteration} steps"
    if found.failure:
        return f"stopped: {reached}; {found.failure}"
    if tol is None:
        return reached
    if end.gradient_norm <= tol:
        return f"converged: {reached}"
    return f"stopped at max_iterations: {reached}; raise max_iterations or tol"
