"""The same rows with this build and with another one, in turn, so that noise meets both alike."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import cases
from table import text_table

_LIMIT = 1.05  # of a row's least time, and of its processor time, over those of the other build
_SECONDS, _FEWEST, _MOST = 6.0, 3, 30  # per row: of measuring, and rounds
_LOOPS = ("small uniform", "small gmm64", "jax", "torch", "fit")


def rows(names: Sequence[str], sizes: list[int]) -> list[tuple[str, int]]:
    """Cases with their sizes, the smallest sizes first."""
    found = {(size, case) for case in names for size in cases.sizes(case, sizes)}
    return sorted(((case, size) for size, case in found), key=lambda row: row[1])


class _Build:
    """A process that measures with the `sdot` of one Python."""

    def __init__(self, python: str) -> None:
        script = str(Path(__file__).parent / "measure_once.py")
        self._process = subprocess.Popen(
            [python, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def measure(self, row: str) -> tuple[float, float]:
        """Time one row once: seconds, and seconds of processors."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(row + "\n")
        self._process.stdin.flush()
        seconds, processor = map(float, self._process.stdout.readline().split())
        return seconds, processor

    def stop(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def compare(python: Path, names: Sequence[str], sizes: list[int], loops: bool) -> int:
    """Print the ratios, and return 1 if one is beyond the limit."""
    now, before = _Build(sys.executable), _Build(str(python))
    wanted = [f"{case} {size}" for case, size in rows(names, sizes)]
    table = [["row", "before", "now", "least ratio", "median", "of processor time", "rounds"]]
    slower = []
    for row in [*wanted, *(_LOOPS if loops else ())]:
        table.append([row, *(cells := _measured(now, before, row))])
        print(text_table([table[0], table[-1]]).split("\n")[1], flush=True)
        if min(float(cells[2]), float(cells[4])) > _LIMIT:
            slower.append(row)
    for build in (now, before):
        build.stop()
    print("\n" + text_table(table))
    print(f"slower than {_LIMIT}: {', '.join(slower) or 'no row'}")
    return int(bool(slower))


def _measured(now: _Build, before: _Build, row: str) -> list[str]:
    now.measure(row), before.measure(row)  # what is loaded and compiled
    mine: list[tuple[float, float]] = []
    theirs: list[tuple[float, float]] = []
    begin = time.perf_counter()
    while len(mine) < _FEWEST or (len(mine) < _MOST and time.perf_counter() - begin < _SECONDS):
        order = ((now, mine), (before, theirs))
        for build, times in order if len(mine) % 2 else order[::-1]:
            times.append(build.measure(row))
    least = [min(seconds for seconds, _ in times) for times in (theirs, mine)]
    ratios = [
        tuple(a / b for a, b in zip(*pair, strict=True)) for pair in zip(mine, theirs, strict=True)
    ]
    return [
        *(f"{1000 * seconds:.3g} ms" for seconds in least),
        f"{least[1] / least[0]:.3f}",
        f"{median(seconds for seconds, _ in ratios):.3f}",
        f"{median(processor for _, processor in ratios):.3f}",
        str(len(mine)),
    ]
