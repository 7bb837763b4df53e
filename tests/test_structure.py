"""The way down that imports go, and what a call hands down in place of global settings."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import numpy as np
import pytest
from support.problems import random_sites

import sdot
from sdot import (
    Box,
    Mesh,
    Polygon,
    PolynomialGrid,
    SplineGrid,
    SumOfDiracs,
    SumOfGaussians,
    optimal_transport_plan,
)
from sdot.derivatives import gradients
from sdot.execution import SERIAL

ROOT = Path(sdot.__file__).parent

# From the bottom up: a module imports from its own layer and those before it. What is not named is
# a public function of the layer "public".
LAYERS = {
    "base": (
        "cached_property",
        "limits",
        "array_types",
        "validation",
        "frameworks",
        "execution",
        "memo",
        "records",
        "errors",
        "driver",
        "drawing",
        "notebook",
    ),
    "compiled": ("cgal_wrap",),
    "diagrams": ("diagrams", "periodic_diagrams"),
    "distributions": ("distributions",),
    "solver": ("solver",),
    "quantisation": ("quantisation",),
    "derivatives": ("derivatives",),
    "public": (),
    "adapters": ("adapters", "torch"),
    "pictures": ("plot",),
    "names": ("__init__",),
}
ORDER = list(LAYERS)
# Settings are read where a call comes in. Of a density's methods one is a door: `evaluate`.
DOORS = ("distributions.density",)
# What is loaded when it is first needed: adapters by name, matplotlib.
LOADERS = (
    "__init__",
    "adapters",
    "adapters.jax_pytrees",
    "distributions.pictures",
    "drawing",
    "plot.figure",
    "progress",
)


def _layer(module: str) -> str:
    first = module.partition(".")[0]
    return next((layer for layer, names in LAYERS.items() if first in names), "public")


def _name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


@cache
def _trees() -> dict[str, ast.Module]:
    return {_name(path): ast.parse(path.read_text()) for path in ROOT.rglob("*.py")}


class _Imports(ast.NodeVisitor):
    """Names of the modules that are imported when a module is run, and those in functions."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self.nested: list[str] = []
        self._depth = 0

    def visit_If(self, node: ast.If) -> None:
        # What is imported for types only is not there at run time.
        if ast.unparse(node.test) != "TYPE_CHECKING":
            self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._depth += 1
        self.generic_visit(node)
        self._depth -= 1

    def visit_Import(self, node: ast.Import) -> None:
        self._add([alias.name for alias in node.names])

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        assert node.level == 0, "imports are absolute"
        # `from sdot.x import y` may mean the module x.y.
        inner = [f"{node.module}.{alias.name}" for alias in node.names]
        self._add([name if _is_module(name) else str(node.module) for name in inner])

    def _add(self, names: list[str]) -> None:
        self.found += names
        if self._depth:
            self.nested += names


def _is_module(name: str) -> bool:
    path = ROOT.parent / name.replace(".", "/")
    return path.with_suffix(".py").exists() or name.startswith("sdot.cgal_wrap.")


def _imports(tree: ast.Module) -> _Imports:
    visitor = _Imports()
    visitor.visit(tree)
    return visitor


def _within(names: list[str]) -> Iterator[str]:
    for name in names:
        if name.startswith("sdot."):
            yield name.removeprefix("sdot.")
        elif name == "sdot":
            yield "__init__"


@pytest.mark.parametrize("module", sorted(_trees()))
def test_imports_go_down(module: str) -> None:
    here = ORDER.index(_layer(module))
    for name in _within(_imports(_trees()[module]).found):
        assert ORDER.index(_layer(name)) <= here, f"{module} imports {name}, which is above it"


def test_no_modules_import_each_other() -> None:
    graph = {module: set(_within(_imports(tree).found)) for module, tree in _trees().items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"a circle of imports: {' <- '.join(error.args[1])}")


