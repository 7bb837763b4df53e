"""Write measured tables into docs/performance.md: ``python render.py build/benchmarks.json``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from table import loop_rows, markdown_table, solve_rows

PAGE = Path(__file__).parents[2] / "docs" / "performance.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def render(results: dict[str, Any]) -> str:
    """The date, the machine and both tables."""
    machine, versions = results["machine"], results["versions"]
    heading = (
        f"Measured on {results['date']}: {machine['processor']}, {machine['cores']} cores, "
        f"{machine['system']}; sdot {versions['sdot']}, Python {versions['python']}, "
        f"NumPy {versions['numpy']}."
    )
    tables = [markdown_table(rows(results)) for rows in (solve_rows, loop_rows)]
    return "\n\n".join([heading, *tables])


def main() -> None:
    """Replace what stands between the two marks."""
    results = json.loads(Path(sys.argv[1]).read_text())
    page = PAGE.read_text()
    before, rest = page.split(BEGIN)
    after = rest.split(END)[1]
    PAGE.write_text(f"{before}{BEGIN}\n\n{render(results)}\n\n{END}{after}")
    print(PAGE)


if __name__ == "__main__":
    main()
