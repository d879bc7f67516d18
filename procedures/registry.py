"""Every procedure by its name, and the decorator that puts it there."""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from procedures.context import Context
from procedures.contracts import Contract
from procedures.errors import BadProcedure, ProcedureNotFound

Handler = TypeVar("Handler", bound=Callable[..., Any])
NAME = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
EXPOSURES = ("internal", "external")
ROLES = ("workflow-node", "api-endpoint", "sdk-client", "trigger")
LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Procedure:
    """A typed callable. ``handler`` takes what ``bind`` answers; an async one's answer is awaited."""

    name: str
    handler: Callable[..., Any]
    contract: Contract
    description: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    is_async: bool = False
    transactional: bool = False
    module: str = ""
    """Where it is declared: ``module:line``."""

    @property
    def wants_context(self) -> bool:
        return self.contract.context_parameter is not None

    def bind(self, values: dict[str, Any], context: Context | None = None) -> dict[str, Any]:
        """The handler's keyword arguments. Raises ``InvalidInput``."""
        arguments = self.contract.validate_input(values)
        parameter = self.contract.context_parameter
        if parameter is not None:
            arguments[parameter] = context if context is not None else Context(procedure=self.name)
        return arguments


@dataclass(frozen=True, slots=True)
class Fault:
    """A declaration that is wrong; told by the system checks."""

    name: str
    problem: str
    hint: str
    place: str


class Registry:
    def __init__(self) -> None:
        self._procedures: dict[str, Procedure] = {}
        self.faults: list[Fault] = []

    def add(self, procedure: Procedure) -> None:
        known = self._procedures.get(procedure.name)
        if known is not None and known.module != procedure.module:
            hint = f"It is declared at {known.module} already; give one of them another name."
            self.faults.append(Fault(procedure.name, "its name is taken", hint, procedure.module))
            return
        self._procedures[procedure.name] = procedure

    def get(self, name: str) -> Procedure:
        """Raises ``ProcedureNotFound`` with the nearest names."""
        found = self._procedures.get(name)
        if found is None:
            raise ProcedureNotFound(name, difflib.get_close_matches(name, self._procedures, n=3))
        return found

    def all(self) -> list[Procedure]:
        """By name."""
        return sorted(self._procedures.values(), key=lambda procedure: procedure.name)

    def names(self) -> list[str]:
        return sorted(self._procedures)

    def __contains__(self, name: object) -> bool:
        return name in self._procedures

    def __len__(self) -> int:
        return len(self._procedures)


registry = Registry()


def procedure(
    name: str,
    *,
    description: str = "",
    category: str = "",
    tags: Iterable[str] = (),
    exposure: str = "external",
    roles: Iterable[str] = ("workflow-node", "api-endpoint", "sdk-client"),
    transactional: bool = False,
    metadata: dict[str, Any] | None = None,
) -> Callable[[Handler], Handler]:
    """Declare a procedure; the function stays as it is and can be called as before.

    ``transactional``: its ORM writes and its node's result are one transaction (sync functions only).
    A declaration that is wrong is left out and told by the system checks, with its place.
    """

    def declare(handler: Handler) -> Handler:
        place = _place(handler)
        told = {"exposure": exposure, "roles": list(roles), "category": category, "tags": list(tags)}
        try:
            _require_sound(name, handler, transactional, exposure, told["roles"])
            contract = Contract(handler, name)
        except BadProcedure as error:
            hint = "Mend the declaration; until then the procedure is not registered."
            registry.faults.append(Fault(str(name), str(error), hint, place))
            return handler
        registry.add(
            Procedure(
                name=name,
                handler=handler,
                contract=contract,
                description=description or inspect.cleandoc(handler.__doc__ or ""),
                metadata={**(metadata or {}), **{key: value for key, value in told.items() if value}},
                is_async=inspect.iscoroutinefunction(handler),
                transactional=transactional,
                module=place,
            )
        )
        return handler

    return declare


def _require_sound(
    name: object, handler: Callable[..., Any], transactional: bool, exposure: str, roles: object
) -> None:
    if not isinstance(name, str) or not NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        raise BadProcedure(
            'it needs a name such as "orders.create": words of letters, digits, _ and -, joined by dots'
        )
    if transactional and inspect.iscoroutinefunction(handler):
        raise BadProcedure("transactional=True needs a sync function: Django's transactions are not async")
    if exposure not in EXPOSURES:
        raise BadProcedure(f"exposure is one of {', '.join(EXPOSURES)}, not {exposure!r}")
    unknown = [role for role in roles if role not in ROLES] if isinstance(roles, list) else []
    if unknown:
        raise BadProcedure(f"unknown roles {', '.join(map(str, unknown))}; there are {', '.join(ROLES)}")


def _place(handler: Callable[..., Any]) -> str:
    code = getattr(inspect.unwrap(handler), "__code__", None)
    return f"{handler.__module__}:{code.co_firstlineno}" if code else handler.__module__
