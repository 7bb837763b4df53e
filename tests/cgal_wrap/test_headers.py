"""The compiled rooms can be used together: no two of them give one name to different things."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOMS = Path(__file__).parents[2] / "cgal_wrap"
HEADERS = sorted(path.relative_to(ROOMS).as_posix() for path in ROOMS.glob("*/*.hpp"))
# Which rooms a room may include, itself and base apart.
MAY_INCLUDE = {
    "base": set(),
    "triangulation": set(),
    "diagram": {"triangulation"},
    "grid": {"diagram"},
    "pieces": {"diagram"},
    "gaussian": {"diagram"},
    "laplacian": set(),
    "factor": {"laplacian"},
    "entropic": set(),
}


@pytest.mark.skipif(shutil.which("c++") is None, reason="needs a C++ compiler")
def test_all_headers_in_one_translation_unit():
    program = "".join(f'#include "{header}"\n' for header in HEADERS)
    command = ["c++", "-std=c++17", "-fsyntax-only", "-frounding-math", f"-I{ROOMS}", "-xc++", "-"]
    compiled = subprocess.run(command, input=program, text=True, capture_output=True, check=False)
    assert compiled.returncode == 0, compiled.stderr


@pytest.mark.parametrize("header", HEADERS)
def test_a_header_is_in_its_room(header):
    room = header.split("/")[0]
    text = (ROOMS / header).read_text()
    namespaces = set(re.findall(r"^namespace ([\w:]+) \{", text, flags=re.MULTILINE))
    assert {"sdot" if room == "base" else f"sdot::{room}"} == namespaces - {"power_test"}
    included = {name.split("/")[0] for name in re.findall(r'#include "(.+)"', text)}
    assert included <= MAY_INCLUDE[room] | {room, "base"}
    if "#include <CGAL" in text:
        assert room == "triangulation"
