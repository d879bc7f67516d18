"""Parsed definitions by version: immutable, so kept."""

from __future__ import annotations

from asgiref.sync import sync_to_async
from django.db import close_old_connections

from workflows import library
from workflows.definition import Definition
from workflows.models import WorkflowVersion

MOST = 1000


class Definitions:
    def __init__(self) -> None:
        self._known: dict[int, Definition] = {}

    async def get(self, version_id: int) -> Definition:
        found = self._known.get(version_id)
        if found is None:
            found = await sync_to_async(_read, thread_sensitive=False)(version_id)
            if len(self._known) >= MOST:
                self._known.clear()
            self._known[version_id] = found
        return found


def _read(version_id: int) -> Definition:
    try:
        return library.definition(WorkflowVersion.objects.get(pk=version_id))
    finally:
        close_old_connections()
