# SPDX-License-Identifier: GPL-3.0-or-later
"""A partial transport problem in well-scaled coordinates, and what weights make of it.

With less mass at the sites than the density has, only its cheapest part is used. The dual

    G(w) = sum_i m_i w_i + integral of min(0, min_i |x - y_i|**2 - w_i) against the density

is concave, and no constant in w is free: cells are power cells cut by the discs
``|x - y_i|**2 <= w_i``. Its gradient is the masses that are missing; the mass of a cell grows with
its own weight through its edges, as without discs, and through its arcs, by half of the density's
integral over their angle. What is outside of all discs is like one more cell, of a site at distance
zero from everything: the arcs are its edges.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from sdot.cached_property import cached_property
from sdot.diagrams import DiagramArrays
from sdot.distributions.density import CellMoments
from sdot.distributions.disc_kernel import DiscKernel
from sdot.solver.problem import Evaluation, TransportProblem, sum_of_two
from sdot.validation import FloatArray

__all__ = ["PartialEvaluation", "PartialProblem"]


@dataclass(frozen=True, eq=False)
class PartialEvaluation(Evaluation):
    """Cells cut by discs, their masses and the Newton matrix's entries at given weights.

    Attributes
    ----------
    arc_weights : how much mass a cell gains through its arcs for a change of its weight (n,).
    """

    arc_weights: FloatArray

    @cached_property
    def unused(self) -> float:
        """The share of the density outside of all discs."""
        return 1.0 - float(self.masses.sum())


@dataclass(frozen=True, eq=False)
class PartialProblem(TransportProblem):
    """Distinct sites whose masses sum to less than one, and a density of mass one."""

    kernel: DiscKernel

    @cached_property
    def unused(self) -> float:
        """The share of the density that is left."""
        return 1.0 - float(self.masses.sum())

    def integrate(self, diagram: DiagramArrays) -> PartialEvaluation:
        """Integrate the density over the cells of a diagram within their discs."""
        found = self.kernel.disc_masses(diagram, diagram.weights)
        return PartialEvaluation(
            diagram, found.masses, found.edge_weights, self.masses, found.arc_weights
        )

    def moments(self, diagram: DiagramArrays) -> CellMoments:
        """Moments of the cells within their discs."""
        return self.kernel.disc_moments(diagram, diagram.weights)

    def stepped(
        self, evaluation: PartialEvaluation, step: FloatArray, rebuild: bool = True
    ) -> PartialEvaluation | None:
        """Evaluate at the weights plus a step; None if a site seems to have lost its cell."""
        found = self.moved(evaluation, step, rebuild)
        assert found is None or isinstance(found, PartialEvaluation)
        return found

    def raised(self, diagram: DiagramArrays, height: float) -> PartialEvaluation:
        """Evaluate with all weights of a diagram greater by so much: its cells stay."""
        high, low = sum_of_two(diagram.weights, diagram.low_weights + height)
        return self.integrate(dataclasses.replace(diagram, weights=high, low_weights=low))
