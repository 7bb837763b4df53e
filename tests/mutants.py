"""Change the code in small ways, and see whether the tests notice.

    python tests/mutants.py                     some mutants of every file, in 25 minutes at most
    python tests/mutants.py --files newton.py --per-file 30

Cosmic Ray makes the mutants: an operator exchanged, a number changed, a condition negated, a loop
left out. Which of them is drawn by a seed and the file's name. Each goes into a copy of the
installed package, and the tests that are about the file run on it, the nearest first, until one
fails. A mutant that none notices has survived. Those known to change no result are listed with
the reason in `equivalent_mutants.toml`, and of the numbers at the head of a module most mean speed;
any other survivor asks for a test.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import importlib
import random
import re
import shutil
import subprocess
import sys
import time
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parent
SITE = TESTS.parent / "build" / "mutants"
FOLDERS = ("solver", "derivatives", "distributions")
# Tests that notice a change in a folder, from the nearest on.
RELEVANT = {
    "solver": ["solver", "test_plan.py", "test_robustness.py"],
    "derivatives": ["derivatives", "test_hessian.py"],
    "distributions": ["distributions", "bad_input", "solver/test_problem.py"],
}
_SLOWEST = 4.0  # times what the tests take without a mutant
# Of an installation that is rebuilt at import the finder comes before all paths.
_PYTEST = """
import sys
sys.meta_path[:] = [f for f in sys.meta_path if "Mesonpy" not in type(f).__name__]
sys.path.insert(0, sys.argv.pop(1))
import pytest
sys.exit(pytest.main(sys.argv[1:]))
"""


@dataclass(frozen=True)
class Mutant:
    """A file with one change."""

    path: Path  # in the copy
    line: int
    code: str

    @property
    def name(self) -> str:
        return f"{self.path.relative_to(SITE).as_posix()}:{self.line}"

    @property
    def is_of_a_tuned_number(self) -> bool:
        """Whether a constant at the head of the module has changed: most of them mean speed."""
        before = self.path.read_text().splitlines()[self.line - 1]
        return re.match(r"_?[A-Z][A-Z0-9_]* = ", before) is not None

    def change(self) -> tuple[str, str]:
        """The lines before and after."""
        before, after = (text.splitlines() for text in (self.path.read_text(), self.code))
        lines = list(difflib.unified_diff(before, after, n=0, lineterm=""))[2:]
        return tuple(  # type: ignore[return-value]
            " ".join(line[1:].strip() for line in lines if line[0] == sign) for sign in "-+"
        )


def main() -> int:
    """Parse the command line, run, and print the score."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--files", nargs="+", help="only files with this in their path")
    parser.add_argument("--per-file", type=int, default=4, help="mutants of each file (4)")
    parser.add_argument("--minutes", type=float, default=25.0, help="no new one after that (25)")
    parser.add_argument("--limit", type=float, help="seconds for the tests of one mutant")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    copy_package()
    chosen = [path for path in _files() if _is_wanted(path, options.files)]
    folders = sorted({_folder(path) for path in chosen})
    limits = {folder: _time_limit(folder, options.limit) for folder in folders}
    mutants = [m for path in chosen for m in draw(path, options.per_file, options.seed)]
    random.Random(options.seed).shuffle(mutants)  # so that any beginning is a fair sample
    deadline = time.monotonic() + 60 * options.minutes
    outcomes: dict[str, list[str]] = defaultdict(list)
    for mutant in mutants:
        if time.monotonic() > deadline:
            print(f"time is up: {len(mutants)} mutants drawn")
            break
        folder = _folder(mutant.path)
        outcome = _outcome(mutant, limits[folder])
        if outcome == "survived" and mutant.is_of_a_tuned_number:
            outcome = "tuned"
        outcomes[folder].append(outcome)
        print(f"{outcome}: {mutant.name}: {' -> '.join(mutant.change())}", flush=True)
    _print_score(outcomes)
    return int(any("survived" in found for found in outcomes.values()))


def _is_wanted(path: Path, names: list[str] | None) -> bool:
    return names is None or any(name in path.as_posix() for name in names)


def _folder(path: Path) -> str:
    return path.relative_to(SITE / "sdot").parts[0].removesuffix(".py")


def copy_package() -> None:
    """Copy the installed package, compiled modules included, to where mutants are made."""
    sdot = importlib.import_module("sdot")
    shutil.rmtree(SITE, ignore_errors=True)
    assert sdot.__file__ is not None
    shutil.copytree(Path(sdot.__file__).parent, SITE / "sdot")
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if name.startswith("sdot.cgal_wrap") and file:
            package = name.split(".") if file.endswith("__init__.py") else name.split(".")[:-1]
            SITE.joinpath(*package).mkdir(parents=True, exist_ok=True)
            shutil.copy2(file, SITE.joinpath(*package))


def _files() -> list[Path]:
    root = SITE / "sdot"
    found = [path for folder in FOLDERS for path in sorted((root / folder).rglob("*.py"))]
    single = [root / f"{folder}.py" for folder in FOLDERS]
    return [*found, *(path for path in single if path.exists())]


# ---- which mutants ----


def draw(path: Path, count: int, seed: int) -> list[Mutant]:
    """Places in a file, and for each one of the ways to change it."""
    code = path.read_text()
    places = defaultdict(list)
    for operator, occurrence, start, end in _changes(code):
        places[start, end].append((operator, occurrence))
    skipped = _not_run(code)
    usable = [place for place in sorted(places) if not any(a <= place[0] < b for a, b in skipped)]
    rng = random.Random(f"{seed}:{path.relative_to(SITE).as_posix()}")
    mutants = []
    for place in rng.sample(usable, len(usable)):
        mutated = _mutated(code, *rng.choice(places[place]))
        if mutated is not None:
            mutants.append(Mutant(path, place[0][0], mutated))
        if len(mutants) == count:
            break
    return mutants


