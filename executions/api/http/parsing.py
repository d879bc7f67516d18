"""Reading a JSON body strictly: bounded in bytes and depth, and nothing that PostgreSQL could not store."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from math import isfinite
from typing import IO, Any, TypeVar

import orjson
import pydantic
from rest_framework.parsers import BaseParser
from rest_framework.request import Request

from executions.api.http.problems import Problem, Refused, invalid
from executions.conf import conf

Model = TypeVar("Model", bound=pydantic.BaseModel)

SMALLEST, LARGEST = -(2**63), 2**64 - 1
MOST_PROBLEMS = 20


class JSONParser(BaseParser):
    """``application/json`` and nothing else: a form that a foreign page posts is refused with 415."""

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        limit = conf.MAX_BODY_BYTES
        length = (parser_context or {})["request"].headers.get("Content-Length") or "0"
        if length.isdigit() and int(length) > limit:
            raise too_large(limit)
        raw = stream.read(limit + 1)
        if len(raw) > limit:
            raise too_large(limit)
        return read_json(raw)


def too_large(limit: int, what: str = "The body") -> Refused:
    return Refused(Problem(413, f"{what} is larger than {limit} bytes.", "too-large", more={"limit": limit}))


def read_json(raw: bytes) -> Any:
    """The value that ``raw`` says. Refuses with 400, and with a pointer where the place is known."""
    try:
        value = json.loads(raw)
    except UnicodeDecodeError as error:
        raise Refused(Problem(400, f"The body is not UTF-8: {error.reason}.", "invalid-json")) from error
    except json.JSONDecodeError as error:
        place = f"line {error.lineno} column {error.colno}"
        raise Refused(
            Problem(400, f"The body is not JSON: {error.msg} at {place}.", "invalid-json")
        ) from error
    except (RecursionError, ValueError) as error:
        raise Refused(Problem(400, "The body is nested too deeply or has too long a number.")) from error
    problems = list(_unstorable(value))
    if problems:
        raise invalid(problems)
    return value


def read_body(request: Request, model: type[Model]) -> Model:
    """The body as ``model``; an absent one is empty. Refuses with 400 and every problem at once."""
    data = request.data if request.data is not None else {}
    if not isinstance(data, Mapping):
        raise invalid([{"detail": "The body must be a JSON object.", "pointer": "#"}])
    try:
        return model.model_validate(dict(data))
    except pydantic.ValidationError as error:
        raise invalid(_problem(found) for found in error.errors()[:MOST_PROBLEMS]) from error


def check_input_size(given: Any, what: str = "The input") -> None:
    """Refuses with 413 an execution's input, or what comes with a word, that is too large to be stored."""
    if given is not None and len(orjson.dumps(given)) > conf.MAX_INPUT_BYTES:
        raise too_large(conf.MAX_INPUT_BYTES, what)


def escaped(part: object) -> str:
    """One step of a JSON pointer."""
    return str(part).replace("~", "~0").replace("/", "~1")


def _problem(found: Any) -> dict[str, str]:
    pointer = "#" + "".join(f"/{escaped(part)}" for part in found["loc"])
    if found["type"] == "extra_forbidden":
        return {"detail": f"There is no field {found['loc'][-1]!r} here.", "pointer": pointer}
    name = f"{found['loc'][-1]}: " if found["loc"] else ""
    return {"detail": name + found["msg"].removeprefix("Value error, "), "pointer": pointer}


def _unstorable(root: Any) -> Iterator[dict[str, str]]:
    """What JSON text can say and a row cannot hold. Not recursive: the depth is the sender's."""
    found, pending = 0, [(root, "#", 0)]
    while pending and found < MOST_PROBLEMS:
        value, pointer, depth = pending.pop()
        if depth > conf.MAX_JSON_DEPTH:
            yield {"detail": f"Nested deeper than {conf.MAX_JSON_DEPTH} levels.", "pointer": pointer}
            return
        detail = _detail(value)
        if detail:
            found += 1
            yield {"detail": detail, "pointer": pointer}
        pending += [(part, f"{pointer}/{escaped(step)}", depth + 1) for step, part in _parts(value)]


def _parts(value: Any) -> Iterator[tuple[object, Any]]:
    if isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, list):
        yield from enumerate(value)


def _detail(value: Any) -> str:
    match value:
        case str():
            return _text_detail(value)
        case float() if not isfinite(value):
            return "NaN and infinities are not JSON numbers."
        case int() if not SMALLEST <= value <= LARGEST:
            return "The number does not fit 64 bits: send it as text."
        case dict():
            return next(filter(None, map(_text_detail, value)), "")
    return ""


def _text_detail(text: str) -> str:
    if "\x00" in text:
        return "A NUL character cannot be stored."
    try:
        text.encode()
    except UnicodeEncodeError:
        return "Half a surrogate pair is not text."
    return ""
