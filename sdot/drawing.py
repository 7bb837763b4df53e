"""What ``plot`` methods call: `sdot.plot`, imported when the first picture is drawn."""

from __future__ import annotations

import importlib
from typing import Any

__all__ = ["draw"]


def draw(function: str, drawn: Any, ax: Any, options: dict[str, Any]) -> Any:
    """Call a function of `sdot.plot`, which is above the objects that it draws."""
    return getattr(importlib.import_module("sdot.plot"), function)(drawn, ax, **options)
