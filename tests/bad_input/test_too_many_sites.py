"""More sites than 32 bits can number the corners of are refused before anything is made of them."""

from __future__ import annotations

import numpy as np
import pytest

from sdot import PowerDiagram, SumOfDiracs

# An array of four hundred million rows that takes sixteen bytes.
MANY = np.broadcast_to(np.zeros((1, 2)), (400_000_000, 2))
LIMIT = "at most 357913941 sites"


def test_diracs_are_refused() -> None:
    with pytest.raises(ValueError, match=LIMIT):
        SumOfDiracs(MANY)


def test_diagrams_are_refused() -> None:
    with pytest.raises(ValueError, match=LIMIT):
        PowerDiagram(MANY)


def test_tensors_are_refused() -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises(ValueError, match=LIMIT):
        SumOfDiracs(torch.zeros((1, 2)).expand(400_000_000, 2))
