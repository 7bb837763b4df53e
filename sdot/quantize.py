# SPDX-License-Identifier: GPL-3.0-or-later
"""A few points that stand for a density."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np

from sdot.array_types import NumpyArray
from sdot.distributions.density import Density, check_density
from sdot.distributions.sampling import check_count
from sdot.distributions.sum_of_diracs import SumOfDiracs
from sdot.driver import driver
from sdot.execution import Execution
from sdot.frameworks import refuse_recording
from sdot.lloyd import LloydResult, check_choice, lloyd
from sdot.quantisation.starts import equal_sites, free_sites, refined_sites
from sdot.results import result_format
from sdot.validation import FloatArray

if TYPE_CHECKING:  # for the types of results
    import jax
    import torch

    from sdot.distributions.distribution import Distribution

__all__ = ["quantize"]

Masses = Literal["equal", "free"]

# From so many points of equal mass on it is worth while to begin with a quarter of them.
_MANY = 250
# After which the long waves are gone, and fewer steps are as good.
_TOLERANCE, _TOLERANCE_REFINED = 2e-2, 4e-2


@overload
def quantize(  # type: ignore[overload-overlap, unused-ignore]
    density: Distribution[NumpyArray],
    n: int,
    *,
    seed: np.random.Generator | int | None = ...,
    masses: Masses = ...,
    tol: float | None = ...,
    max_iterations: int = ...,
    progress: bool = ...,
) -> SumOfDiracs[NumpyArray]: ...


@overload
def quantize(  # type: ignore[overload-overlap, unused-ignore]
    density: Distribution[NumpyArray | jax.Array],
    n: int,
    *,
    seed: np.random.Generator | int | None = ...,
    masses: Masses = ...,
    tol: float | None = ...,
    max_iterations: int = ...,
    progress: bool = ...,
) -> SumOfDiracs[jax.Array]: ...


@overload
def quantize(  # type: ignore[overload-cannot-match, unused-ignore]
    density: Distribution[NumpyArray | torch.Tensor],
    n: int,
    *,
    seed: np.random.Generator | int | None = ...,
    masses: Masses = ...,
    tol: float | None = ...,
    max_iterations: int = ...,
    progress: bool = ...,
) -> SumOfDiracs[torch.Tensor]: ...


@overload
def quantize(
    density: Any,
    n: int,
    *,
    seed: np.random.Generator | int | None = ...,
    masses: Masses = ...,
    tol: float | None = ...,
    max_iterations: int = ...,
    progress: bool = ...,
) -> SumOfDiracs: ...


def quantize(
    density: Any,
    n: int,
    *,
    seed: np.random.Generator | int | None = 0,
    masses: Masses = "equal",
    tol: float | None = None,
    max_iterations: int = 2000,
    progress: bool = False,
) -> SumOfDiracs:
    """Return n points that stand for a density: W2^2 between them and it is close to the least.

    Parameters
    ----------
    density : Density
    n : int
        How many points, at least 1.
    seed : int, numpy.random.Generator or None, optional
        Of the random start: the same points for the same seed and version. None for another one at
        each call.
    masses : {"equal", "free"}, optional
        Whether every point has the same mass, or that of what is nearest to it, for which the
        distance is the least of all (k-means); points are then less crowded where the density is
        high.
    tol : float, optional
        The criterion of `lloyd`. By default as much as pays: W2^2 is then 2 to 3% above that of a
        regular hexagonal tiling, if the density is uniform; with 1e-4, after ten times as many
        steps, 1%.
    max_iterations : int, optional
    progress : bool, optional
        Show on standard error how far it is, once two seconds have passed; see `sdot.distance`.

    Returns
    -------
    SumOfDiracs
        With the density's mass, in the framework, dtype and device of the density's arrays,
        without derivatives.

    Raises
    ------
    TypeError, ValueError
        If it is not a density, or n is not a number of points.
    ConvergenceError
        If the tolerance was not reached; its ``result``, a `LloydResult`, has the best points.

    Notes
    -----
    It starts from means of small groups of neighbours among random points, and goes on as `lloyd`
    does for some ten steps; many points of equal mass from a solution with a quarter of them and
    the midpoints between neighbours, for which a few steps are enough. For n points and a uniform
    density of mass one on a region of area A, W2^2 tends to ``5 A / (18 sqrt(3) n)``: hexagons are
    best (L. Fejes Toth, 1972), and border cells and faults in the tiling cost a little more.

    Examples
    --------
    >>> import math
    >>> from sdot import Box, distance, quantize
    >>> points = quantize(Box(), 500)
    >>> print(f"{distance(points, Box()) * 500 / (5 / (18 * math.sqrt(3))):.1f}")
    1.0
    """
    density = check_density(density)
    refuse_recording(*density.arrays)
    is_free = check_choice(masses, "masses", ("equal", "free")) == "free"
    count = check_count(n)
    if count == 0:
        raise ValueError("n: expected at least 1 point, not 0")
    is_refined = not is_free and count >= _MANY
    start = _start(density.snapshot, count, np.random.default_rng(seed), is_free, is_refined)
    if tol is None:
        tol = _TOLERANCE_REFINED if is_refined else _TOLERANCE
    found: LloydResult = lloyd(
        result_format(*density.arrays).convert(start),
        density,
        masses="free" if is_free else "fixed",
        tol=tol,
        max_iterations=max_iterations,
        progress=progress,
    )
    return found.diracs


def _start(
    density: Density, count: int, rng: np.random.Generator, is_free: bool, is_refined: bool
) -> FloatArray:
    execution: Execution = driver.execution
    if is_free:
        return free_sites(density, count, rng, execution)
    if is_refined:
        return refined_sites(density, count, rng, execution)
    return equal_sites(density, count, rng)
