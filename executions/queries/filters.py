"""What a list of executions may be narrowed by, read from a query string."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

from django.db.models import Q
from django.utils.dateparse import parse_datetime

from executions.errors import ExecutionError
from executions.models import ExecutionQuerySet
from executions.states import ExecutionStatus

Parameters = Mapping[str, Any]


class InvalidFilter(ExecutionError):
    """A filter that cannot be read. ``problems`` is ``[{detail, pointer}]``."""

    def __init__(self, problems: list[dict[str, str]]) -> None:
        super().__init__(problems[0]["detail"])
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Wanted:
    """Values of which one must match, and values of which none may (written ``!value``)."""

    any_of: tuple[str, ...] = ()
    none_of: tuple[str, ...] = ()

    @classmethod
    def of(cls, values: Sequence[str]) -> Wanted:
        refused = tuple(value[1:] for value in values if value.startswith("!"))
        return cls(tuple(value for value in values if value and not value.startswith("!")), refused)


@dataclass(frozen=True, slots=True)
class Filters:
    """Narrows a list of executions; filters of different names must all hold."""

    status: Wanted = field(default_factory=Wanted)
    workflow: Wanted = field(default_factory=Wanted)
    tag: Wanted = field(default_factory=Wanted)
    trigger: tuple[str, ...] = ()
    parent: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    prefixes: tuple[str, ...] = ()

    @classmethod
    def read(cls, parameters: Parameters) -> Filters:
        """From a QueryDict, or a mapping of names to a value or a list of values. Raises InvalidFilter."""
        problems = [*_status_problems(_values(parameters, "status"))]
        since = _moment(parameters, "since", problems)
        until = _moment(parameters, "until", problems)
        problems += [_nul(name) for name in parameters if any("\x00" in v for v in _values(parameters, name))]
        if problems:
            raise InvalidFilter(problems)
        return cls(
            status=Wanted.of(_values(parameters, "status")),
            workflow=Wanted.of(_values(parameters, "workflowId")),
            tag=Wanted.of(_values(parameters, "tag")),
            trigger=_values(parameters, "trigger"),
            parent=_values(parameters, "parent"),
            since=since,
            until=until,
            prefixes=_values(parameters, "q"),
        )

    @property
    def digest(self) -> str:
        """The same for the same filters: what a cursor is bound to."""
        text = json.dumps(asdict(self), default=str, sort_keys=True)
        return blake2b(text.encode(), digest_size=8).hexdigest()

    def apply(self, executions: ExecutionQuerySet) -> ExecutionQuerySet:
        return executions.filter(
            _wanted("status__in", self.status),
            _wanted("workflow_id__in", self.workflow),
            _wanted("tags__overlap", self.tag, list),
            Q(trigger__in=self.trigger) if self.trigger else Q(),
            Q(parent_id__in=self.parent) if self.parent else Q(),
            Q(queued_at__gte=self.since) if self.since else Q(),
            Q(queued_at__lt=self.until) if self.until else Q(),
            _starting_with(self.prefixes),
        )


def _wanted(lookup: str, wanted: Wanted, made: type[list[str]] | type[tuple[str, ...]] = tuple) -> Q:
    narrowed = Q(**{lookup: made(wanted.any_of)}) if wanted.any_of else Q()
    return narrowed & ~Q(**{lookup: made(wanted.none_of)}) if wanted.none_of else narrowed


def _starting_with(prefixes: tuple[str, ...]) -> Q:
    found = Q()
    for prefix in prefixes:
        found |= Q(id__startswith=prefix) | Q(key__startswith=prefix)
    return found


def _values(parameters: Parameters, name: str) -> tuple[str, ...]:
    found = parameters.getlist(name) if hasattr(parameters, "getlist") else parameters.get(name, ())
    listed = (found,) if isinstance(found, str) else found
    return tuple(sorted({str(value) for value in listed if str(value)}))


def _status_problems(values: tuple[str, ...]) -> list[dict[str, str]]:
    known = ", ".join(ExecutionStatus)
    return [
        {"detail": f"There is no status {value!r}. There are: {known}.", "pointer": "#/query/status"}
        for value in values
        if value.removeprefix("!") not in set(ExecutionStatus)
    ]


def _moment(parameters: Parameters, name: str, problems: list[dict[str, str]]) -> datetime | None:
    values = _values(parameters, name)
    if not values:
        return None
    try:
        return _read_moment(values[-1])
    except (ValueError, OverflowError, OSError):
        detail = f"{values[-1]!r} is not a time: write 2026-11-21T09:00:00Z, or epoch milliseconds."
        problems.append({"detail": detail, "pointer": f"#/query/{name}"})
        return None


def _read_moment(value: str) -> datetime:
    if value.isdigit():
        return datetime.fromtimestamp(int(value) / 1000, tz=UTC)
    moment = parse_datetime(value.replace(" ", "+"))
    if moment is None:
        raise ValueError(value)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _nul(name: str) -> dict[str, str]:
    return {"detail": "A NUL byte cannot be part of a filter.", "pointer": f"#/query/{name}"}
