"""Parsed definitions by version: immutable, so kept."""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor

from django.db import connections

from workflows import library
from workflows.definition import Definition
from workflows.models import WorkflowVersion

MOST = 1000


class Definitions:
    """Read in ``threads``: user code may keep those that the loop lends."""

    def __init__(self, threads: Executor) -> None:
        self._threads = threads
        self._known: dict[int, Definition] = {}

    async def get(self, version_id: int) -> Definition:
        found = self._known.get(version_id)
        if found is None:
            loop = asyncio.get_running_loop()
            found = await loop.run_in_executor(self._threads, _read, version_id)
            if len(self._known) >= MOST:
                self._known.clear()
            self._known[version_id] = found
        return found


def _read(version_id: int) -> Definition:
    try:
        return library.definition(WorkflowVersion.objects.get(pk=version_id))
    finally:
        connections.close_all()
