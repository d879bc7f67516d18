"""System checks of the settings."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.db import DEFAULT_DB_ALIAS, router

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


@register("c4c")
def check_payload_storage(**_: Any) -> list[CheckMessage]:
    """Large values would fail their nodes, one by one."""
    alias = conf.conf.PAYLOAD_STORAGE
    if conf.conf.OFFLOAD_BYTES is None or alias in settings.STORAGES:
        return []
    hint = f"Name one of STORAGES ({', '.join(settings.STORAGES)}), or add it there."
    return [Error(f"C4C['PAYLOAD_STORAGE'] is {alias!r}, which is no storage.", hint=hint, id="c4c.E103")]


@register("c4c", deploy=True)
def check_address(**_: Any) -> list[CheckMessage]:
    """An address that others reach wants DEBUG off and a secret key; ``c4c serve`` refuses it as well."""
    problem = configuration_problem()
    return [Error(problem, id="c4c.E101")] if problem else []


@register("c4c")
def check_database(**_: Any) -> list[CheckMessage]:
    """What an execution is made of is written in one transaction, so it is all in one database."""
    models = [
        each
        for label in ("c4c_workflows", "c4c_executions")
        for each in apps.get_app_config(label).get_models()
    ]
    astray = sorted({found for each in models if (found := router.db_for_write(each)) != DEFAULT_DB_ALIAS})
    return [
        Error(
            f"A database router sends c4c's tables to {alias!r}; they must be in {DEFAULT_DB_ALIAS!r}.",
            hint="Let db_for_read and db_for_write answer None for c4c_workflows and c4c_executions.",
            id="c4c.E102",
        )
        for alias in astray
    ]


def _nearest(name: str, known: frozenset[str]) -> str | None:
    matches = get_close_matches(name.upper(), known, n=1)
    return f"Did you mean {matches[0]}?" if matches else None
