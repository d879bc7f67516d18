"""Expression text to tokens: the same words for both dialects."""

from __future__ import annotations

import re
from typing import NamedTuple

from workflows.expressions.errors import ExpressionError

LIMIT = 1024
"""Characters of one expression."""
TOO_LONG = f"an expression may have at most {LIMIT} characters"

_TOKEN = re.compile(
    r"""
    (?P<space>\s+|//[^\n]*)
  | (?P<float>\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\.\d+(?:[eE][+-]?\d+)?)
  | (?P<int>0[xX][0-9a-fA-F]+|\d+)
  | (?P<string>[rR]?(?:'''(?:[^\\]|\\.)*?'''|\"\"\"(?:[^\\]|\\.)*?\"\"\"
      |'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"))
  | (?P<name>[^\W\d][\w$]*)
  | (?P<op>===|!==|==|!=|<=|>=|&&|\|\||\?\?|\?\.(?!\d)|[-+*/%<>!?:.,()\[\]{}])
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(
    r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2})|(.))", re.DOTALL
)
_ESCAPES = dict(zip("abfnrtv\\'\"`?", "\a\b\f\n\r\t\v\\'\"`?", strict=True))
_WORDS = {"true": True, "false": False, "null": None}


class Token(NamedTuple):
    """``kind`` is literal, name, op or end; ``value`` is what a literal means, else its spelling."""

    kind: str
    value: object
    at: int

    def __str__(self) -> str:
        return "the end" if self.kind == "end" else repr(self.value)


def tokenize(text: str) -> list[Token]:
    """All of ``text``; the last token is the end."""
    tokens, position = scan(text, 0, embedded=False)
    if position != len(text):
        raise ExpressionError(f"unexpected {text[position]!r} at {position}")
    return tokens


def scan(text: str, start: int, *, embedded: bool) -> tuple[list[Token], int]:
    """Tokens from ``start``; ``embedded`` stops before the ``}}`` that closes the expression."""
    tokens: list[Token] = []
    position, depth = start, 0
    while position < len(text):
        if embedded and depth == 0 and text.startswith("}}", position):
            break
        match = _TOKEN.match(text, position)
        if match is None:
            break
        if match.end() - start > LIMIT:
            raise ExpressionError(TOO_LONG)
        if match.lastgroup != "space":
            tokens.append(_token(match, position - start))
            depth += {"{": 1, "}": -1}.get(match.group(), 0)
        position = match.end()
    if position < len(text) and len(text) - start > LIMIT and not embedded:
        raise ExpressionError(TOO_LONG)
    tokens.append(Token("end", None, position - start))
    return tokens, position


def _token(match: re.Match[str], at: int) -> Token:
    text = match.group()
    match match.lastgroup:
        case "float":
            return Token("literal", float(text), at)
        case "int":
            _unsuffixed(match, at)
            return Token("literal", int(text, 16) if text[:2] in ("0x", "0X") else int(text), at)
        case "string":
            return Token("literal", _string(text, at), at)
        case "name" if text in _WORDS:
            return Token("literal", _WORDS[text], at)
        case group:
            return Token(str(group), text, at)


def _unsuffixed(match: re.Match[str], at: int) -> None:
    following = match.string[match.end() : match.end() + 1]
    if following.isidentifier():
        raise ExpressionError(f"unexpected {following!r} after the number at {at}")


def _string(text: str, at: int) -> str:
    raw = text[0] in "rR"
    text = text[1:] if raw else text
    quotes = 3 if text[:3] in ("'''", '"""') else 1
    body = text[quotes:-quotes]
    return body if raw or "\\" not in body else _ESCAPE.sub(lambda found: _unescaped(found, at), body)


def _unescaped(found: re.Match[str], at: int) -> str:
    *codes, octal, plain = found.groups()
    for code in codes:
        if code:
            return _character(int(code, 16), at)
    if octal:
        return chr(int(octal, 8))
    if plain not in _ESCAPES:
        raise ExpressionError(f"unknown escape \\{plain} in the string at {at}")
    return _ESCAPES[plain]


def _character(code: int, at: int) -> str:
    if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        raise ExpressionError(f"no such character in the string at {at}")
    return chr(code)
