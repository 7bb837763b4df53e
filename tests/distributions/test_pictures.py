"""`PolynomialGrid.from_image` of files and of Pillow's images."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from sdot import PolynomialGrid

image = pytest.importorskip("PIL.Image")

COLORS = np.random.default_rng(0).integers(1, 255, (6, 9, 3), dtype=np.uint8)


def _same(first: PolynomialGrid, second: PolynomialGrid) -> bool:
    return np.array_equal(first.coefficients, second.coefficients)


@pytest.mark.parametrize("mode", ["L", "RGB", "I;16"])
def test_files_and_images_are_their_arrays(mode: str, tmp_path: Path) -> None:
    array = {"L": COLORS[..., 0], "RGB": COLORS, "I;16": COLORS[..., 0].astype(np.uint16) * 7}[mode]
    path = tmp_path / "picture.png"
    picture = image.fromarray(array)
    picture.save(path)
    for given in (picture, path, str(path)):
        for invert in (False, True):
            found = PolynomialGrid.from_image(given, invert)
            assert _same(found, PolynomialGrid.from_image(array, invert))


def test_numbers_in_a_palette_are_its_colours() -> None:
    picture = image.fromarray(COLORS).quantize(16)
    expected = PolynomialGrid.from_image(np.asarray(picture.convert("RGB")))
    assert _same(PolynomialGrid.from_image(picture), expected)
    assert not _same(PolynomialGrid.from_image(np.asarray(picture)), expected)


def test_opacity_is_not_dropped(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    image.fromarray(COLORS).convert("RGBA").save(path)
    with pytest.raises(ValueError, match="opacity on a background first"):
        PolynomialGrid.from_image(path)


def test_files_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FileNotFoundError):
        PolynomialGrid.from_image(tmp_path / "nothing.png")
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with pytest.raises(ImportError, match=r"read 'a\.png' Pillow is needed; .*pip install pillow"):
        PolynomialGrid.from_image("a.png")
