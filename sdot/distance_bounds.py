# SPDX-License-Identifier: GPL-3.0-or-later
"""W2 between two densities, with a certificate."""

from __future__ import annotations

import numbers
import operator
from typing import TYPE_CHECKING, Any, Generic, Literal, NamedTuple, overload

from sdot.array_types import NumpyArray, Scalar_co
from sdot.bounds_map import BoundsMap, BoundsOptions, TwoSided, Which, bounds_of, check_same_mass
from sdot.distributions.density import Density, check_density
from sdot.frameworks import needs_derivative, refuse_recording
from sdot.results import ResultFormat, result_format
from sdot.solved_problems import SolvedProblems
from sdot.validation import check_tolerance

if TYPE_CHECKING:  # for the types of results
    import jax
    import numpy as np
    import torch

    from sdot.distributions.distribution import Distribution

__all__ = ["DistanceBounds", "distance_bounds"]

Quantised = Literal["first", "second", "both"]


class DistanceBounds(NamedTuple, Generic[Scalar_co]):
    """Bounds on W2^2 between two densities.

    Attributes
    ----------
    lower, upper : scalars
        W2^2 lies between them.
    estimate : scalar
        Their mean: off by half the difference at most.

    Examples
    --------
    >>> from sdot import Box, distance_bounds
    >>> bounds = distance_bounds(Box(((0, 0), (1, 1))), Box(((1, 0), (2, 1))), sites=50)
    >>> bool(bounds.lower <= 1 <= bounds.upper)
    True
    """

    lower: Scalar_co
    upper: Scalar_co
    estimate: Scalar_co


@overload
def distance_bounds(  # type: ignore[overload-overlap, unused-ignore]
    f: Distribution[NumpyArray],
    g: Distribution[NumpyArray],
    *,
    sites: int = ...,
    quantised: Quantised | None = ...,
    tol: float = ...,
    seed: int = ...,
) -> DistanceBounds[np.floating[Any]]: ...


@overload
def distance_bounds(  # type: ignore[overload-overlap, unused-ignore]
    f: Distribution[NumpyArray | jax.Array],
    g: Distribution[NumpyArray | jax.Array],
    *,
    sites: int = ...,
    quantised: Quantised | None = ...,
    tol: float = ...,
    seed: int = ...,
) -> DistanceBounds[jax.Array]: ...


@overload
def distance_bounds(  # type: ignore[overload-cannot-match, unused-ignore]
    f: Distribution[NumpyArray | torch.Tensor],
    g: Distribution[NumpyArray | torch.Tensor],
    *,
    sites: int = ...,
    quantised: Quantised | None = ...,
    tol: float = ...,
    seed: int = ...,
) -> DistanceBounds[torch.Tensor]: ...


@overload
def distance_bounds(
    f: Any,
    g: Any,
    *,
    sites: int = ...,
    quantised: Quantised | None = ...,
    tol: float = ...,
    seed: int = ...,
) -> DistanceBounds: ...


