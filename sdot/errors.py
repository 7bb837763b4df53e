# SPDX-License-Identifier: GPL-3.0-or-later
"""Exceptions of sdot."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sdot.lloyd import LloydResult
    from sdot.plan import OtPlan

__all__ = ["ConvergenceError", "NotDifferentiableError"]


class ConvergenceError(RuntimeError):
    """The solver stopped before the cell masses, or `lloyd` the gradient, reached the tolerance.

    Attributes
    ----------
    plan : OtPlan or None
        The best plan found. Its ``status`` gives the mass error that was reached.
    result : LloydResult or None
        What `lloyd` has found, if it was called.

    Examples
    --------
    >>> import numpy as np
    >>> from sdot import Box, ConvergenceError, SumOfDiracs, optimal_transport_plan
    >>> sites = SumOfDiracs(np.random.default_rng(0).random((100, 2)) ** 4)
    >>> try:
    ...     optimal_transport_plan(sites, Box(((0, 0), (1, 1))), max_iterations=1)
    ... except ConvergenceError as error:
    ...     best = error.plan
    >>> best.status.converged
    False
    """

    def __init__(
        self, message: str, plan: OtPlan | None = None, result: LloydResult | None = None
    ) -> None:
        super().__init__(message)
        self.plan, self.result = plan, result


class NotDifferentiableError(ValueError):
    """A derivative was asked for that does not exist, or that is not available.

    The distance is once differentiable wherever sites are distinct. Twice, and the plan once,
    where moreover no cell is empty, no edge between cells lies along a jump of the density, and
    edges with mass join all cells. Third derivatives, and second ones in a grid's ``domain``, are
    not available.

    Examples
    --------
    >>> from sdot import Box, NotDifferentiableError, SumOfDiracs, optimal_transport_plan
    >>> sites = SumOfDiracs([[0.3, 0.5], [0.3, 0.5], [0.7, 0.5]])
    >>> plan = optimal_transport_plan(sites, Box(((0, 0), (1, 1))))
    >>> try:
    ...     plan.hessian() @ [1.0, 0.0, -1.0, 0.0, 0.0, 0.0]
    ... except NotDifferentiableError as error:
    ...     print("coincident sites" in str(error))
    True
    """
