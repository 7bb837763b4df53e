# SPDX-License-Identifier: GPL-3.0-or-later
"""What notebooks show of an object: a small picture, and a table of what matters."""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping

import numpy as np

from sdot.validation import FloatArray

__all__ = ["box_text", "card", "range_text"]

_CELL = "text-align: left; padding: 0 1em 0 0; vertical-align: top;"


def card(title: str, facts: Mapping[str, str], png: bytes | None = None) -> str:
    """Return HTML of a title, names and values, and a picture on their left if there is one.

    It is well-formed XML too.
    """
    rows = "".join(
        f'<tr><th style="{_CELL}">{html.escape(name)}</th>'
        f'<td style="{_CELL}">{html.escape(value)}</td></tr>'
        for name, value in facts.items()
    )
    words = html.escape(title)
    table = f"<div>{words}<table><tbody>{rows}</tbody></table></div>"
    picture = ""
    if png is not None:
        source = f"data:image/png;base64,{base64.b64encode(png).decode()}"
        picture = f'<img src="{source}" alt="{words}" style="width: 11em; margin: 0 1em 0 0;" />'
    return f'<div style="display: flex; align-items: center;">{picture}{table}</div>'


def box_text(corners: FloatArray) -> str:
    """Return the sides of the box around points (k, 2)."""
    (a, c), (b, d) = corners.min(axis=0), corners.max(axis=0)
    return f"[{a:g}, {b:g}] x [{c:g}, {d:g}]"


def range_text(values: FloatArray) -> str:
    """Return the least and the greatest of some numbers, but for NaN and infinities."""
    known = values[np.isfinite(values)]
    if not len(known):
        return "not finite"
    low, high = known.min(), known.max()
    return f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g}"
