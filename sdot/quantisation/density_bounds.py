# SPDX-License-Identifier: GPL-3.0-or-later
"""Bounds on W2^2 between two densities, by way of a quantisation of the first.

Cut f into cells of masses m_i and barycentres b_i (`partition.py`), and let D be the integral of
|x - b_i|^2 against f, cell by cell. With mu = sum_i m_i delta_{b_i}, solve mu -> g: weights w_i,
and phi(z) = min_i |z - b_i|^2 - w_i on the side of g.

- Upper bound. Glue the plans f -> mu -> g along mu: given the cell i, x - b_i has mean zero and is
  independent of z, so the cost is D + W2^2(mu, g).
- Lower bound. On a convex domain K that contains the support of g let

      psi(x) = min over z in K of |x - z|^2 - phi(z).

  Then psi(x) + phi(z) <= |x - z|^2, and W2^2(f, g) >= integral of psi f + integral of phi g. Up to
  |x|^2 what is minimised is affine on every power cell of the (b_i, w_i), and convex: the minimum
  is at a vertex v of their diagram cut to K. So psi(x) = min_v |x - v|^2 - phi(v) is the potential
  of the power diagram of the vertices with weights phi(v), and both integrals are moments of cells.
  (That diagram is degenerate by nature: around every b_i as many of its cells meet as cell i has
  corners. Its combinatorics are decided exactly; what rounding of v and phi(v) leaves of the
  degeneracy moves cells of next to no mass.)
- Lower bounds if g has no bounded domain: by the triangle inequality W2(f, g) >= W2(mu, g) -
  sqrt(D); and that of normal laws with the same means and covariances (Gelbrich, Math. Nachr. 147,
  1990), which is the distance itself if f and g are affine images of each other.

Means are split off first, W2^2 = M |mean f - mean g|^2 + W2^2 of what is left, so that all
potentials have the size of the densities wherever these are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from sdot.cached_property import cached_property
from sdot.diagrams import DiagramArrays
from sdot.distributions.density import CellPotential, Density, Frame
from sdot.errors import ConvergenceError
from sdot.execution import Execution
from sdot.quantisation.energies import isotropic_frame
from sdot.quantisation.partition import Partition, Whole, whole
from sdot.solver.solution import Solution
from sdot.solver.solve import Options, solve
from sdot.validation import FloatArray

__all__ = ["GluedBounds", "Transform", "glued_bounds"]

_UNIT = 2.0**-53
# Roundings of a term of the bounds, beyond those of moments.
_OF_A_TERM = 64.0


class Transform(NamedTuple):
    """The c-transform psi of phi, as the potential of a power diagram in a frame."""

    diagram: DiagramArrays
    frame: Frame
    potential: CellPotential


@dataclass(frozen=True, eq=False)
class GluedBounds:
    """What follows from a partition of a density and the plan from its barycentres to another.

    Attributes
    ----------
    first, second : the densities f and g, of the same mass.
    partition : of the first.
    shift : the mean of the second less that of the first (2,).
    solution : the plan to g from the barycentres, moved by the shift.
    wholes : the moments of f and g.
    """

    first: Density
    second: Density
    partition: Partition
    shift: FloatArray
    solution: Solution
    wholes: tuple[Whole, Whole]
    execution: Execution

    @property
    def mass(self) -> float:
        """The mass transported."""
        return self.wholes[1].mass

    @cached_property
    def upper(self) -> float:
        """The upper bound, with what the solve and rounding leave open."""
        solution = self.solution
        glued = self.partition.spread + solution.value + solution.error_bound
        return self._apart + glued + self._rounding

    @cached_property
    def lower(self) -> float:
        """The lower bound: by duality if g has a bounded domain."""
        if not self.is_dual:
            return self._lower_in_the_plane
        transform = self.transform
        kernel = self.first.kernel(transform.frame, self.execution)
        on_first = self.mass * transform.potential.integral(kernel.moments(transform.diagram))
        # Of weights with mean zero the dual value is the integral of phi.
        mean = float((self.solution.masses * self.solution.potentials).sum())
        return self._apart + self.solution.value - mean + on_first - self._rounding

    @property
    def is_dual(self) -> bool:
        """Whether the lower bound comes from a pair of potentials."""
        return self.second.domain is not None

    @cached_property
    def transform(self) -> Transform:
        """The c-transform, with the means split off, in the coordinates of f."""
        vertices, heights = self._vertices
        frame = isotropic_frame(self.first)
        sites = frame.apply(vertices - self.shift)
        scale = float(frame.scale[0])
        diagram = DiagramArrays.build(sites, heights / scale**2, self.execution)
        potential = CellPotential(frame.scale**2, sites, np.zeros_like(sites), heights)
        return Transform(diagram, frame, potential)

    @cached_property
    def _vertices(self) -> tuple[FloatArray, FloatArray]:
        """The vertices (k, 2) of the power diagram in the domain of g, and phi there."""
        solution, domain = self.solution, self.second.domain
        assert domain is not None
        frame = solution.normalisation.frame
        corners, offsets = solution.diagram.polygons(frame.apply(domain), self.execution)
        # Once each: cells that meet in a vertex have the same bits of it.
        _, once = np.unique(corners[:, 0] + 1j * corners[:, 1], return_index=True)
        cells = np.searchsorted(offsets, once, side="right") - 1
        potential, corners = solution.cell_potential, corners[once]
        heights = potential.at(cells, corners) - potential.common
        return frame.origin + frame.scale * corners, heights

    @property
    def _apart(self) -> float:
        return self.mass * float((self.shift**2).sum())

    @property
    def _lower_in_the_plane(self) -> float:
        far = math.sqrt(max(self.solution.value - self.solution.error_bound, 0.0))
        by_triangle = max(far - math.sqrt(self.partition.spread), 0.0) ** 2
        least = max(by_triangle, _gelbrich(*self.wholes))
        return max(self._apart + least - self._rounding, 0.0)

    @cached_property
    def _rounding(self) -> float:
        """What the rounding of masses, moments and potentials comes to, to first order."""
        sizes = sum(float(np.trace(part.second_moments)) for part in self.wholes)
        potentials = float((self.solution.masses * np.abs(self.solution.potentials)).sum())
        kernels = (
            self.first.kernel(self.partition.frame, self.execution),
            self.second.kernel(self.solution.normalisation.frame, self.execution),
        )
        roundings = _OF_A_TERM + sum(kernel.rounding.relative for kernel in kernels)
        roundings += math.log2(len(self.partition.masses) + 1)
        return _UNIT * roundings * (self._apart + 2.0 * sizes + potentials)


def glued_bounds(
    first: Density, second: Density, partition: Partition, tol: float, execution: Execution
) -> GluedBounds:
    """Solve for the barycentres of a partition of the first density.

    Raises
    ------
    ConvergenceError
        If masses do not become right to ``tol``.
    """
    wholes = whole(first, execution), whole(second, execution)
    shift = wholes[1].mean - wholes[0].mean
    masses = partition.masses * (second.total_mass / partition.masses.sum())
    positions = partition.barycenters + shift
    solution = solve(positions, masses, second, Options(tol), execution=execution)
    if not solution.status.converged:
        raise ConvergenceError(f"distance_bounds: {solution.status.message}")
    return GluedBounds(first, second, partition, shift, solution, wholes, execution)


def _gelbrich(first: Whole, second: Whole) -> float:
    """W2^2 between centred normal laws of these covariances, times the mass; not above it."""
    a, b = first.second_moments / first.mass, second.second_moments / second.mass
    # The trace of the root of a matrix of two rows, from its trace and determinant.
    determinant = max(_determinant(a), 0.0) * max(_determinant(b), 0.0)
    product = max(float((a * b).sum()), 0.0) + 2.0 * math.sqrt(determinant)
    return second.mass * float(np.trace(a) + np.trace(b) - 2.0 * math.sqrt(product))


def _determinant(a: FloatArray) -> float:
    """At least the determinant, whatever its rounding."""
    sizes = a[0, 0] * a[1, 1]
    return float(sizes - a[0, 1] ** 2 + 8.0 * _UNIT * sizes)