@pytest.mark.parametrize("module", sorted(_trees()))
def test_nothing_is_imported_late_but_what_may_be_missing(module: str) -> None:
    imports = _imports(_trees()[module])
    assert not imports.nested
    if module not in LOADERS:
        assert "importlib" not in imports.found


@pytest.mark.parametrize("module", sorted(_trees()))
def test_only_adapters_know_frameworks_and_only_doors_know_settings(module: str) -> None:
    found = _imports(_trees()[module]).found
    if _layer(module) != "adapters":
        assert not {name.partition(".")[0] for name in found} & {"jax", "torch"}
    if ORDER.index(_layer(module)) < ORDER.index("public") and module not in DOORS:
        assert "sdot.driver" not in found


# How a comment begins.
LICENCE = "SPDX-License-Identifier: GPL-3.0-or-later"
COMMENTS = {".py": "#", ".build": "#"}
SOURCES = [
    path
    for folder in (ROOT, Path(__file__).parents[1] / "cgal_wrap")
    for path in sorted(folder.rglob("*"))
    if path.suffix in COMMENTS
]


def test_every_source_file_names_its_licence() -> None:
    firsts = {path: path.read_text(encoding="utf-8").partition("\n")[0] for path in SOURCES}
    assert len(firsts) > 150
    assert not [p for p, first in firsts.items() if first != f"{COMMENTS[p.suffix]} {LICENCE}"]


def _two_pixels() -> np.ndarray:
    image = np.zeros((50, 50))
    image[0, 0], image[49, 40] = 1.0, 2.0
    return image


DENSITIES = {
    "grid": lambda: PolynomialGrid(np.arange(1.0, 10.0).reshape(3, 3), domain=((0, 0), (1, 2))),
    "spline": lambda: SplineGrid(np.arange(1.0, 10.0).reshape(3, 3)),
    "mixture": lambda: SumOfGaussians([[0.2, 0.3], [0.8, 0.7]], [0.02, 0.03]),
    "cut mixture": lambda: SumOfGaussians([[0.2, 0.3]], [0.02], domain=((0, 0), (1, 1))),
    "mesh": lambda: Mesh([[0, 0], [1, 0], [0, 1], [1, 1]], [[0, 1, 2], [1, 2, 3]], [1.0, 2.0]),
    "polygon": lambda: Polygon([[0, 0], [2, 0], [2, 1], [1, 1], [1, 2], [0, 2]]),
    "far apart": lambda: SumOfGaussians([[0.0, 0.0], [3e3, 0.0]], [1.0, 0.5], [1.0, 3.0]),
    "two pixels": lambda: PolynomialGrid(_two_pixels()),
    "torus": lambda: PolynomialGrid(np.arange(1.0, 10.0).reshape(3, 3), periodic=True),
    "sum": lambda: 0.5 * Box() + 0.5 * PolynomialGrid([[1.0, 0.0], [0.0, 1.0]]),
}


def _swarms() -> np.ndarray:
    """Two small swarms far apart: starts by clusters and averaged densities."""
    return np.concatenate([1e-5 * random_sites(20), 1 + 1e-5 * random_sites(20)])


@pytest.mark.parametrize("sites", [0.01 + 0.1 * random_sites(40), _swarms()], ids=["box", "swarms"])
@pytest.mark.parametrize("kind", DENSITIES)
def test_the_threads_of_the_driver_are_handed_down(kind: str, sites: np.ndarray) -> None:
    """What functions take when no execution is handed down is not met in a whole solve."""
    density = DENSITIES[kind]()
    diracs = SumOfDiracs(sites, np.linspace(1, 2, 40))
    object.__setattr__(SERIAL, "threads", "not handed down")
    try:
        plan = optimal_transport_plan(diracs, density)
        needed = [True] * (2 + len(density.arrays))
        gradients(diracs, density, plan._solution, needed)
        plan.power_diagram.areas, density.evaluate([[0.5, 0.5]])
    finally:
        object.__setattr__(SERIAL, "threads", 1)