def distance_bounds(
    f: Any,
    g: Any,
    *,
    sites: int = 1000,
    quantised: Quantised | None = None,
    tol: float = 1e-8,
    seed: int = 0,
) -> DistanceBounds:
    """Return bounds between which W2^2 of two densities lies, rigorous up to rounding.

    One of the densities is quantised by n sites: cut into n cells, whose masses are gathered in
    their barycentres and transported to the other density, exactly. The difference of the bounds
    falls as 1/n.

    Parameters
    ----------
    f, g : Density
        Of the same total mass.
    sites : int, optional
        The number n. Cells that get no mass are left out.
    quantised : {"first", "second", "both"} or None, optional
        Which density is. The other one should have a bounded domain, for the lower bound: None, the
        default, is "first", unless only f has one. "both" does it both ways and takes the better of
        each bound, in twice the time.
    tol : float, optional
        Greatest relative error of a cell's mass in the solve, which the bounds allow for.
    seed : int, optional
        Of the random points from which the cells are made.

    Returns
    -------
    DistanceBounds
        A named tuple ``(lower, upper, estimate)`` of scalars in the framework, dtype and device of
        the arguments. The bounds are those of float64, then rounded to the dtype.

    Raises
    ------
    TypeError, ValueError
        If the arguments are not two densities of the same total mass in the plane, not periodic
        ones, or the number of sites is not a positive one.
    ConvergenceError
        If the solve did not reach the tolerance.

    Notes
    -----
    *Upper bound*: gather the cells of f, of barycentres b_i, which costs the sum D of their second
    moments, and go on by the plan of mu = sum_i m_i delta_{b_i} to g. In cell i ``x - b_i`` has
    mean zero and is independent of where the plan goes, so that D + W2^2(mu, g) is the cost of a
    transport from f to g. *Lower bound*: by duality. With phi the potential of the plan,
    ``psi(x) = min_z |x - z|**2 - phi(z)`` over the convex domain of g is the potential of another
    power diagram, that of the vertices of the first, and W2^2 >= integral of psi f + phi g. If
    close to zero it may be negative. Without a bounded domain of g the lower bound is the greatest
    of three: zero, the triangle inequality's, and that of normal laws with the same means and
    covariances, which is W2^2 itself for two Gaussians. (Derived on the mathematics page.)

    *Derivatives*, once, in the arrays of both densities, under JAX and PyTorch: ``upper`` with the
    cells of the quantised density where they are, while their masses and barycentres move;
    ``lower`` with both potentials as they are, so that at other densities on the same domain the
    tangent is itself a lower bound; ``estimate`` the mean of both. For a fit minimise ``upper`` or
    ``estimate``. Those of a lower bound that does not come from potentials are NaN, and ``upper``
    cannot be differentiated in the ``domain`` of the grid that is quantised. They are meant for
    densities with a given mass, as all have unless it is None.

    The time is that of a solve, and of some five diagrams with integrals, O(n log n).

    Examples
    --------
    A square and the same moved by (0.3, 0.1), for which W2^2 = 0.1:

    >>> from sdot import Box, distance_bounds
    >>> f, g = Box(), Box(((0.3, 0.1), (1.3, 1.1)))
    >>> lower, upper, estimate = distance_bounds(f, g, sites=400)
    >>> print(f"{lower:.3f} {upper:.3f}")
    0.100 0.101
    """
    f, g = _in_the_plane(f, "f"), _in_the_plane(g, "g")
    refuse_recording(*f.arrays, *g.arrays)
    count = _check_sites(sites)
    way = _check_quantised(quantised)
    options = BoundsOptions(count, way, check_tolerance(tol), _check_seed(seed))
    leaves = (*f.arrays, *g.arrays)
    result = result_format(*leaves)
    moving = [k for k, leaf in enumerate(leaves) if needs_derivative(leaf)]
    if not moving:
        found = bounds_of(f.snapshot, g.snapshot, options)
        return DistanceBounds(*(result.convert(found.value(which)) for which in _ORDER))
    return _differentiable(f, g, options, result, moving)


_ORDER: tuple[Which, ...] = DistanceBounds._fields  # type: ignore[assignment]


def _differentiable(
    f: Density, g: Density, options: BoundsOptions, result: ResultFormat, moving: list[int]
) -> DistanceBounds:
    if f.has_values and g.has_values:
        check_same_mass(f.snapshot, g.snapshot)
    leaves, solved = (*f.arrays, *g.arrays), SolvedProblems[TwoSided]()
    maps = [
        BoundsMap(f, g, options, result, moving=moving, which=which, solved=solved)
        for which in _ORDER
    ]
    arguments = [leaves[k] for k in moving]
    return DistanceBounds(
        *(result.adapter.differentiable_distance(one, arguments, result) for one in maps)
    )


def _in_the_plane(density: Any, name: str) -> Density:
    checked: Density = check_density(density, name)
    if checked.torus is not None:
        raise ValueError(
            f"{name}: expected a density in the plane, not a periodic one, {density!r}, for which "
            "there are no bounds; use distance with sites on the torus"
        )
    return checked


def _check_sites(sites: Any) -> int:
    try:
        count = operator.index(sites)
    except TypeError:
        raise TypeError(f"sites: expected a number of sites, not {sites!r}") from None
    if isinstance(sites, bool) or count < 1:
        raise ValueError(f"sites: expected a number of sites, at least 1, not {sites!r}")
    return count


def _check_quantised(quantised: Any) -> str | None:
    if quantised not in ("first", "second", "both", None):
        raise ValueError(
            f"quantised: expected 'first', 'second', 'both' or None, not {quantised!r}"
        )
    return None if quantised is None else str(quantised)


def _check_seed(seed: Any) -> int:
    if isinstance(seed, bool) or not isinstance(seed, numbers.Integral) or seed < 0:
        raise ValueError(f"seed: expected a whole number of at least 0, not {seed!r}")
    return int(seed)
