# SPDX-License-Identifier: GPL-3.0-or-later
"""Mixtures of Gaussian densities, on the whole plane or a convex part of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast, overload

import numpy as np
import scipy

from sdot.array_types import Array_co, Lists, NumpyArray
from sdot.cgal_wrap.gaussian.mixture_integrals import MixtureKernel
from sdot.diagrams import DiagramArrays
from sdot.distributions.computed import computed
from sdot.distributions.density import CellPotential, Density, Frame, SolvedCells
from sdot.distributions.description import describes
from sdot.distributions.distribution import kept
from sdot.distributions.mixture_arguments import check_mixture_shapes, covariance_matrices
from sdot.distributions.mixture_derivative import MixtureDerivative, MixtureParameters
from sdot.distributions.mixture_kernel import UNDERFLOW, MixtureDensityKernel, cholesky_factors
from sdot.distributions.sampling import choose, sample_gaussian_in_polygon
from sdot.execution import SERIAL, Execution
from sdot.frameworks import common_framework
from sdot.limits import check_lengths, check_ratio, check_sizes
from sdot.validation import (
    FloatArray,
    box_corners,
    check_convex_domain,
    check_mass,
    check_positive,
    check_real_array,
    freeze,
    refuse_derivatives,
)

__all__ = ["SumOfGaussians"]

# Share of the mass that lies outside of the box in which a solve starts.
_START_TAIL = 1e-8


class SumOfGaussians(Density[Array_co]):
    """A mixture ``sum_c m_c N(mu_c, S_c)`` of Gaussian densities with any covariances.

    It fills the whole plane: cells are unbounded, and nothing is cut off.

    Parameters
    ----------
    means : array_like, (k, 2)
        The means mu_c, NumPy, JAX (traced too) or PyTorch, as are the next two.
    covs : array_like
        The covariances S_c: (k,) variances of isotropic components, (k, 2) variances along the
        axes, or (k, 2, 2) symmetric positive definite matrices.
    weights : array_like, (k,), optional
        Positive relative masses, all equal by default: ``m_c = mass * weights_c / sum(weights)``.
    mass : float, optional
        The total mass, 1 by default.
    domain : array_like, optional
        ``((x_min, y_min), (x_max, y_max))`` or the corners (j, 2) of a convex polygon,
        counter-clockwise: the mixture is restricted to it, exactly, and scaled to ``mass``.

    Attributes
    ----------
    means, covs, weights : the arguments, of NumPy arrays read-only copies, while tensors are read
        at every call; ``weights`` may be None.

    Raises
    ------
    TypeError
        If an argument is not of real numbers, or JAX and PyTorch arrays are mixed.
    ValueError
        If shapes do not fit, an entry is NaN or infinite, a weight is not positive, a covariance
        is not symmetric positive definite, or the domain has none of the mass. Of arrays that
        are being traced only shapes can be checked.

    Notes
    -----
    `sdot.distance` is differentiable in ``means``, ``covs`` (for matrices the gradient is
    symmetric) and ``weights``. Integrals over cells are exact to rounding; a solve costs
    O(n) per component that is near, and components far from a cell cost nothing there. Parts of
    a mixture that lie more than some thousand standard deviations apart take many steps, and with
    thousands of sites they can end in a `ConvergenceError`.

    Examples
    --------
    >>> from sdot import SumOfDiracs, SumOfGaussians, distance
    >>> mixture = SumOfGaussians(means=[[0.0, 0.0]], covs=[[1.0, 4.0]])
    >>> print(f"{distance(SumOfDiracs([[3.0, 0.0]]), mixture):.6f}")  # 3^2 + 1 + 4
    14.000000
    >>> print(f"{SumOfGaussians([[0.0, 0.0]], [1.0]).evaluate([0.0, 0.0]):.6f}")  # 1 / (2 pi)
    0.159155
    """

    @overload
    def __init__(
        self: SumOfGaussians[NumpyArray],
        means: Lists,
        covs: Lists,
        weights: Lists | None = ...,
        mass: float = ...,
        domain: Any = ...,
    ) -> None: ...

    @overload
    def __init__(
        self,
        means: Array_co | Lists,
        covs: Array_co | Lists,
        weights: Array_co | Lists | None = ...,
        mass: float = ...,
        domain: Any = ...,
    ) -> None: ...

    def __init__(
        self, means: Any, covs: Any, weights: Any = None, mass: float = 1, domain: Any = None
    ) -> None:
        common_framework(means, covs, weights)
        refuse_derivatives(domain, "domain")
        total = check_mass(mass)
        if total is None:
            raise TypeError("mass: expected a positive number, not None")
        check_mixture_shapes(means, covs, weights)
        self._parameters = {
            "means": kept(means, "means"),
            "covs": kept(covs, "covs"),
            "weights": kept(weights, "weights"),
        }
        self._options = {
            "mass": total,
            "domain": None if domain is None else freeze(check_convex_domain(domain)),
        }
        if self.has_values:
            self._means, self._masses, self._factors  # noqa: B018  (checks the values)

    @property
    def means(self) -> Any:
        """The ``means`` argument, of NumPy arrays a read-only copy."""
        return self._parameters["means"]

    @property
    def covs(self) -> Any:
        """The ``covs`` argument, of NumPy arrays a read-only copy."""
        return self._parameters["covs"]

    @property
    def weights(self) -> Any:
        """The ``weights`` argument, of NumPy arrays a read-only copy."""
        return self._parameters["weights"]

    @property
    def arguments(self) -> Mapping[str, Any]:
        """Arguments with which the class makes the same object."""
        return {**self._parameters, **self._options}

    def __len__(self) -> int:
        return int(np.shape(self.means)[0])

    @describes(means=2, weights=1)
    def __repr__(self) -> str:
        where = "the plane" if self.domain is None else f"a polygon of {len(self.domain)} corners"
        return f"SumOfGaussians({len(self)} components on {where}, mass {self.total_mass:g})"

    @property
    def total_mass(self) -> float:
        """The integral of the density."""
        return float(self._options["mass"])

    @property
    def domain(self) -> FloatArray | None:
        """The corners (j, 2) of the domain; None for the whole plane."""
        domain: FloatArray | None = self._options["domain"]
        return domain

    @computed
    def _means(self) -> FloatArray:
        means = check_real_array(self.means, "means")
        check_lengths(means, "means")
        return freeze(means)

    @computed
    def _covariances(self) -> FloatArray:
        """Full matrices (k, 2, 2)."""
        return covariance_matrices(self.covs)

    @computed
    def _factors(self) -> FloatArray:
        """Entries xx, yx, yy (k, 3) of the Cholesky factors."""
        return cholesky_factors(self._covariances)

    @computed
    def _shares(self) -> FloatArray:
        """Weights (k,) that sum to one."""
        if self.weights is None:
            return np.full(len(self), 1 / len(self))
        weights = check_real_array(self.weights, "weights")
        check_positive(weights, "weights")
        check_sizes(weights, "weights")
        check_ratio(weights, "weights")
        return np.asarray(weights / weights.sum())

    @computed
    def _share_inside(self) -> float:
        """The share of the mixture that lies in the domain."""
        if self.domain is None:
            return 1.0
        kernel = MixtureKernel(self._shares, self._means, self._factors)
        offsets = np.array([0, len(self.domain)])
        share = float(kernel.polygon_masses(self.domain, offsets, 1)[0])
        if not share > np.finfo(float).tiny:
            raise ValueError(
                "domain: expected one in which the mixture has mass; all its components are too "
                "far away"
            )
        return share

    @computed
    def _masses(self) -> FloatArray:
        """Masses (k,) of the components on the whole plane."""
        return freeze(self._shares * (self.total_mass / self._share_inside))

    def essential_box(self, tail: float) -> FloatArray:
        """Return a box around the components, without light ones that are part of the tail."""
        allowed = max(tail, 0.0) * self._share_inside
        order = np.argsort(self._shares)
        is_kept = np.ones(len(self), dtype=bool)
        is_kept[order[np.cumsum(self._shares[order]) <= 0.5 * allowed]] = False
        # Half of the tail, in equal shares left, right, below and above.
        reach = UNDERFLOW
        if allowed > 0:
            reach = min(UNDERFLOW, -float(scipy.special.ndtri(allowed / 8)))
        deviations = np.sqrt(np.diagonal(self._covariances, axis1=1, axis2=2))[is_kept]
        means = self._means[is_kept]
        box = np.array(
            [
                (means - reach * deviations).min(axis=0),
                (means + reach * deviations).max(axis=0),
            ]
        )
        if self.domain is None:
            return box
        frame = np.array([self.domain.min(axis=0), self.domain.max(axis=0)])
        cut = np.array([np.maximum(box[0], frame[0]), np.minimum(box[1], frame[1])])
        return cut if (cut[0] < cut[1]).all() else frame

    def values_at(self, points: FloatArray, execution: Execution) -> FloatArray:
        """Return the density at points, zero outside the domain."""
        heights = np.zeros(points.shape[:-1])
        for mean, (xx, yx, yy), mass in zip(self._means, self._factors, self._masses, strict=True):
            gaps = points - mean
            first = gaps[..., 0] / xx
            second = (gaps[..., 1] - yx * first) / yy
            heights += mass / (2 * np.pi * xx * yy) * np.exp(-0.5 * (first**2 + second**2))
        if self.domain is not None:
            sides = np.roll(self.domain, -1, axis=0) - self.domain
            gaps = points[..., None, :] - self.domain
            inside = (sides[:, 0] * gaps[..., 1] >= sides[:, 1] * gaps[..., 0]).all(axis=-1)
            heights = np.where(inside, heights, 0.0)
        return heights

    def draw(self, count: int, rng: np.random.Generator) -> FloatArray:
        """Return independent random points (count, 2) of the mixture."""
        factors = np.zeros((len(self), 2, 2))
        factors[:, [0, 1, 1], [0, 0, 1]] = self._factors
        if self.domain is None:
            chosen = choose(self._shares, count, rng)
            normals = rng.standard_normal((count, 2))
            return np.asarray(
                self._means[chosen] + np.einsum("nij,nj->ni", factors[chosen], normals)
            )
        chosen = choose(self._shares_inside, count, rng)
        points = np.empty((count, 2))
        for k in np.unique(chosen):
            mine = np.flatnonzero(chosen == k)
            points[mine] = sample_gaussian_in_polygon(
                self._means[k], factors[k], self.domain, len(mine), rng
            )
        return points

    @computed
    def _shares_inside(self) -> FloatArray:
        """Shares (k,) of the whole that lie in the domain, by component."""
        assert self.domain is not None
        offsets = np.array([0, len(self.domain)])
        masses = [
            MixtureKernel(
                *(array[k : k + 1] for array in (self._shares, self._means, self._factors))
            ).polygon_masses(self.domain, offsets, 1)[0]
            for k in range(len(self))
        ]
        return np.array(masses)

    def kernel_in(self, frame: Frame, execution: Execution) -> MixtureDensityKernel:
        """Return the integrals of the density in a frame, scaled to mass one."""
        covariances = self._covariances / (frame.scale[:, None] * frame.scale)
        return MixtureDensityKernel(
            self._masses / self.total_mass,
            frame.apply(self._means),
            cholesky_factors(covariances),
            frame.apply(box_corners(self.essential_box(0)) if self.domain is None else self.domain),
            is_cut=self.domain is not None,
            box=frame.apply(self.essential_box(_START_TAIL)),
            execution=execution,
        )

    def pull_back(
        self,
        diagram: DiagramArrays,
        frame: Frame,
        potential: CellPotential,
        execution: Execution = SERIAL,
    ) -> tuple[FloatArray, ...]:
        """Return the derivatives with respect to means, covariances and weights if given."""
        kernel = cast(MixtureDensityKernel, self.kernel(frame, execution))
        # The total mass is held fixed.
        potential = potential.recentred(kernel.moments(diagram))
        has_border = self.domain is not None or diagram.is_cut
        masses, means, covariances = kernel.pull_back(diagram, potential, has_border)
        scale, total = frame.scale, self.total_mass
        found = [total * means / scale]
        xx, xy, yy = total * covariances.T
        xx, xy, yy = xx / scale[0] ** 2, xy / (scale[0] * scale[1]), yy / scale[1] ** 2
        rank = np.ndim(self.covs)
        if rank == 1:
            found.append(xx + yy)
        elif rank == 2:
            found.append(np.stack([xx, yy], axis=1))
        else:  # a change of xy is one of two entries
            found.append(np.array([[xx, 0.5 * xy], [0.5 * xy, yy]]).transpose(2, 0, 1))
        if self.weights is not None:
            weights = check_real_array(self.weights, "weights")
            found.append(masses * total / (weights.sum() * self._share_inside))
        return tuple(found)

    def derivative(self, cells: SolvedCells) -> MixtureDerivative:
        """Return how integrals over the cells change with means, covariances and weights."""
        kernel = cast(MixtureDensityKernel, self.kernel(cells.frame, cells.execution))
        per_weight = None
        if self.weights is not None:
            total_weight = float(check_real_array(self.weights, "weights").sum())
            per_weight = self.total_mass / (total_weight * self._share_inside)
        xx, yx, yy = self._factors.T
        factors = np.array([[xx, np.zeros_like(xx)], [yx, yy]]).transpose(2, 0, 1)
        return MixtureDerivative(
            kernel.cell_matrix(cells),
            self.total_mass,
            MixtureParameters(factors, self._masses, np.ndim(self.covs), per_weight),
            lambda: self.pull_back(cells.diagram, cells.frame, cells.potential, cells.execution),
            lambda: kernel.hermite_integrals(cells),
        )
