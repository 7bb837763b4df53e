# SPDX-License-Identifier: GPL-3.0-or-later
"""The map of a plan, as methods of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Generic, overload

from sdot.array_types import Array_co, Lists, NumpyArray
from sdot.transport_map import TransportMap

__all__ = ["PlanMap"]


class PlanMap(ABC, Generic[Array_co]):
    """Where the points of the plane go, and the potential there."""

    @property
    @abstractmethod
    def transport_map(self) -> TransportMap:
        """What answers for all points, of any framework."""

    def site_at(self, x: Any) -> Any:
        """Return to which sites points go.

        Parameters
        ----------
        x : array_like, (..., 2)
            Points in any shape.

        Returns
        -------
        array of integers, (...)
            The index of the site whose cell each point is in, of the framework of the points, or of
            the plan's if they are lists or NumPy's. Decided exactly, for the cells of the solve: a
            point on the edge of several cells is in that of the least index, as a point of
            coincident sites is; sites without mass are never found. Outside of the density's domain
            it is the cell of the whole plane, to which the map extends; points are taken modulo the
            period of one that is periodic. In a partial plan -1 outside of all discs.

        Raises
        ------
        ValueError, TypeError
            For points of a wrong shape or type, or with NaN or infinite entries. Inside of a
            compiled function, where nothing can be raised, -1 for all of them.

        Notes
        -----
        See `PowerDiagram.locate` for how, and how quick it is.

        Examples
        --------
        >>> from sdot import Box, SumOfDiracs, optimal_transport_plan
        >>> plan = optimal_transport_plan(SumOfDiracs([[0.2, 0.4], [0.9, 0.4]], [1, 3]), Box())
        >>> plan.site_at([[0.2, 0.9], [0.3, 0.9]])
        array([0, 1])
        """
        return self.transport_map.site_at(x)

    @overload
    def transport(self, x: NumpyArray | Lists) -> Array_co: ...

    @overload
    def transport(self, x: Any) -> Any: ...

    def transport(self, x: Any) -> Any:
        """Return where the optimal (Brenier's) map sends points: to the site of their cell.

        Parameters
        ----------
        x : array_like, (..., 2)
            Points in any shape.

        Returns
        -------
        array, (..., 2)
            Positions of sites, of the framework of the points, or of the plan's if they are lists
            or NumPy's; of a periodic density those of the copies that are nearest to the points.
            See `site_at` for points on edges and outside of the domain. It can be
            differentiated in the positions; in the points its derivative is zero, but for jumps.

        Raises
        ------
        ValueError, TypeError
            As in `site_at`; inside of a compiled function NaN.

        Examples
        --------
        >>> from sdot import Box, SumOfDiracs, optimal_transport_plan
        >>> plan = optimal_transport_plan(SumOfDiracs([[0.2, 0.4], [0.9, 0.4]], [1, 3]), Box())
        >>> plan.transport([[0.2, 0.9], [0.3, 0.9]])
        array([[0.2, 0.4],
               [0.9, 0.4]])
        """
        return self.transport_map.transport(x)

    @overload
    def potential(self, x: NumpyArray | Lists) -> Array_co: ...

    @overload
    def potential(self, x: Any) -> Any: ...

    def potential(self, x: Any) -> Any:
        """Return the potential on the density's side, ``phi(x) = min_i |x - y_i|**2 - w_i``.

        Parameters
        ----------
        x : array_like, (..., 2)
            Points in any shape, of the whole plane.

        Returns
        -------
        array, (...)
            With w the `potentials`: ``masses @ potentials`` and the integral of phi against the
            density are W2^2 in sum. Of the framework of the points, or of the plan's if they are
            lists or NumPy's. Its gradient is ``2 * (x - transport(x))``. It can be differentiated
            in the points and in all that the plan was made of, through positions and potentials.

        Raises
        ------
        ValueError, TypeError
            As in `site_at`; inside of a compiled function NaN.

        Examples
        --------
        >>> from sdot import Box, SumOfDiracs, optimal_transport_plan
        >>> plan = optimal_transport_plan(SumOfDiracs([[0.2, 0.4]]), Box())
        >>> plan.potential([[0.2, 0.4], [0.2, 0.9]])
        array([0.  , 0.25])
        """
        return self.transport_map.potential(x)
