"""An execution's input: what of it is secret, by its workflow's ``inputSchema`` and by who starts it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import orjson

from executions.vault.keys import digest
from executions.vault.known import Secrets
from executions.vault.marks import marks
from executions.vault.stored import encode_marked, is_special

Problem = dict[str, Any]


class SealedInput(NamedTuple):
    """``encoded`` is what its column gets; ``secrets`` what the execution begins with: None, it has none."""

    encoded: bytes
    secrets: Secrets | None


def sealed_input(
    schema: Mapping[str, Any] | None, given: dict[str, Any], encoded: bytes, known: Secrets | None = None
) -> SealedInput:
    """``encoded`` is the input's JSON; ``known`` are the secrets of who hands it on."""
    marked = marks(schema)
    if not (marked.of(given) or is_special(encoded) or (known is not None and known.are_in(encoded))):
        return SealedInput(encoded, None)
    secrets = Secrets()
    if known is not None:
        secrets.learn(known.found_in_json(encoded))
    return SealedInput(encode_marked(given, secrets, marked).stored, secrets)


def blinded(
    schema: Mapping[str, Any] | None, given: dict[str, Any], secrets: Secrets | None
) -> dict[str, Any]:
    """A copy with digests for secrets: they tell texts apart, as keys of limits do, and nothing else."""
    if secrets is None:
        return given
    fields = marks(schema).of(given)
    return {
        name: f"#{digest(orjson.dumps(item).decode())}" if name in fields else _blinded(item, secrets)
        for name, item in given.items()
    }


def _blinded(value: Any, secrets: Secrets) -> Any:
    match value:
        case str():
            for known in secrets.found_in(value):
                value = value.replace(known, f"#{digest(known)}")
            return value
        case dict():
            return {_blinded(name, secrets): _blinded(item, secrets) for name, item in value.items()}
        case list():
            return [_blinded(item, secrets) for item in value]
    return value


def unseen(problems: Iterable[Problem], schema: Mapping[str, Any] | None, given: Any) -> list[Problem]:
    """What is wrong with an input, without the secrets in it. Pointers are as ``/input/field``."""
    fields = marks(schema).of(given) if isinstance(given, Mapping) else frozenset()
    if not fields:
        return list(problems)
    secrets = Secrets()
    for name in fields:
        secrets.learn(given[name])
    return [_unseen(problem, fields, secrets) for problem in problems]


def filled_in(given: Any, real: Any, shown: Any) -> Any:
    """``given``, and where it repeats what is shown in place of a secret, the real value: an edited copy."""
    if isinstance(given, dict) and isinstance(real, dict) and isinstance(shown, dict):
        known = real.keys() & shown.keys()
        return {
            name: filled_in(item, real[name], shown[name]) if name in known else item
            for name, item in given.items()
        }
    lists = isinstance(given, list) and isinstance(real, list) and isinstance(shown, list)
    if lists and len(given) == len(real) == len(shown):
        return [filled_in(*each) for each in zip(given, real, shown, strict=True)]
    return real if given == shown else given


def _unseen(problem: Problem, fields: frozenset[str], secrets: Secrets) -> Problem:
    _, _, way = problem["pointer"].partition("/input/")
    field = way.split("/")[0].replace("~1", "/").replace("~0", "~")
    if way and field in fields:
        return {**problem, "detail": "does not fit the schema (its value is secret)"}
    return {**problem, "detail": secrets.masked_text(problem["detail"])}
