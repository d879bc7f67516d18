"""Workflows written in Python: each builder that an app's ``workflows`` module keeps under a name."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

from django.apps import apps

from workflows.builder import Workflow


@dataclass(frozen=True, slots=True)
class Found:
    """``place`` is the module and line where the builder was made."""

    workflow: Workflow
    place: str


def found() -> list[Found]:
    """In the order of INSTALLED_APPS, then of the module; one that several modules import counts once."""
    seen: dict[int, Found] = {}
    for config in apps.get_app_configs():
        module = sys.modules.get(f"{config.name}.workflows")
        for value in vars(module).values() if module else ():
            for workflow in value if isinstance(value, list | tuple) else (value,):
                if isinstance(workflow, Workflow):
                    seen.setdefault(id(workflow), Found(workflow, workflow.place))
    return list(seen.values())


def documents() -> dict[str, dict[str, Any]]:
    """By id; of two with the same id the first (a system check names both)."""
    by_id: dict[str, dict[str, Any]] = {}
    for one in found():
        by_id.setdefault(one.workflow.id, one.workflow.definition())
    return by_id
