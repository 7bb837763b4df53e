# SPDX-License-Identifier: GPL-3.0-or-later
"""What a solve may take and what it has taken: one count for all ways, stages and clusters."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Budget", "NewtonProgress"]

_logger = logging.getLogger("sdot")


@dataclass(frozen=True)
class NewtonProgress:
    """One Newton step, as a callback sees it.

    Attributes
    ----------
    iteration : steps taken so far, over all ways, stages and clusters of the solve.
    mass_error : least relative error of the cell masses so far: that of the plan if the solve
        ended here. On the way through an easier density or through clusters it stays as it is.
    smallest_mass : least cell mass relative to its target, in the present stage.
    step_length : the damping that was accepted, 1 for a full step.
    way : which of the ways of `sdot.solver.ladder` is being tried.
    """

    iteration: int
    mass_error: float
    smallest_mass: float
    step_length: float
    way: str = ""


class Budget:
    """Newton steps and diagrams of one solve; whoever takes one counts it here.

    Loops over steps end at the number of a step, `until`, which is never beyond the last one that
    is left: so a budget that is spent ends all of them, whatever they are nested in.
    """

    def __init__(
        self,
        max_iterations: int = 2000,
        callback: Callable[[NewtonProgress], None] | None = None,
    ) -> None:
        self._max_iterations, self._callback = max_iterations, callback
        self.iterations = self.diagrams = 0
        self.least_error = math.inf
        self.way = ""

    @property
    def is_spent(self) -> bool:
        """Whether no step is left."""
        return self.iterations >= self._max_iterations

    def until(self, patience: int) -> int:
        """The number of the last step of somebody who has so much patience."""
        return min(self.iterations + patience, self._max_iterations)

    def count_diagram(self) -> None:
        """A power diagram has been built."""
        self.diagrams += 1

    def note_error(self, mass_error: float) -> None:
        """The problem itself, not a stage, has been seen with this error."""
        self.least_error = min(self.least_error, mass_error)

    def count_step(self, smallest_mass: float, step_length: float) -> None:
        """A Newton step has been taken; tell the log and the callback."""
        self.iterations += 1
        if self._callback is None and not _logger.isEnabledFor(logging.DEBUG):
            return
        progress = NewtonProgress(
            self.iterations, self.least_error, smallest_mass, step_length, self.way
        )
        _logger.debug("%s", progress)
        if self._callback is not None:
            self._callback(progress)
