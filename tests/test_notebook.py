"""What notebooks show: a table of what matters, and a small picture if matplotlib is there."""

from __future__ import annotations

import base64
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from support.faces import jax_x64
from support.problems import random_image, random_sites
from support.subprocesses import run_python

import sdot
from sdot import (
    Box,
    Mesh,
    Polygon,
    PolynomialGrid,
    PowerDiagram,
    SplineGrid,
    SumOfDiracs,
    SumOfGaussians,
    driver,
    optimal_transport_plan,
)

PARTIAL = optimal_transport_plan(SumOfDiracs(random_sites(30), mass=0.5), Box(), partial=True)
IMAGE = PolynomialGrid(random_image(), mass=2)
PLAN = optimal_transport_plan(SumOfDiracs(random_sites(30), mass=2), IMAGE)
L_SHAPE = [[0.0, 0], [1, 0], [1, 0.3], [0.4, 0.3], [0.4, 1], [0, 1]]
SHOWN: dict[str, Any] = {
    "grid": IMAGE,
    "noise": PolynomialGrid(np.random.default_rng(0).random((900, 700))),
    "spline": SplineGrid(random_image()),
    "mesh": Mesh([[0, 0], [1, 0], [0, 1]], [[0, 1, 2]], [1.0]),
    "plane": SumOfGaussians([[0.0, 1.0]], [2.0]),
    "sum": 2 * Polygon(L_SHAPE) + Box(),
    "restricted": IMAGE.restricted(L_SHAPE),
    "diracs": SumOfDiracs(random_sites(40), np.linspace(0, 1, 40)),
    "diagram": PowerDiagram(random_sites(20), np.linspace(0, 0.01, 20)),
    "torus": PowerDiagram(random_sites(20), period=(1, 1)),
    "many cells": PowerDiagram(random_sites(50_000), domain=((0, 0), (1, 1))),
    "plan": PLAN,
    "partial plan": PARTIAL,
    "diagram of a plan": PLAN.power_diagram,
}


def _parts(shown: Any) -> tuple[str, dict[str, str], bytes | None]:
    """Title, table and picture of a card."""
    tree = ElementTree.fromstring(shown._repr_html_())
    rows = (
        [row[0].text or "" for row in tree.iter("tr")],
        [row[1].text or "" for row in tree.iter("tr")],
    )
    title = next(
        element.text or "" for element in tree.iter("div") if element.find("table") is not None
    )
    image = tree.find("img")
    if image is None:
        return title, dict(zip(*rows, strict=True)), None
    assert image.get("alt") == title
    kind, data = (image.get("src") or "").split(",")
    assert kind == "data:image/png;base64"
    return title, dict(zip(*rows, strict=True)), base64.b64decode(data)


@pytest.mark.parametrize("name", SHOWN)
def test_cards(name: str) -> None:
    pytest.importorskip("matplotlib")
    shown = SHOWN[name]
    title, facts, png = _parts(shown)
    assert title == repr(shown)
    assert facts
    assert png is not None
    assert png.startswith(b"\x89PNG")
    assert 300 < len(png) <= 50_000


def test_what_matters() -> None:
    _, facts, _ = _parts(PLAN)
    assert facts["sites"] == "30"
    assert float(facts["W2^2"]) == pytest.approx(PLAN.distance, rel=1e-9)
    assert float(facts["error bound"]) == pytest.approx(PLAN.error_bound, rel=0.1)
    assert facts["status"] == PLAN.status.message
    assert "unused mass" not in facts
    assert float(_parts(PARTIAL)[1]["unused mass"]) == pytest.approx(PARTIAL.unused_mass, rel=1e-5)
    _, facts, _ = _parts(IMAGE)
    assert facts == {"mass": "2", "box": "[0, 1] x [0, 1]", "values": "5 x 7, NumPy"}
    _, facts, _ = _parts(SumOfDiracs([[0, 1], [2, 5]], mass=3))
    assert facts == {
        "sites": "2", "mass": "3", "box": "[0, 2] x [1, 5]", "positions": "2 x 2, NumPy"
    }  # fmt: skip
    diagram = PowerDiagram([[0.25, 0.5], [0.75, 0.5]], domain=((0, 0), (1, 1)))
    _, facts, _ = _parts(diagram)
    assert facts["areas"] == "0.5"
    assert facts["without a cell"] == "0"


def test_tensors_and_traced_arrays() -> None:
    torch = pytest.importorskip("torch")
    values = torch.tensor(random_image(), requires_grad=True)
    assert _parts(PolynomialGrid(values))[1]["values"] == "5 x 7, PyTorch"
    jax = pytest.importorskip("jax")
    seen: list[tuple[str, dict[str, str], bytes | None]] = []

    def traced(values: Any) -> Any:
        density = PolynomialGrid(values)
        seen.append(_parts(density))
        seen.append(_parts(optimal_transport_plan(SumOfDiracs(random_sites(3)), density)))
        return values.sum()

    with jax_x64():
        jax.jit(traced)(random_image())
    assert [png for _, _, png in seen] == [None, None]
    assert seen[0][1]["values"] == "none while they are traced"


def test_without_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*sys.modules]:
        if name.partition(".")[0] == "matplotlib":
            monkeypatch.setitem(sys.modules, name, None)
    title, facts, png = _parts(IMAGE)
    assert title == repr(IMAGE)
    assert facts["mass"] == "2"
    assert png is None


def test_no_state_of_matplotlib_is_touched(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    found = run_python(
        "import sys\n"
        "import sdot\n"
        "plan = sdot.optimal_transport_plan(sdot.SumOfDiracs([[0.2, 0.3]]), sdot.Box())\n"
        "for shown in (plan, plan.density, plan.power_diagram): shown._repr_html_()\n"
        "assert 'matplotlib.figure' in sys.modules\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
        "import matplotlib.pyplot as pyplot\n"
        "assert not pyplot.get_fignums()\n",
        tmp_path,
    )
    assert found.returncode == 0, found.stderr


def test_the_driver() -> None:
    title, facts, png = _parts(driver)
    assert title == "sdot.driver"
    assert facts["threads"] == str(driver.threads)
    assert png is None
    assert repr(sdot.driver).startswith("Driver(framework=")
