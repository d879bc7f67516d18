"""Every procedure by its name."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from procedures.context import Context
from procedures.contracts import Contract
from procedures.errors import ProcedureNotFound


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
    isolation: str = "none"
    """``process``: each call has a child process that can be killed."""
    memory_limit: int | None = None
    """MiB that such a process may use."""
    timeout: dict[str, float] = field(default_factory=dict)
    """``{startToClose, scheduleToStart, heartbeat}`` in seconds, where a node says nothing."""
    module: str = ""
    """Where it is declared: ``module:line``."""

    @property
    def wants_context(self) -> bool:
        return self.contract.context_parameter is not None

    @property
    def is_isolated(self) -> bool:
        return self.isolation == "process"

    def document(self) -> dict[str, Any]:
        """What the catalogue tells of it, as JSON data; how it is run, where that is out of the ordinary."""
        unusual = {
            "transactional": self.transactional,
            "isolation": self.isolation if self.is_isolated else None,
            "memoryLimit": self.memory_limit,
            "timeout": self.timeout,
        }
        return {
            "name": self.name,
            "description": self.description,
            "metadata": self.metadata,
            "inputSchema": self.contract.input_schema,
            "outputSchema": self.contract.output_schema,
            **{key: value for key, value in unusual.items() if value},
        }

    def bind(self, values: dict[str, Any], context: Context | None = None) -> dict[str, Any]:
        """The handler's keyword arguments. Raises ``InvalidInput``."""
        arguments = self.contract.validate_input(values)
        parameter = self.contract.context_parameter
        if parameter is not None:
            arguments[parameter] = context if context is not None else Context(procedure=self.name)
        return arguments


@dataclass(frozen=True, slots=True)
class Fault:
    """A declaration that was refused; told by the system checks as error ``code``."""

    name: str
    problem: str
    hint: str
    place: str
    code: str = "c4c.E001"


class Registry:
    def __init__(self) -> None:
        self._procedures: dict[str, Procedure] = {}
        self.faults: list[Fault] = []

    def add(self, procedure: Procedure) -> None:
        """The first of a name stays; another one is a fault."""
        known = self._procedures.setdefault(procedure.name, procedure)
        if known is not procedure:
            hint = f"It is declared at {known.module} already; give one of them another name."
            self.faults.append(Fault(procedure.name, "its name is taken", hint, procedure.module, "c4c.E002"))

    def get(self, name: str) -> Procedure:
        """Raises ``ProcedureNotFound`` with the nearest names, or with why its declaration was refused."""
        found = self._procedures.get(name)
        if found is None:
            nearest = difflib.get_close_matches(name, self._procedures, n=3)
            raise ProcedureNotFound(name, nearest, self._why_refused(name))
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

    def _why_refused(self, name: str) -> str:
        faults = (fault for fault in self.faults if fault.name == name)
        return next((f"its declaration at {fault.place} is refused, {fault.problem}" for fault in faults), "")


registry = Registry()
