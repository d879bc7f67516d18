"""System checks of the settings."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from executions import conf
from executions.permissions import configuration_problem


@register("c4c")
def check_names(**_: Any) -> list[CheckMessage]:
    """A misspelt setting would silently do nothing."""
    known = conf.names()
    return [
        Warning(f"settings.C4C[{name!r}] is not a setting.", hint=_nearest(name, known), id="c4c.W101")
        for name in getattr(settings, "C4C", {})
        if name not in known
    ]


@register("c4c", deploy=True)
def check_address(**_: Any) -> list[CheckMessage]:
    """An address that others reach wants DEBUG off and a secret key; ``c4c serve`` refuses it as well."""
    problem = configuration_problem()
    return [Error(problem, id="c4c.E101")] if problem else []


def _nearest(name: str, known: frozenset[str]) -> str | None:
    matches = get_close_matches(name.upper(), known, n=1)
    return f"Did you mean {matches[0]}?" if matches else None
