"""System checks: what is wrong with declarations is said at start, with its place."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Error, register

from procedures.registry import registry


@register("c4c")
def check_procedures(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Every declaration that could not be registered."""
    return [
        Error(f"Procedure {fault.name!r} at {fault.place}: {fault.problem}.", hint=fault.hint, id="c4c.E001")
        for fault in registry.faults
    ]
