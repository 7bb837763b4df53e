# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures as arrays: files and images of Pillow, which is imported only for them."""

from __future__ import annotations

import importlib
import os
from typing import Any

__all__ = ["opened_picture"]


def opened_picture(picture: Any) -> Any:
    """Return the picture in a file, and colours for numbers in a palette; arrays as they are."""
    if isinstance(picture, str | os.PathLike):
        with _pillow(f"array: to read {str(picture)!r} ").open(picture) as image:
            image.load()
            return opened_picture(image)
    if getattr(picture, "mode", None) == "P" and hasattr(picture, "convert"):
        return picture.convert("RGBA" if "transparency" in picture.info else "RGB")
    return picture


def _pillow(purpose: str) -> Any:
    try:
        return importlib.import_module("PIL.Image")
    except ImportError as missing:
        raise ImportError(
            f"{purpose}Pillow is needed; install it with: pip install pillow, or pass an array"
        ) from missing
