"""System checks: what is wrong with declarations is said at start, with its place.

``c4c.E001`` a declaration that was refused, ``c4c.E002`` a name that is taken, ``c4c.E003`` a package that
hides ours.
"""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Error, register

from procedures.registry import Registry, registry
from procedures.shadows import said, shadows


@register("c4c")
def check_procedures(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    return faults_of(registry)


@register("c4c")
def check_shadows(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    return [Error(f"{said(name, place)}.", id="c4c.E003") for name, place in shadows().items()]


def faults_of(declared: Registry) -> list[CheckMessage]:
    return [
        Error(f"Procedure {fault.name!r} at {fault.place}: {fault.problem}.", hint=fault.hint, id=fault.code)
        for fault in declared.faults
    ]
