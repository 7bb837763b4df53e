# SPDX-License-Identifier: GPL-3.0-or-later
"""What partial transport asks of a density's kernel: integrals over cells cut by discs.

In partial transport only the cheapest part of a density is used. The cell of a site is then its
power cell cut by a disc around it, ``|x - y_i|**2 <= r2_i``; at a solution the squared radii are
the weights. A kernel may leave these methods out: partial transport refuses its density by name.

Discs stay discs in frames of equal scales only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeGuard

from sdot.diagrams import DiagramArrays
from sdot.distributions.density import CellMoments, DensityKernel, EdgeMoments
from sdot.validation import FloatArray

__all__ = ["DiscBorders", "DiscKernel", "DiscMasses", "cuts_discs"]


@dataclass(frozen=True)
class DiscMasses:
    """Masses of cells cut by discs, and how they change with weights and radii.

    With ``a`` the edge weights and ``b`` the arc weights, ``d mass_i / d w_j = -a_ij`` at fixed
    radii, and ``d mass_i / d r2_i = b_i`` at a fixed diagram. Where the squared radii are the
    weights the matrix of Newton's method is the Laplacian of ``a`` plus the diagonal ``b``.

    Attributes
    ----------
    masses : of the cells within their discs (n,).
    edge_weights : the density's integral over the part of each edge within the discs of both its
        sites, over twice the sites' distance (e,). Where ``r2 - w`` is the same for both sites,
        their discs contain the same part.
    arc_weights : half of the density's integral over the angle, along the arcs that bound the cut
        cells (n,).
    """

    masses: FloatArray
    edge_weights: FloatArray
    arc_weights: FloatArray


class DiscBorders(NamedTuple):
    """A density along the borders of cells cut by discs, for second derivatives.

    Attributes
    ----------
    edges : along what of the edges is in the discs, with the weights of `DiscMasses`.
    arcs : along the arcs of each cell. Masses are the arc weights; centroids (n, 2), NaN without an
        arc, and second moments (n, 3), xx, xy, yy about them and times the weight, are those of the
        density over the angle. If site i moves by u, the arcs add
        ``2 arc_weight_i (centroid_i - y_i) . u`` to its mass.
    """

    edges: EdgeMoments
    arcs: CellMoments


class DiscKernel(DensityKernel, Protocol):
    """A kernel whose integrals can be cut by discs around the sites.

    Squared radii (n,) are in frame coordinates; a disc is empty where they are zero or less, and
    the whole plane where they are infinite. The frame has equal scales on both axes.
    """

    def disc_masses(self, diagram: DiagramArrays, squared_radii: FloatArray) -> DiscMasses:
        """Masses of the cells within their discs, with the weights of edges and arcs."""

    def disc_moments(self, diagram: DiagramArrays, squared_radii: FloatArray) -> CellMoments:
        """Moments of order 0, 1, 2 of every cell within its disc."""

    def disc_borders(self, diagram: DiagramArrays, squared_radii: FloatArray) -> DiscBorders:
        """Moments along edges and arcs, for second derivatives."""


def cuts_discs(kernel: DensityKernel) -> TypeGuard[DiscKernel]:
    """Whether a kernel's integrals can be cut by discs.

    By its class: a protocol's ``isinstance`` would compute all properties of the kernel.
    """
    kind = type(kernel)
    return hasattr(kind, "disc_masses") and hasattr(kind, "disc_moments")
