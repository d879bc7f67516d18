"""The workflows that a person may start from a page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Func, IntegerField
from django.db.models.fields.json import KeyTransform

from workflows.models import Workflow


@dataclass(frozen=True, slots=True)
class Runnable:
    id: str
    name: str
    description: str
    nodes: int
    input_schema: dict[str, Any] | None


def runnable() -> list[Runnable]:
    """By name. One query; of the definitions only what the control shows."""
    nodes = Func(
        KeyTransform("nodes", "current__definition"),
        function="jsonb_array_length",
        output_field=IntegerField(),
    )
    found = Workflow.objects.filter(current__isnull=False).annotate(
        nodes=nodes, schema=KeyTransform("inputSchema", "current__definition")
    )
    rows = found.order_by("name").values_list("id", "name", "description", "nodes", "schema")
    return [Runnable(*row) for row in rows]
