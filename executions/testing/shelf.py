"""The definitions that a test works with: as the test hands them in, as apps have them, or as published."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workflows import discovery, library
from workflows.builder import Workflow
from workflows.definition import Definition, parse
from workflows.models import WorkflowVersion

Written = Workflow | Mapping[str, Any] | str
"""A builder, a document, or the id of a workflow."""


class Shelf:
    """What is put on it goes before what apps have in their modules, and that before the library.

    Only the library needs the database.
    """

    def __init__(self) -> None:
        self._documents: dict[str, dict[str, Any]] = {}
        self._versions: dict[int, WorkflowVersion] = {}
        self._definitions: dict[int, Definition] = {}
        self._by_workflow: dict[str, int] = {}

    def put(self, written: Workflow | Mapping[str, Any]) -> str:
        """The workflow's id."""
        document = written.definition() if isinstance(written, Workflow) else dict(written)
        workflow_id = str(document.get("id"))
        self._documents[workflow_id] = document
        self._by_workflow.pop(workflow_id, None)
        return workflow_id

    def version(self, written: Written) -> WorkflowVersion:
        """A version that is stored nowhere. Raises ``InvalidDefinition`` and ``WorkflowNotFound``."""
        workflow_id = written if isinstance(written, str) else self.put(written)
        number = self._by_workflow.get(workflow_id)
        if number is None:
            number = self._by_workflow[workflow_id] = self._add(workflow_id)
        return self._versions[number]

    def definition(self, number: int) -> Definition:
        """Of the version with that primary key."""
        return self._definitions[number]

    def definitions(self) -> list[Definition]:
        """Those that have been used."""
        return list(self._definitions.values())

    def _add(self, workflow_id: str) -> int:
        document = self._documents.get(workflow_id) or discovery.documents().get(workflow_id)
        if document is None:
            document = library.current(workflow_id).definition
        number = len(self._versions) + 1
        self._definitions[number] = parse(document)
        self._versions[number] = WorkflowVersion(
            pk=number, definition_id=workflow_id, number=1, label=document["version"], definition=document
        )
        return number
