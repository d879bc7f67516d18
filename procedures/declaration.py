"""The decorator that makes a procedure of a function."""

from __future__ import annotations

import functools
import inspect
import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from procedures.contracts import Contract
from procedures.errors import BadProcedure
from procedures.registry import Fault, Procedure, Registry, registry
from procedures.running import require_isolation, timeouts
from procedures.signatures import is_async

Handler = TypeVar("Handler", bound=Callable[..., Any])
NAME = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
EXPOSURES = ("internal", "external")
ROLES = ("workflow-node", "api-endpoint", "sdk-client", "trigger")
LONGEST_NAME = 200


def procedure(  # noqa: PLR0913  (each has a name and a default)
    name: str = "",
    *,
    description: str = "",
    category: str = "",
    tags: Iterable[str] = (),
    exposure: str = "external",
    roles: Iterable[str] = ("workflow-node", "api-endpoint", "sdk-client"),
    transactional: bool = False,
    isolation: str = "none",
    memory_limit: int | None = None,
    timeout: float | Mapping[str, float] | None = None,
    metadata: dict[str, Any] | None = None,
    into: Registry = registry,
) -> Callable[[Handler], Handler]:
    """Declare a procedure; the function stays as it is and can be called as before.

    ``transactional``: its ORM writes and its node's result are one transaction (sync functions only).
    ``isolation="process"``: it runs in a process that can be killed; ``memory_limit`` (MiB) is for these.
    ``timeout``: seconds for an attempt, or ``{startToClose, scheduleToStart, heartbeat}``; a node's own wins.
    ``metadata``: whatever else is to be known of it, as JSON. A declaration that is wrong is left out and
    told by the system checks, with its place.
    """

    def declare(handler: Handler) -> Handler:
        place = place_of(handler)
        try:
            _require_name(name)
            _require_callable(handler, transactional)
            require_isolation(isolation, memory_limit, transactional)
            told = _metadata(metadata, exposure, roles, category, tags)
            made = Procedure(
                name=name,
                handler=handler,
                contract=Contract(handler, name),
                description=description or inspect.cleandoc(handler.__doc__ or ""),
                metadata=told,
                is_async=is_async(handler),
                transactional=transactional,
                isolation=isolation,
                memory_limit=memory_limit,
                timeout=timeouts(timeout),
                module=place,
            )
        except BadProcedure as error:
            hint = error.hint or "Mend the declaration; until then the procedure is not registered."
            into.faults.append(Fault(str(name), str(error), hint, place))
        else:
            into.add(made)
        return handler

    if callable(name):  # @procedure without a call: what should be the name is the function
        handler, name = name, ""
        return declare(handler)
    return declare


def place_of(handler: Any) -> str:
    """``module:line``, where that can be known."""
    while isinstance(handler, functools.partial):
        handler = handler.func
    code = getattr(inspect.unwrap(handler), "__code__", None)
    module = getattr(handler, "__module__", type(handler).__module__)
    return f"{module}:{code.co_firstlineno}" if code else str(module)


def _require_name(name: object) -> None:
    if not isinstance(name, str) or not NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        raise BadProcedure(
            'it needs a name such as "orders.create": words of letters, digits, _ and -, joined by dots, '
            f"at most {LONGEST_NAME} characters",
            'Write @procedure("orders.create") above the function.',
        )


def _require_callable(handler: Any, transactional: bool) -> None:
    if not inspect.isroutine(inspect.unwrap(handler)):
        raise BadProcedure("it must be a function")
    if inspect.isgeneratorfunction(handler) or inspect.isasyncgenfunction(handler):
        raise BadProcedure("it yields; a procedure returns its output, once")
    if transactional and is_async(handler):
        raise BadProcedure("transactional=True needs a sync function: Django's transactions are not async")


def _metadata(
    extra: dict[str, Any] | None, exposure: str, roles: Iterable[str], category: str, tags: Iterable[str]
) -> dict[str, Any]:
    if exposure not in EXPOSURES:
        raise BadProcedure(f"exposure is one of {', '.join(EXPOSURES)}, not {exposure!r}")
    listed = _words("roles", roles)
    unknown = [role for role in listed if role not in ROLES]
    if unknown:
        raise BadProcedure(f"unknown roles {', '.join(unknown)}; there are {', '.join(ROLES)}")
    if not isinstance(category, str):
        raise BadProcedure(f"category is a word, not {category!r}")
    optional = {"category": category, "tags": _words("tags", tags)}
    told = {**(extra or {}), "exposure": exposure, "roles": listed}
    told |= {key: value for key, value in optional.items() if value}
    try:
        json.dumps(told, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise BadProcedure(f"its metadata is not JSON: {error}") from None
    return told


def _words(what: str, words: object) -> list[str]:
    if isinstance(words, str) or not isinstance(words, Iterable):
        raise BadProcedure(f"{what} is a list of words, not {words!r}")
    listed = list(words)
    if not all(isinstance(word, str) for word in listed):
        raise BadProcedure(f"{what} is a list of words, not {listed!r}")
    return listed
