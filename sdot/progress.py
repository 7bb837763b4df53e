"""A line of progress on standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from sdot.solver.newton import NewtonProgress

__all__ = ["ProgressLine", "reporting"]

_SILENT_SECONDS = 2.0

Step = TypeVar("Step")


def newton_step(progress: NewtonProgress) -> str:
    """Describe a step of a solve."""
    return (
        f"step {progress.iteration}, mass error {progress.mass_error:.1e}, "
        f"smallest cell {progress.smallest_mass:.1e}, step length {progress.step_length:.2g}"
    )


class ProgressLine:
    """A callback that keeps one line up to date, once a solve has taken two seconds."""

    def __init__(self, describe: Callable[[Any], str] = newton_step) -> None:
        self._start = time.monotonic()
        self._has_written = False
        self._describe = describe

    def __call__(self, step: Any) -> None:
        """Show a step."""
        seconds = time.monotonic() - self._start
        if seconds < _SILENT_SECONDS:
            return
        self._has_written = True
        sys.stderr.write(f"\rsdot: {self._describe(step)}, {seconds:.0f} s   ")
        sys.stderr.flush()

    def close(self) -> None:
        """End the line, if there is one."""
        if self._has_written:
            sys.stderr.write("\n")


@contextmanager
def reporting(
    callback: Callable[[Step], None] | None,
    progress: bool,
    describe: Callable[[Any], str] = newton_step,
) -> Iterator[Callable[[Step], None] | None]:
    """Give a callback, for the time of a solve, that shows its progress too if asked for."""
    if not progress:
        yield callback
        return
    line = ProgressLine(describe)

    def report(step: Step) -> None:
        line(step)
        if callback is not None:
            callback(step)

    try:
        yield report
    finally:
        line.close()
