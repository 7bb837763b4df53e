"""The version stands in meson.build; what has to repeat it says the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import sdot

ROOT = Path(__file__).parents[1]


def test_it_is_that_of_the_build() -> None:
    build = (ROOT / "meson.build").read_text()
    assert f"version: '{sdot.__version__}'" in build
    assert 'dynamic = ["version"]' in (ROOT / "pyproject.toml").read_text()


@pytest.mark.parametrize(
    ("file", "pattern"),
    [
        ("CITATION.cff", r"^version: (.+)$"),
        ("docs/citing.md", r"^  version = \{(.+)\},$"),
        ("packaging/conda/recipe.yaml", r'^  version: "(.+)"$'),
    ],
)
def test_what_repeats_it_agrees(file: str, pattern: str) -> None:
    found = re.search(pattern, (ROOT / file).read_text(), re.MULTILINE)
    assert found is not None
    assert found[1] == sdot.__version__
