"""The guide's page of errors against the words of the code."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest
from support.messages import ANY, Message, literals, messages

import sdot

PAGE = Path(__file__).parents[1] / "docs" / "guide" / "errors.md"
# A wheel is tested without its documentation.
pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="there is no documentation here")

# So few words say only that another message follows, or what the caller of a check fills in.
FEWEST_WORDS = 3
# A line of the page that stands for more has no remedy that suits all of them.
MOST_MESSAGES = 12


@cache
def _fragments() -> list[str]:
    """What the page quotes in the first column of its tables, and in its prose on warnings."""
    found = []
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("| `"):
            found += re.findall(r"`([^`]+)`", line.split(" | ")[0])
        elif match := re.match(r"once: `([^`]+)`", line):
            found.append(match[1])
    return found


def _says(words: str, fragment: str) -> bool:
    """Return whether the parts of a fragment, between its dots, come in this order."""
    # These dots are of the shape (..., 2).
    parts = [re.escape(part.strip()) for part in re.split(r" \.\.\.(?= |$)", fragment)]
    return re.search(rf"(?<!\w){'.*?'.join(parts)}", words) is not None


def _is_whole(message: Message) -> bool:
    return len(re.findall(r"\w+", message.words.replace(ANY, " "))) >= FEWEST_WORDS


@pytest.mark.parametrize("message", filter(_is_whole, messages()), ids=lambda m: m.place)
def test_every_message_has_its_remedy(message: Message) -> None:
    assert any(_says(message.words, fragment) for fragment in _fragments()), message.words


def test_every_line_of_the_page_is_said_somewhere() -> None:
    texts = literals()
    quoted = [fragment for fragment in _fragments() if not any(_says(t, fragment) for t in texts)]
    assert not quoted


def test_no_line_of_the_page_stands_for_too_many() -> None:
    found = messages()
    counts = {f: sum(_says(message.words, f) for message in found) for f in _fragments()}
    assert {f: count for f, count in counts.items() if count > MOST_MESSAGES} == {}


def test_every_class_that_is_raised_is_named() -> None:
    text = PAGE.read_text(encoding="utf-8")
    kinds = {message.kind for message in messages()} - {"renamed", "type(error)", "warnings.warn"}
    own = [name for name in sdot.__all__ if name.endswith("Error")]
    assert not [kind for kind in {*kinds, *own, "UserWarning"} if kind not in text]
