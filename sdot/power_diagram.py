# SPDX-License-Identifier: GPL-3.0-or-later
"""Power (Laguerre) diagrams of weighted sites."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from sdot.cached_property import cached_property
from sdot.cut_cells import CutCells
from sdot.diagram_integrals import (
    CellIntegrals,
    EdgeIntegrals,
    MassJacobian,
    cell_integrals,
    edge_integrals,
    mass_jacobian,
)
from sdot.diagrams import IndexArray
from sdot.distributions.density import Density, check_density
from sdot.drawing import Drawn
from sdot.driver import driver
from sdot.notebook import box_text, range_text
from sdot.torus_cells import edges_on_torus
from sdot.validation import check_points, freeze

__all__ = ["PowerDiagram"]


class PowerDiagram(Drawn, CutCells):
    """The power diagram of weighted sites, cut to a domain.

    The cell of site ``i`` is the set of points ``x`` with
    ``|x - y_i|**2 - w_i <= |x - y_j|**2 - w_j`` for all ``j``. It may be empty (the site is
    hidden), and it may be unbounded if there is no domain. Of coincident sites the heaviest
    has the cell, the first one if several are. With equal weights this is the Voronoi diagram.

    Parameters
    ----------
    positions : array_like, (n, 2)
        The sites.
    weights : array_like, (n,), optional
        Their weights, squared lengths of either sign. All zero by default.
    domain : array_like, optional
        ``((x_min, y_min), (x_max, y_max))`` or the corners (k, 2) of a convex polygon,
        counter-clockwise. None for the whole plane. `clip` cuts to any simple polygon.
    period : pair of float, optional
        ``(a, b)``: on a torus with these periods. The domain then is a box with these sides,
        ``((0, 0), (a, b))`` by default, sites are taken modulo the period, and cells may come in
        several `parts`, cut by the sides of the domain.

    Attributes
    ----------
    positions, weights, domain : the arguments as read-only float64 arrays.
    period : the periods (2,), None in the plane.
    region : None, or the rings (k, 2) of the region within ``domain`` to which cells are cut,
        if it is not convex: that of a density, or of `clip`.

    Raises
    ------
    ValueError, TypeError
        For arrays of a wrong shape or type, or with NaN or infinite entries.

    Notes
    -----
    The combinatorics are exact (CGAL's regular triangulation with exact predicates); corners
    are rounded to double. Time is O(n log n). All arrays are read-only.

    Examples
    --------
    >>> from sdot import PowerDiagram
    >>> diagram = PowerDiagram([[0.25, 0.5], [0.75, 0.5]], [0.0, 0.1], domain=((0, 0), (1, 1)))
    >>> diagram.areas.round(6).tolist()
    [0.4, 0.6]
    """

    plotter = "plot_diagram"

    def __repr__(self) -> str:
        where = "the plane" if self.domain is None else f"a polygon of {len(self.domain)} corners"
        if self.region is not None:
            where = f"a region of {sum(len(ring) for ring in self.region)} corners"
        if self.period is not None:
            where = f"a torus with periods {self.period[0]:g} and {self.period[1]:g}"
        return f"PowerDiagram({len(self)} sites in {where}, {len(self.hidden_sites)} hidden)"

    @property
    def _facts(self) -> Mapping[str, str]:
        """What a notebook's table says of it."""
        known = {"sites": str(len(self)), "without a cell": str(len(self.hidden_sites))}
        if self.domain is not None:
            known["torus" if self.period is not None else "domain"] = box_text(self.domain)
            known["areas"] = range_text(self.areas)
        return {**known, "weights": range_text(self.weights)}

    @cached_property
    def edges(self) -> IndexArray:
        """Pairs of neighbouring sites, the smaller first, sorted (e, 2).

        Neighbours in the plane: the edge between them may lie outside the domain. On a torus each
        pair once, though their cells may share several edges, and none of a site with itself.
        """
        if self.torus is not None:
            return freeze(edges_on_torus(self._placed, self.torus))
        pairs = np.sort(self._placed.edge_sites, axis=1)
        return freeze(pairs[np.lexsort(pairs.T[::-1])])

    @cached_property
    def neighbors(self) -> tuple[IndexArray, ...]:
        """The neighbours of each site, in increasing order."""
        both = np.concatenate([self.edges, self.edges[:, ::-1]])
        both = both[np.lexsort(both.T[::-1])]
        ends = np.cumsum(np.bincount(both[:, 0], minlength=len(self)))[:-1]
        return tuple(freeze(part) for part in np.split(both[:, 1], ends))

    def locate(self, x: Any) -> npt.NDArray[np.int64]:
        """Return in whose cells points are.

        Parameters
        ----------
        x : array_like, (..., 2)
            Points in any shape, of any framework.

        Returns
        -------
        numpy.ndarray, (...)
            For each point the index of the site ``i`` with the least ``|x - y_i|**2 - w_i``, int64:
            decided exactly, as the diagram itself is. Of sites that are equally near it is the
            first. A site without a cell is never found, but every point has one that is: outside
            of the domain, to which cells are only cut, it is the one of the whole plane.

        Raises
        ------
        ValueError, TypeError
            For points of a wrong shape or type, or with NaN or infinite entries.

        Notes
        -----
        Walks from cell to cell, for many points along a space-filling curve: O(1) for each of as
        many points as sites or more, O(n**(1/3)) for a single one, where sites lie evenly. On all
        threads of `sdot.driver`.

        Examples
        --------
        >>> from sdot import PowerDiagram
        >>> diagram = PowerDiagram([[0.25, 0.5], [0.75, 0.5]], weights=[0.2, 0.0])
        >>> diagram.locate([[0.0, 0.5], [0.6, 0.5], [0.9, 0.5]])
        array([0, 0, 1])
        """
        points = check_points(x, "x")
        if self.torus is not None:
            points = self.torus.wrap(points)
        return self._placed.locate(points, driver.execution)

    def moments(self, density: Density) -> CellIntegrals:
        """Return the masses, centroids and second moments of a density over the cells.

        Parameters
        ----------
        density : Density
            Of any kind; its total mass need not be one. Its arrays are read as they are now.

        Returns
        -------
        CellIntegrals
            A named tuple of NumPy arrays: ``masses`` (n,), ``centroids`` (n, 2) and
            ``second_moments`` (n, 2, 2) about the centroids. Over the cells in the domain, if the
            diagram has one; exact up to rounding, as in a solve, and as quick.

        Raises
        ------
        TypeError
            If it is not a density.
        ValueError
            If cells are cut to a region that is not convex, and not that of the density; if the
            density and the diagram are not on the same torus.

        Examples
        --------
        >>> from sdot import Box, PowerDiagram
        >>> diagram = PowerDiagram([[0.5, 0.5], [1.5, 0.5]])
        >>> masses, centroids, second_moments = diagram.moments(Box(((0, 0), (2, 1)), mass=2))
        >>> masses, centroids
        (array([1., 1.]), array([[0.5, 0.5],
               [1.5, 0.5]]))
        """
        density = self._own_density(density)
        found = cell_integrals(self._placed, density, self.domain, self.region)
        if self.torus is None:
            return found
        return found._replace(centroids=freeze(self._seen_from_sites(found.centroids)))

    def edge_moments(self, density: Density) -> EdgeIntegrals:
        """Return the moments of a density along the edges between cells.

        They are the derivatives of integrals over the cells: with ``a`` the weight of the edge of
        cells i and j, ``c`` its centroid and s its spread, a larger weight of site i brings
        ``a * h(c)`` of the integral of an affine function h from cell j to cell i, and of that of
        ``|x - z|**2``, for any point z, ``a * (|c - z|**2 + s)``.

        Parameters
        ----------
        density : Density
            Zero outside of the diagram's domain, if it has one.

        Returns
        -------
        EdgeIntegrals
            A named tuple of NumPy arrays, for edges with mass: ``sites`` (e, 2), ``weights`` (e,),
            which are the entries of `mass_jacobian`, ``centroids`` (e, 2) and ``spreads`` (e,).

        Raises
        ------
        TypeError
            If it is not a density.
        ValueError
            If the density reaches beyond the domain or region, or for a diagram on a torus.
        NotDifferentiableError
            If an edge lies along a jump of the density.

        Examples
        --------
        >>> from sdot import Box, PowerDiagram
        >>> edges = PowerDiagram([[0.25, 0.5], [0.75, 0.5]]).edge_moments(Box())
        >>> edges.sites, edges.weights, edges.centroids
        (array([[0, 1]], dtype=int32), array([1.]), array([[0.5, 0.5]]))
        """
        self._refuse_torus(
            "edge_moments", "where an edge has a place for each of its sites; use mass_jacobian"
        )
        density = self._own_density(density)
        return edge_integrals(self._placed, density, self.domain, self.region)

    def mass_jacobian(self, density: Density) -> MassJacobian:
        """Return the derivatives of the cells' masses with respect to weights and positions.

        Parameters
        ----------
        density : Density
            Zero outside of the diagram's domain, if it has one.

        Returns
        -------
        MassJacobian
            A named tuple of `scipy.sparse.csr_array`: ``weights`` (n, n), the symmetric graph
            Laplacian that is the matrix of Newton's method, and ``positions`` (n, 2 n), with the
            coordinates of all sites in a row. Both have columns of sum zero: no mass is lost.
            Zero for sites without a cell. Formulas: the mathematics page (de Gournay, Kahn and
            Lebrat, 2019).

        Raises
        ------
        TypeError
            If it is not a density.
        ValueError
            If the density reaches beyond the domain or region, or is not on the same torus.
        NotDifferentiableError
            If an edge lies along a jump of the density.

        Examples
        --------
        >>> from sdot import Box, PowerDiagram
        >>> diagram = PowerDiagram([[0.25, 0.5], [0.75, 0.5]])
        >>> diagram.mass_jacobian(Box()).weights.toarray()
        array([[ 1., -1.],
               [-1.,  1.]])
        """
        density = self._own_density(density)
        places = self.positions if self.torus is None else self.torus.wrap(self.positions)
        return mass_jacobian(self._placed, places, density, self.domain, self.region)

    def _own_density(self, density: Any) -> Density:
        """Return a density, if it is on the same torus as the diagram or both are in the plane."""
        own: Density = check_density(density)
        here, there = self.torus, own.torus
        if here is None and there is None:
            return own
        if here is None or there is None or not here.is_like(there):
            raise ValueError(
                "density: expected one that is periodic, on the domain of the diagram, for a "
                f"diagram on a torus, and else one that is not, not {own!r} for {self!r}"
            )
        return own
