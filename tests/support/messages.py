"""What the package says when it raises or warns, read from its source."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import NamedTuple

import sdot

ROOT = Path(sdot.__file__).parent
# What a placeholder of a message stands for.
ANY = "\N{HORIZONTAL ELLIPSIS}"


class Message(NamedTuple):
    """One place that raises or warns, and its words with `ANY` for what is filled in."""

    place: str
    kind: str
    words: str


def messages() -> list[Message]:
    """All of them, but what only hands on another error."""
    return [found for path in sorted(ROOT.rglob("*.py")) for found in _in_file(path)]


def literals() -> list[str]:
    """All texts of the package, among them what is appended to messages."""
    nodes = [node for path in ROOT.rglob("*.py") for node in ast.walk(ast.parse(path.read_text()))]
    kinds = ast.Constant | ast.JoinedStr
    return [" ".join(_words(node, {}).split()) for node in nodes if isinstance(node, kinds)]


def _in_file(path: Path) -> list[Message]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    constants = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    found = []
    for node in ast.walk(tree):
        call = node.exc if isinstance(node, ast.Raise) else node
        if not isinstance(call, ast.Call) or not call.args:
            continue
        kind = ast.unparse(call.func)
        if isinstance(node, ast.Raise) or kind == "warnings.warn":
            place = f"{path.relative_to(ROOT)}:{call.lineno}"
            found.append(Message(place, kind, " ".join(_words(call.args[0], constants).split())))
    return found


def _words(node: ast.expr, constants: dict[str, ast.expr]) -> str:
    """The literal text of an expression."""
    match node:
        case ast.Constant(value=str(text)):
            words = text
        case ast.JoinedStr(values=parts):
            words = "".join(_words(part, constants) for part in parts)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            words = _words(left, constants) + _words(right, constants)
        case ast.Name(id=name) | ast.FormattedValue(value=ast.Name(id=name)) if name in constants:
            words = _words(constants[name], constants)
        case ast.Call(func=ast.Attribute(value=value, attr="format")):
            words = _words(value, constants).replace("{}", ANY)
        case _:
            words = ANY
    return words
