"""Shared fixtures. The helpers in tests/support are imported as ``support``."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from support.faces import FACES, Face

from sdot import driver

# Without a deadline: the first example of a test pays for compilation and imports.
_settings = {
    "deadline": None,
    "max_examples": 30,
    "suppress_health_check": [hypothesis.HealthCheck.too_slow],
}
hypothesis.settings.register_profile("default", **_settings)
hypothesis.settings.register_profile("ci", derandomize=True, database=None, **_settings)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "default")


@pytest.fixture(params=FACES)
def face(request: pytest.FixtureRequest) -> Iterator[Face]:
    """NumPy, JAX and PyTorch in turn, all in double precision."""
    face = Face(request.param)
    with face.double_precision():
        yield face


@pytest.fixture(params=["jax", "torch"])
def autodiff(request: pytest.FixtureRequest) -> Iterator[Face]:
    """The frameworks that differentiate, in double precision."""
    face = Face(request.param)
    with face.double_precision():
        yield face


@pytest.fixture(autouse=True)
def _default_driver() -> Iterator[None]:
    """Put the process-wide settings back after a test that changes them."""
    before = driver.framework, driver.dtype, driver.device, driver.threads
    yield
    driver.framework, driver.dtype, driver.device, driver.threads = before
