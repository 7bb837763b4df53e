"""Exceptions of sdot."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sdot.plan import OtPlan

__all__ = ["ConvergenceError"]


class ConvergenceError(RuntimeError):
    """The solver stopped before the cell masses reached the tolerance.

    Attributes
    ----------
    plan : OtPlan or None
        The best plan found. Its ``status`` gives the mass error that was reached.
    """

    def __init__(self, message: str, plan: OtPlan | None = None) -> None:
        super().__init__(message)
        self.plan = plan
