# SPDX-License-Identifier: GPL-3.0-or-later
"""The optimal transport plan between Diracs and a density."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic

import numpy as np
import scipy

from sdot.array_types import Array_co, Scalar_co
from sdot.cached_property import cached_property
from sdot.cut_cells import non_convex
from sdot.derivatives import Linearisation, hessian_operator
from sdot.distributions.density import Density
from sdot.distributions.sum_of_diracs import SumOfDiracs
from sdot.drawing import Drawn
from sdot.driver import driver
from sdot.interpolation import Interpolation, check_time
from sdot.notebook import range_text
from sdot.plan_cells import PlanLocation, cell_spreads, solved_cells
from sdot.plan_map import PlanMap
from sdot.power_diagram import PowerDiagram
from sdot.records import Record
from sdot.results import PlanArrays, ResultFormat
from sdot.solver.solution import Solution, Status
from sdot.transport_map import TransportMap
from sdot.validation import FloatArray

__all__ = ["OtPlan"]

_NOT_KEPT = (
    "OtPlan: expected a plan that was made outside of functions that JAX or torch.func transforms, "
    "not one of arrays only; for {} make it outside, from the same arguments"
)


@dataclass(frozen=True, eq=False)
class OtPlan(Drawn, PlanMap[Array_co], Record, Generic[Array_co, Scalar_co]):
    """The optimal transport plan between Diracs and a density.

    Results are arrays of the caller's framework, dtype and device. `distance`, `barycenters`,
    `cell_masses` and `potentials` can be differentiated in everything that the plan was made of, in
    JAX and in PyTorch: the first twice, the others once. A plan that was made in a function that
    JAX or `torch.func` transforms has these only, with `positions` and `masses`, and there the map:
    `site_at`, `transport` and `potential`. It is a JAX pytree of the former and of ``status``.

    Attributes
    ----------
    status : Status
        Whether it converged, the mass error reached, Newton steps, a message. In a transformed
        function an array of codes: 0 converged; 1 failed, with NaN in every output.

    Examples
    --------
    >>> from sdot import Box, SumOfDiracs, optimal_transport_plan
    >>> sites = SumOfDiracs([[0.25, 0.5], [0.5, 0.5]], weights=[1.0, 3.0])
    >>> plan = optimal_transport_plan(sites, Box(((0, 0), (1, 1))))
    >>> round(float(plan.distance), 6), plan.error_bound < 1e-8
    (0.135417, True)
    >>> plan.power_diagram.areas.round(6).tolist()
    [0.25, 0.75]
    """

    status: Any
    _solution: Solution | None
    _density: Density | None
    _format: ResultFormat
    _arrays: PlanArrays | None = None  # if they can be differentiated
    _map: TransportMap | None = None  # within a transformed function

    plotter = "plot_plan"

    @classmethod
    def of_arrays(cls, arrays: PlanArrays, result: ResultFormat) -> OtPlan:
        """Return a plan of nothing but what `arrays` has taken out of one."""
        return cls(arrays.status, None, None, result, arrays)

    @property
    def arrays(self) -> PlanArrays:
        """The outputs; ``status`` as a code."""
        if self._arrays is not None and self._solution is None:
            return self._arrays
        return PlanArrays(
            status=np.int8(0 if self._solved.status.converged else 1),
            distance=self.distance,
            potentials=self.potentials,
            barycenters=self.barycenters,
            cell_masses=self.cell_masses,
            positions=self.positions,
            masses=self.masses,
        )

    @property
    def _facts(self) -> Mapping[str, str]:
        """What a notebook's table says of it."""
        if self._solution is None:
            return {}
        solution = self._solution
        unused = {"unused mass": f"{solution.unused_mass:.6g}"} if self.is_partial else {}
        return {
            "sites": str(len(solution.positions)),
            "W2^2": f"{solution.value:.10g}",
            **unused,
            "error bound": f"{self.error_bound:.1e}",
            "status": self.status.message,
            "potentials": range_text(solution.potentials),
            "density": repr(self._density),
        }

    @property
    def format(self) -> ResultFormat:
        """Framework, dtype and device of the outputs."""
        return self._format

    def __getstate__(self) -> dict[str, Any]:
        """Return what is pickled and copied: no graph of derivatives goes along."""
        state = super().__getstate__()
        return {**state, "_map": None} if self._solution is None else {**state, "_arrays": None}

    def check_parts(self) -> None:
        """Refuse parts of other kinds."""
        if self._solution is None:  # of a transformed function
            return
        parts = (self.status, self._solution, self._density, self._format)
        kinds = (Status, Solution, Density, ResultFormat)
        if not all(map(isinstance, parts, kinds)):
            raise TypeError(f"not {[type(part).__name__ for part in parts]}")

    @property
    def density(self) -> Density:
        """The density that was transported."""
        if self._density is None:
            raise TypeError(_NOT_KEPT.format("density"))
        return self._density

    @property
    def _solved(self) -> Solution:
        if self._solution is None:
            raise TypeError(_NOT_KEPT.format("this"))
        return self._solution

    @cached_property
    def distance(self) -> Scalar_co:
        """W2^2, the squared distance (the dual value): a scalar."""
        found: Scalar_co = self._output("distance")
        return found

    def _output(self, name: str) -> Any:
        """Return an output: the array that can be differentiated, if there is one."""
        if self._arrays is not None:
            return getattr(self._arrays, name)
        in_solution = "value" if name == "distance" else name
        return self._format.convert(getattr(self._solved, in_solution))

    @property
    def error_bound(self) -> float:
        """A rigorous upper bound on ``|distance - W2^2|``, before rounding to the caller's dtype.

        By duality: ``distance`` is the dual value, a lower bound of W2^2 up to rounding, and by
        concavity it misses at most the mass residual times half the range by which the potentials
        can still differ. A smaller ``tol`` makes it smaller. (Derived on the mathematics page.)
        """
        return self._solved.error_bound

    @cached_property
    def positions(self) -> Array_co:
        """The sites (n, 2)."""
        found: Array_co = self._output("positions")
        return found

    @cached_property
    def masses(self) -> Array_co:
        """The masses (n,) of the sites, in sum that of the density; `cell_masses` up to `tol`."""
        found: Array_co = self._output("masses")
        return found

    @cached_property
    def spreads(self) -> Array_co:
        """The second moments (n, 2, 2) of the density over each cell about its barycentre.

        Integrals of ``(x - b_i) (x - b_i)^T``, so that ``distance`` is the sum of their traces and
        of ``cell_masses * |y_i - b_i|**2``. Coincident sites have shares of their cell's, sites
        without mass zeros. Found when they are asked for, and without derivatives.
        """
        spreads = cell_spreads(self._solved, self.density, driver.execution)
        found: Array_co = self._format.convert(spreads)
        return found

    @cached_property
    def barycenters(self) -> Array_co:
        """The centroid (n, 2) of the density over each cell; NaN where a cell has no mass.

        Coincident sites share a cell and its barycentre.
        """
        found: Array_co = self._output("barycenters")
        return found

    @cached_property
    def cell_masses(self) -> Array_co:
        """The mass (n,) of the density in each cell, to ``status.mass_error`` that of its site.

        Coincident sites share a cell's mass in proportion to their own.
        """
        found: Array_co = self._output("cell_masses")
        return found

    @cached_property
    def potentials(self) -> Array_co:
        """The weights w (n,) of the power diagram: Kantorovich potentials on the sites.

        Their mass-weighted mean is zero. The potential on the density's side is
        ``phi(x) = min_i |x - y_i|**2 - w_i``. In a partial plan they are the squared radii of the
        discs that cut the cells, and phi is zero outside of all discs.
        """
        found: Array_co = self._output("potentials")
        return found

    @cached_property
    def unused_mass(self) -> Scalar_co:
        """The mass of the density that goes to no site: zero unless the plan is partial."""
        found: Scalar_co = self._format.convert(self._solved.unused_mass)
        return found

    @property
    def is_partial(self) -> bool:
        """Whether a part of the density is left, so that discs cut the cells."""
        return self._solved.squared_radii is not None

    @property
    def barycentres(self) -> Array_co:
        """The same as `barycenters`, in the spelling of these pages."""
        return self.barycenters

    @property
    def brenier_potential(self) -> Array_co:
        """The same as `potentials`."""
        return self.potentials

    def converted(self, array: FloatArray) -> Any:
        """Return an array in the framework, dtype and device of the plan's results."""
        return self._format.convert(array)

    @cached_property
    def linearisation(self) -> Linearisation:
        """The linear operator behind all derivatives of the plan, for relative weights = masses."""
        solution = self._solved
        diracs = SumOfDiracs(solution.positions, solution.masses, solution.total_mass)
        return Linearisation(diracs, self.density, solution)

    def hessian(self) -> scipy.sparse.linalg.LinearOperator:
        """Return the Hessian of W2^2 in the positions, as an operator that is never formed.

        Returns
        -------
        scipy.sparse.linalg.LinearOperator, (2 n, 2 n)
            Symmetric, of float64, on positions that are raveled: x and y of the first site, of the
            second, ... Its first product factors the Newton matrix; every further one is one solve
            with the factor. `sdot.hessian_product` does the same for weights and densities.

        Raises
        ------
        NotDifferentiableError
            If W2^2 is not twice differentiable: a cell has no mass, or an edge is along a jump of
            the density; and from products, if coincident sites move apart.

        Notes
        -----
        For `scipy.optimize.minimize`, pass products, as ``hessp``. Its method ``trust-krylov``
        compares gradients with a fixed 1e-8, below which its directions may be NaN, whatever the
        function: minimise a multiple of W2^2, of which the gradient that is aimed for is larger, or
        take ``trust-ncg``. Near a minimum values differ by rounding only, and both stop with "a bad
        approximation" where gradients, times the number of sites, are about 1e-10.

        Examples
        --------
        >>> from sdot import PolynomialGrid, SumOfDiracs, optimal_transport_plan
        >>> plan = optimal_transport_plan(SumOfDiracs([[0.2, 0.4]]), PolynomialGrid([[1.0]]))
        >>> plan.hessian() @ [0.0, 1.0]
        array([0., 2.])
        """
        return hessian_operator(self.linearisation)

    @cached_property
    def power_diagram(self) -> PowerDiagram:
        """The cells, cut to the region of the density if that is not the whole plane.

        They are those of the solve, to all of its digits: weights, rounded to the caller's
        coordinates, could not tell them where sites are close to each other or far away. Of a
        partial plan these are whole power cells: what is used of each is within the disc around its
        site, of which the squared radius is the potential.
        """
        solution = self._solved
        domain, region, torus = self.density.domain, None, self.density.torus
        if domain is not None:
            region = non_convex(self.density.region)
        cells = solved_cells(solution)
        period = None if torus is None else torus.period
        return PowerDiagram.placed(
            solution.positions, solution.potentials, cells, domain, region, period=period
        )

    @cached_property
    def transport_map(self) -> TransportMap:
        """Where points go, found in the cells of the solve."""
        if self._map is not None:
            return self._map
        torus = self.density.torus
        return TransportMap(PlanLocation(self._solved), (), self.arrays, torus)

    def interpolate(self, t: float) -> Interpolation[Array_co, Scalar_co]:
        """Return what lies between the density and the sites: the displacement interpolation.

        Parameters
        ----------
        t : float
            From 0, the density, to 1, the sites.

        Returns
        -------
        Interpolation
            With the cells, moved and shrunk, as polygons; their masses, barycentres and densities;
            random points; and the values of the density in between.

        Raises
        ------
        TypeError, ValueError
            If ``t`` is not a number, or not from 0 to 1.

        Examples
        --------
        >>> from sdot import Box, SumOfDiracs, optimal_transport_plan
        >>> plan = optimal_transport_plan(SumOfDiracs([[0.0, 0.0], [1.0, 0.0]]), Box())
        >>> halfway = plan.interpolate(0.5)
        >>> halfway.barycenters
        array([[0.125, 0.25 ],
               [0.875, 0.25 ]])
        >>> halfway.densities
        array([4., 4.])
        """
        t = check_time(t)
        self._solved, self.density  # noqa: B018  (both are needed)
        if self._solved.squared_radii is not None:
            raise ValueError("interpolate: expected a plan of the whole density, not a partial one")
        return Interpolation(self, t)

    def __repr__(self) -> str:
        if self._solution is None:
            return f"OtPlan(of a transformed function, distance {self.distance!r})"
        kind = "" if self._solution.squared_radii is None else "partial, "
        return (
            f"OtPlan({kind}{len(self._solution.positions)} sites, "
            f"distance {self._solution.value:.6g}, {self.status.message})"
        )
