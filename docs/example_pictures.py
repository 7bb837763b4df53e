"""How the examples are run when the gallery is built: alike, whatever ran before."""

import sys
from typing import Any

import sdot


def no_arguments(gallery: dict[str, Any], script: dict[str, Any]) -> list[str]:
    """Return what `sys.argv` has after the script's name."""
    return []


def reset_frameworks(gallery: dict[str, Any], script: str) -> None:
    """Undo what an example set for all: they share one process."""
    sdot.driver.framework = "numpy"
    if "jax" in sys.modules:
        sys.modules["jax"].config.update("jax_enable_x64", False)
    if "torch" in sys.modules:
        sys.modules["torch"].set_default_dtype(sys.modules["torch"].float32)
