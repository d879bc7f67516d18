"""Regular expressions in linear time: RE2's syntax, without look-around and back-references."""

from __future__ import annotations

import re

import cel

from workflows.expressions.errors import ExpressionError

TEXT, PATTERN, WEIGHT = 10_000, 200, 250
"""Characters of the text, of the pattern, and of the pattern with its counted repetitions written out.

At these a search takes some 50 ms at the very most, measured; an ordinary one some 20 µs.
"""

_PIECE = re.compile(r"\\.|\[(?:\\.|[^\]\\])+\]|\{(\d+)(?:,(\d*))?\}|.", re.DOTALL)
_SEARCH = cel.compile("text.matches(pattern)")


def search(text: str, pattern: str) -> bool:
    """Whether ``pattern`` is found anywhere in ``text``."""
    if len(text) > TEXT:
        raise ExpressionError(f"a text that is matched may have at most {TEXT} characters")
    if len(pattern) > PATTERN or weight(pattern) > WEIGHT:
        raise ExpressionError("the regular expression is too large")
    try:
        return bool(_SEARCH.execute({"text": text, "pattern": pattern}))
    except (RuntimeError, ValueError) as error:
        raise ExpressionError(f"{pattern!r} is not a regular expression that is supported") from error


def weight(pattern: str) -> int:
    """The pattern's length with counted repetitions written out: ``(ab{3}){2}`` weighs 8 letters."""
    groups, last = [0], 0
    for piece in _PIECE.finditer(pattern):
        if piece[1] is not None:
            groups[-1] += last * (max(int(piece[1][:6]), int((piece[2] or "0")[:6])) - 1)
            continue
        last = 1
        if piece[0] == "(":
            groups.append(0)
        elif piece[0] == ")" and len(groups) > 1:
            last = groups.pop()
        groups[-1] += last
    return sum(groups)
