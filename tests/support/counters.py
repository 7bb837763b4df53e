"""Newton steps and power diagrams of a solve, counted without its own counters."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest import mock

from sdot.diagrams import DiagramBuilder
from sdot.solver.solution import Status


@dataclass
class Diagrams:
    """How many diagrams were built; triangulations that cannot be repaired give none."""

    built: int = 0


@contextmanager
def counted_diagrams() -> Iterator[Diagrams]:
    """Count what `DiagramBuilder` does meanwhile, in this process."""
    count, depth = Diagrams(), [0]

    def counting(method: Any) -> Any:
        def counted(self: DiagramBuilder, *args: Any, **kwargs: Any) -> Any:
            depth[0] += 1
            try:
                diagram = method(self, *args, **kwargs)
            finally:
                depth[0] -= 1
            if depth[0] == 0:  # one that falls back on another counts once
                count.built += diagram is not None
            return diagram

        return counted

    with (
        mock.patch.object(DiagramBuilder, "build", counting(DiagramBuilder.build)),
        mock.patch.object(DiagramBuilder, "update", counting(DiagramBuilder.update)),
    ):
        yield count


def counter_complaints(status: Status, seen: list[int], diagrams: Diagrams) -> list[str]:
    """Compare a status with the iterations that a callback saw and the diagrams counted."""
    complaints = []
    if seen != list(range(1, len(seen) + 1)):
        complaints.append(f"counters: the callback's iterations are {seen[:20]}")
    if status.iterations != len(seen):
        complaints.append(f"counters: {status.iterations} iterations for {len(seen)} steps")
    if status.diagrams != diagrams.built:
        complaints.append(f"counters: {status.diagrams} diagrams, {diagrams.built} were built")
    return complaints
