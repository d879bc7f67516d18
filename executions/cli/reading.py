"""What the user hands over: JSON from the command line, a file or standard input; and numbers."""

from __future__ import annotations

import json
import math
import sys
from argparse import ArgumentTypeError
from pathlib import Path
from typing import Any

from executions.cli.frame import usage_error


def json_text(text: str, place: str) -> Any:
    """The value; a mistake is told with its line and column. ``place`` says where the text came from."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise usage_error(f"{place} is not valid JSON: {error.msg} at {where}") from None
    except RecursionError:
        raise usage_error(f"{place} is nested too deeply") from None


def json_file(path: str) -> Any:
    """The document in a file; ``-`` is standard input."""
    if path == "-":
        return json_text(sys.stdin.read(), "standard input")
    try:
        text = Path(path).read_text("utf-8")
    except OSError as error:
        raise usage_error(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise usage_error(f"{path} is not a UTF-8 text file") from None
    return json_text(text, path)


def seconds(text: str) -> float:
    """A duration above 0."""
    try:
        given = float(text)
    except ValueError:
        given = math.nan
    if not 0 < given < math.inf:
        raise ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return given


def positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is not a number above 0")
    return int(text)