def _changes(code: str) -> Iterator[tuple[Any, int, tuple[int, int], tuple[int, int]]]:
    """Every change that an operator of Cosmic Ray can make: which one, the how manieth, where."""
    from cosmic_ray import plugins  # noqa: PLC0415  (installed by `make mutants`)
    from cosmic_ray.ast import ast_nodes, get_ast  # noqa: PLC0415

    nodes = list(ast_nodes(get_ast(code)))
    for name in plugins.operator_names():
        operator = plugins.get_operator(name)
        if not operator.arguments() and not _makes_nonsense(name):
            instance = operator()
            places = (place for node in nodes for place in instance.mutation_positions(node))
            for occurrence, (start, end) in enumerate(places):
                yield instance, occurrence, start, end


def _makes_nonsense(operator: str) -> bool:
    """Of numbers these cannot be computed, so that nothing could be imported any more."""
    kind, *exchanged = operator.partition("/")[2].split("_")
    if kind == "ReplaceBinaryOperator":
        bitwise = [name for name in exchanged if "Bit" in name or "Shift" in name]
        return len(bitwise) == 1 or any("Shift" in name for name in bitwise)
    if kind == "ReplaceUnaryOperator":
        return exchanged[1] in ("Not", "Invert")
    if kind == "ReplaceComparisonOperator":
        return exchanged[1] in ("In", "NotIn", "Is", "IsNot") and exchanged[0] not in exchanged[1]
    return False


def _mutated(code: str, operator: Any, occurrence: int) -> str | None:
    from cosmic_ray.mutating import mutate_code  # noqa: PLC0415

    mutated: str | None = mutate_code(code, operator, occurrence)
    try:
        ast.parse(mutated or "")
    except SyntaxError:
        return None
    return mutated


def _not_run(code: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Where annotations and overloads are: what changes there changes nothing but types."""
    found: list[ast.expr | None] = []
    overloads = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.AnnAssign):
            found.append(node.annotation)
        elif isinstance(node, ast.FunctionDef):
            arguments = node.args
            every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
            found += [node.returns, *(argument.annotation for argument in every)]
            marks = [mark.id for mark in node.decorator_list if isinstance(mark, ast.Name)]
            if "overload" in marks:
                overloads.append(((node.decorator_list[0].lineno, 0), _end(node)))
    return [((e.lineno, e.col_offset), _end(e)) for e in found if e is not None] + overloads


def _end(node: ast.expr | ast.stmt) -> tuple[int, int]:
    return node.end_lineno or 0, node.end_col_offset or 0


# ---- what the tests say ----


def _tests(folder: str, stem: str) -> list[str]:
    """The tests for a file, those with its name first."""
    existing = [TESTS / name for name in RELEVANT[folder] if (TESTS / name).exists()]
    nearest = sorted(TESTS.rglob(f"test_{stem}*.py")) if stem else []
    return [str(path) for path in dict.fromkeys([*nearest, *existing])]


def _run_tests(tests: list[str], limit: float | None) -> str:
    options = ["-q", "-x", "--no-header", "-p", "no:cacheprovider", "--import-mode=importlib"]
    command = [sys.executable, "-B", "-c", _PYTEST, str(SITE), *options, *tests]
    try:
        result = subprocess.run(
            command, capture_output=True, text=True, timeout=limit, cwd=TESTS, check=False
        )
    except subprocess.TimeoutExpired:
        return "ran out of time"
    return "survived" if result.returncode == 0 else "killed"


def _time_limit(folder: str, given: float | None) -> float:
    """Without a mutant all tests must pass, or each one would seem to be noticed."""
    begin = time.monotonic()
    outcome = _run_tests(_tests(folder, ""), None)
    seconds = time.monotonic() - begin
    if outcome != "survived":
        raise SystemExit(f"without a mutant the tests of {folder} already fail")
    print(f"{folder}: {seconds:.0f} s without a mutant", flush=True)
    return given or _SLOWEST * seconds


def _outcome(mutant: Mutant, limit: float) -> str:
    folder = _folder(mutant.path)
    if mutant.change() in _equivalent(mutant.path):
        return "equivalent"
    original = mutant.path.read_text()
    mutant.path.write_text(mutant.code)
    try:
        return _run_tests(_tests(folder, mutant.path.stem), limit)
    finally:
        mutant.path.write_text(original)


def _equivalent(path: Path) -> set[tuple[str, str]]:
    table = tomllib.loads((TESTS / "equivalent_mutants.toml").read_text())
    name = path.relative_to(SITE).as_posix()
    return {(m["before"], m["after"]) for m in table.get("mutant", []) if m["path"] == name}


def _print_score(outcomes: dict[str, list[str]]) -> None:
    every = [outcome for found in outcomes.values() for outcome in found]
    for folder, found in [*outcomes.items(), ("all", every)]:
        count = Counter(found)
        tried = count["killed"] + count["survived"]
        print(
            f"{folder}: {count['killed']} of {tried} killed"
            + (f" ({100 * count['killed'] / tried:.0f}%)" if tried else "")
            + f"; {count['ran out of time']} ran out of time, {count['tuned']} tuned numbers moved "
            f"unnoticed, {count['equivalent']} known to be equivalent"
        )


if __name__ == "__main__":
    sys.exit(main())
