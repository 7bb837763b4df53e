# SPDX-License-Identifier: GPL-3.0-or-later
"""What is minimised over the positions of sites: the cost of transport from a density to them.

With masses m_i that are given it is F(y) = W2^2(sum_i m_i delta_{y_i}, rho), and the cells are
power cells; with free masses the integral of min_i |x - y_i|^2, and they are Voronoi cells. In both
cases

    F(y) = sum_i integral over C_i of |x - y_i|^2,     dF/dy_i = 2 m_i (y_i - b_i),

b_i the barycentre of cell i and m_i its mass, by the envelope theorem: the cells are the best ones
for y. And F is a quadratic function, sum_i m_i |y_i|^2 for given masses, minus a convex one, so
that Lloyd's step y <- b is a gradient step that never increases it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from sdot.cached_property import cached_property
from sdot.diagrams import DiagramArrays
from sdot.distributions.density import Density, Frame
from sdot.distributions.memory import Memory
from sdot.errors import ConvergenceError
from sdot.execution import SERIAL, Execution
from sdot.periodic_diagrams import PeriodicBuilder, Torus, torus_of
from sdot.solver.solution import Solution
from sdot.solver.solve import Options, solve
from sdot.validation import FloatArray

__all__ = ["Energy", "FixedMasses", "FreeMasses", "Quantised", "isotropic_frame"]

# The size of a density is that of a box with all but this share of its mass.
_TAIL = 1e-3
# A solve that has stalled with smaller mass errors is good enough to go on with.
_USABLE = 1e-6
_NEWTON_STEPS = 2000
# How much energies may differ that are the same for masses without errors, and how much smaller
# these have to be where they differ by more.
_AGREEMENT, _TIGHTER = 0.1, 0.03


@dataclass(frozen=True, eq=False)
class Quantised:
    """Sites, and their cells.

    Attributes
    ----------
    positions, masses, barycenters : sites (n, 2), and what the density has in their cells; sites
        without mass are their own barycentres.
    gaps : positions less barycenters (n, 2), formed before these were rounded.
    value : the energy.
    accuracy : the relative error that masses may have.
    """

    positions: FloatArray
    masses: FloatArray
    barycenters: FloatArray
    gaps: FloatArray
    value: float
    accuracy: float

    @cached_property
    def gradient(self) -> FloatArray:
        """The derivative (n, 2) of the energy."""
        return np.asarray(2.0 * self.masses[:, None] * self.gaps)

    @cached_property
    def relative_gradient(self) -> float:
        """The gradient's norm relative to the energy: see `lloyd`."""
        moved = float((self.masses * (self.gaps**2).sum(axis=1)).sum())
        return math.sqrt(moved / self.value) if self.value > 0 else 0.0


class Energy(Protocol):
    """A function of the positions of sites."""

    diagrams: int  # built so far

    def at(self, positions: FloatArray, accuracy: float) -> Quantised:
        """Return the cells of sites (n, 2), with masses right to a relative accuracy."""


class FixedMasses:
    """The energy of sites whose masses are given: `at` starts from the last solution."""

    def __init__(self, density: Density, masses: FloatArray, execution: Execution) -> None:
        self._density, self._execution = density, execution
        self._masses = masses * (density.total_mass / masses.sum())
        self._memory = Memory()
        self.diagrams = 0

    def at(self, positions: FloatArray, accuracy: float) -> Quantised:
        """Return the power cells with the masses that are given.

        Where small masses in wrong cells cost much, as between parts that are far from each other,
        the masses are right to more than is asked for.
        """
        solution = self._solved(positions, accuracy)
        while not _agrees(solution) and accuracy > _USABLE:
            accuracy *= _TIGHTER
            solution = self._solved(positions, accuracy)
        heavy = (self._masses > 0)[:, None]
        return Quantised(
            positions,
            self._masses,
            np.where(heavy, solution.barycenters, positions),
            np.where(heavy, solution.gaps, 0.0),
            solution.value,
            accuracy,
        )

    def _solved(self, positions: FloatArray, accuracy: float) -> Solution:
        solution = solve(
            positions,
            self._masses,
            self._density,
            Options(accuracy, _NEWTON_STEPS, warm_start=True),
            [self._memory],
            execution=self._execution,
        )
        status = solution.status
        self.diagrams += status.diagrams
        if not status.converged and status.mass_error > _USABLE:
            raise ConvergenceError(f"cells of these masses: {status.message}")
        return solution


def _agrees(solution: Solution) -> bool:
    """Whether the dual value and the cost of the plan are the same but for small errors."""
    gap = abs(solution.primal_value - solution.value)
    return gap <= _AGREEMENT * solution.primal_value


class FreeMasses:
    """The energy of sites that get whatever is nearest to them: that of k-means."""

    def __init__(self, density: Density, execution: Execution) -> None:
        self._frame = isotropic_frame(density)
        self._kernel = density.kernel(self._frame, execution)
        self._mass, self._execution = density.total_mass, execution
        self._torus = density.torus
        self.diagrams = 0

    def at(self, positions: FloatArray, accuracy: float) -> Quantised:
        """Return the Voronoi cells."""
        places = positions if self._torus is None else self._torus.wrap(positions)
        sites = self._frame.apply(places)
        in_frame = None if self._torus is None else torus_of(self._kernel.box)
        diagram = voronoi_diagram(sites, in_frame, self._execution)
        self.diagrams += 1
        found = self._kernel.moments(diagram)
        filled = (found.masses > 0)[:, None]
        gaps = np.where(filled, sites - found.centroids, 0.0)
        moved = (found.masses * (gaps**2).sum(axis=1)).sum()
        spread = found.second_moments[:, [0, 2]].sum()
        scale = float(self._frame.scale[0])
        barycenters = self._frame.origin + scale * found.centroids
        if self._torus is not None:
            barycenters += positions - places
        return Quantised(
            positions,
            self._mass * found.masses,
            np.where(filled, barycenters, positions),
            scale * gaps,
            self._mass * scale**2 * float(moved + spread),
            accuracy,
        )


def voronoi_diagram(
    sites: FloatArray, torus: Torus | None, execution: Execution = SERIAL
) -> DiagramArrays:
    """Return the Voronoi diagram of sites (n, 2), on a torus if there is one: then within it."""
    weights = np.zeros(len(sites))
    if torus is None:
        return DiagramArrays.build(sites, weights, execution)
    return PeriodicBuilder(sites, torus, execution).build(weights)


def isotropic_frame(density: Density) -> Frame:
    """Return well-scaled coordinates in which what is nearest is nearest."""
    low, high = density.essential_box(_TAIL)
    return Frame(low, np.full(2, (high - low).max()))
