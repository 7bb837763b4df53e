"""The rows of the tables, as text or as Markdown."""

from __future__ import annotations

from typing import Any

import cases

Rows = list[list[str]]

_SHARES = ("triangulation", "integrals", "linear solve", "start")


def solve_rows(results: dict[str, Any]) -> Rows:
    """One row per case and size, below the titles."""
    titles = ["case", "n", "T", "solve", "ratio", "target", "Newton steps", "diagrams"]
    rows = [[*titles, *_SHARES, "memory per site"]]
    for row in results["solves"]:
        rows.append(
            [
                row["case"],
                f"{row['n']:,}",
                _time(row["triangulation"]),
                _time(row["seconds"]),
                f"{row['ratio']:.1f} T",
                _target(row["target"], "{:g} T"),
                str(row["iterations"]),
                str(row["diagrams"]),
                *(f"{100 * row['shares'][part]:.0f}%" for part in _SHARES),
                f"{row['bytes_per_site']:,.0f} B",
            ]
        )
    return rows


def loop_rows(results: dict[str, Any]) -> Rows:
    """Small problems, growth and memory, below the titles."""
    rows = [["", "measured", "target"]]
    for row in results["loops"]:
        target = "" if row["target"] is None else f"≤ {_time(row['target'])}"
        rows.append([row["name"], _time(row["seconds"]), target])
    for case, growth in results["growth"].items():
        name = f"time per site, {case}, n = 1e6 over 1e4"
        rows.append([name, f"{growth:.2f}", f"≤ {cases.GROWTH_TARGET:g}"])
    for row in results["solves"]:
        if row["n"] == 1_000_000:
            name = f"peak memory per site, {row['case']}, n = 1e6"
            target = f"≤ {cases.MEMORY_TARGET:,.0f} B"
            rows.append([name, f"{row['bytes_per_site']:,.0f} B", target])
    return rows


def text_table(rows: Rows) -> str:
    """Columns aligned for a terminal."""
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    return "\n".join(
        row[0].ljust(widths[0])
        + "".join("  " + cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))
        for row in rows
    )


def markdown_table(rows: Rows) -> str:
    """A table for the documentation."""
    rule = ["---", *["---:"] * (len(rows[0]) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in (rows[0], rule, *rows[1:]))


def _time(seconds: float) -> str:
    if seconds < 1:
        return f"{1000 * seconds:.3g} ms"
    return f"{seconds:.3g} s"


def _target(value: float | None, form: str) -> str:
    return "" if value is None else "≤ " + form.format(value)
