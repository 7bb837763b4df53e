"""Every cell of docs/transforms.md."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import pytest
from support.faces import Face, jax_x64
from support.transforms import NO_FUNCTION, OUTPUTS, PAGE, ROWS, Row, page

CELLS = [
    pytest.param(row, output, id=f"{row.face}: {row.name}: {output}".replace("`", ""))
    for row in ROWS
    for output in OUTPUTS
    if row.refused.get(output, ("",))[0] != NO_FUNCTION
]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch.jit
@pytest.mark.parametrize(("row", "output"), CELLS)
def test_cell(row: Row, output: str) -> None:
    with jax_x64() if row.face == "JAX" else contextlib.nullcontext():
        if output in row.refused:
            message = row.refused[output][0]
            with pytest.raises(Exception, match=message):
                row.run(output)
            return
        found: Any = Face.numpy(row.run(output))
    np.testing.assert_allclose(found, row.expected(output), rtol=2e-7, atol=2e-8)


def test_the_page_says_what_is_tested() -> None:
    assert PAGE.read_text() == page(), "run python tests/support/transforms.py"
