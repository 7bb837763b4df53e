# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``progress=True`` shows on standard error: a bar of tqdm, or a line where it is missing."""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

from sdot.solver.newton import NewtonProgress

__all__ = ["Bar", "check_progress", "counting", "new_bar", "reporting"]

_SILENT_SECONDS = 2.0  # nothing is shown of what is done by then

Step = TypeVar("Step")


class Bar(Protocol):
    """What shows how far work has come."""

    def show(self, count: int, words: str = "") -> None:
        """Say how much is done."""

    def close(self) -> None:
        """Leave what is shown, and end the line."""


def check_progress(progress: Any) -> bool:
    """Refuse what is neither True nor False."""
    if not isinstance(progress, bool):
        raise TypeError(f"progress: expected True or False, not {progress!r}")
    return progress


def new_bar(unit: str, total: int | None = None) -> Bar:
    """Return a bar that counts, up to a total if there is one."""
    try:
        automatic = importlib.import_module("tqdm.auto")  # for terminals or for notebooks
    except ImportError:
        return _Line(unit, total)
    return _TqdmBar(automatic.tqdm, unit, total)


class _TqdmBar:
    def __init__(self, tqdm: Any, unit: str, total: int | None) -> None:
        self._bar = tqdm(
            desc="sdot", unit=f" {unit}", total=total, delay=_SILENT_SECONDS, miniters=1
        )

    def show(self, count: int, words: str = "") -> None:
        if words:
            self._bar.set_postfix_str(words, refresh=False)
        self._bar.update(count - self._bar.n)

    def close(self) -> None:
        self._bar.close()


class _Line:
    """One line that is kept up to date."""

    def __init__(self, unit: str, total: int | None) -> None:
        self._start = time.monotonic()
        self._has_written = False
        self._unit, self._of = unit, "" if total is None else f" of {total}"

    def show(self, count: int, words: str = "") -> None:
        seconds = time.monotonic() - self._start
        if seconds < _SILENT_SECONDS:
            return
        self._has_written = True
        parts = [f"{count}{self._of} {self._unit}", *filter(None, [words]), f"{seconds:.0f} s"]
        sys.stderr.write(f"\rsdot: {', '.join(parts)}   ")
        sys.stderr.flush()

    def close(self) -> None:
        if self._has_written:
            sys.stderr.write("\n")


def newton_step(progress: NewtonProgress) -> str:
    """Describe a step of a solve."""
    return (
        f"mass error {progress.mass_error:.1e}, smallest cell {progress.smallest_mass:.1e}, "
        f"step length {progress.step_length:.2g}"
    )


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
    bar = new_bar("steps")

    def report(step: Any) -> None:
        bar.show(step.iteration, describe(step))
        if callback is not None:
            callback(step)

    try:
        yield report
    finally:
        bar.close()


@contextmanager
def counting(total: int | None, progress: bool) -> Iterator[Callable[[], None]]:
    """Give what is to be called after every problem of a batch."""
    if not progress:
        yield lambda: None
        return
    bar, count = new_bar("problems", total), 0

    def count_one() -> None:
        nonlocal count
        count += 1
        bar.show(count)

    try:
        yield count_one
    finally:
        bar.close()
