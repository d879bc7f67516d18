"""What commands print: tables for people, one JSON document for programs."""

from __future__ import annotations

import json
import sys
from argparse import SUPPRESS, ArgumentParser
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any


def json_option(parser: ArgumentParser, *, nested: bool = False) -> None:
    """``--json``, before or after a nested word: there, what is not said overrides nothing."""
    default = SUPPRESS if nested else False
    parser.add_argument("--json", action="store_true", default=default, help="print one JSON document")


def print_json(document: Any) -> None:
    json.dump(document, sys.stdout, indent=2, ensure_ascii=False, default=str)
    sys.stdout.write("\n")


def print_table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Columns as wide as they must be; nothing is cut, so that lines can be searched and piped."""
    lines = [headings, *([_cell(value) for value in row] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headings))]
    for line in lines:
        padded = (text.ljust(width) for text, width in zip(line, widths, strict=True))
        print("  ".join(padded).rstrip())


def print_fields(fields: dict[str, object]) -> None:
    """`name  value`, one a line; what is empty is left out."""
    told = {name: _cell(value) for name, value in fields.items() if value not in (None, "", [], {})}
    width = max(map(len, told), default=0)
    for name, text in told.items():
        print(f"{name.ljust(width)}  {text}")


def told_duration(milliseconds: float | None) -> str:
    """`3 ms`, `2.4 s`, `1 m 40 s`."""
    if milliseconds is None:
        return ""
    if milliseconds < 1000:
        return f"{milliseconds:.0f} ms"
    if milliseconds < 60_000:
        return f"{milliseconds / 1000:.1f} s"
    return f"{milliseconds // 60_000:.0f} m {milliseconds % 60_000 // 1000:.0f} s"


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    return str(value).replace("\n", " ")
