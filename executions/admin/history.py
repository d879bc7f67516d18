"""What an execution leaves behind, and who drives executions. All of it is the engine's own."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString

from executions.admin.wording import duration, without_stack
from executions.models import Command, Event, Executor, NodeRun
from executions.permissions import may
from workflows.admin.reading import ReadOnlyAdmin, link, pretty


class HistoryAdmin(ReadOnlyAdmin):
    """Searched by execution alone: on a large table every other way would read all of it."""

    search_fields = ("execution_id__exact",)
    search_help_text = "The id of an execution"

    @admin.display(description="Execution")
    def of(self, row: Any) -> SafeString:
        return link(row.execution_id, "admin:c4c_executions_execution_change", row.execution_id)


@admin.register(NodeRun)
class NodeRunAdmin(HistoryAdmin):
    list_display = ("id", "of", "index", "node_id", "kind", "status", "attempt", "started_at", "took")
    heavy = ("input", "output", "error", "attempts", "spans")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Stack traces are for those who operate."""
        error = "error_with_stack" if may(request.user, "see_errors", obj) else "error_told"
        place = ("of", "index", "node_id", "kind", "procedure", "previous", "scope", "branch")
        standing = ("status", "wait_reason", "awaits", "attempt", "lost", "adopted_from", "next_node_id")
        times = ("started_at", "attempt_at", "ended_at", "took", "available_at", "ended_seq")
        return (*place, *standing, *times, "input_json", "output_json", error, "attempts_json")

    @admin.display(description="Took")
    def took(self, run: NodeRun) -> str:
        return duration(run.started_at, run.ended_at)

    @admin.display(description="Input")
    def input_json(self, run: NodeRun) -> str:
        return pretty(run.input)

    @admin.display(description="Output")
    def output_json(self, run: NodeRun) -> str:
        return pretty(run.output)

    @admin.display(description="Error")
    def error_with_stack(self, run: NodeRun) -> str:
        return pretty(run.error)

    @admin.display(description="Error")
    def error_told(self, run: NodeRun) -> str:
        return pretty(without_stack(run.error))

    @admin.display(description="Past attempts")
    def attempts_json(self, run: NodeRun) -> str:
        return pretty([past | {"error": without_stack(past.get("error"))} for past in run.attempts])


@admin.register(Event)
class EventAdmin(HistoryAdmin):
    list_display = ("id", "of", "seq", "type", "at")
    heavy = ("data",)
    fields = ("of", "seq", "type", "at", "data_json")

    @admin.display(description="Data")
    def data_json(self, event: Event) -> str:
        return pretty(event.data)


@admin.register(Command)
class CommandAdmin(HistoryAdmin):
    list_display = ("id", "of", "kind", "actor", "created_at", "handled_at", "outcome")
    heavy = ("payload",)
    fields = ("of", "kind", "actor", "created_at", "handled_at", "outcome", "payload_json")

    @admin.display(description="Payload")
    def payload_json(self, command: Command) -> str:
        return pretty(command.payload)


@admin.register(Executor)
class ExecutorAdmin(ReadOnlyAdmin):
    list_display = ("id", "hostname", "pid", "concurrency", "is_live", "heartbeat_at", "started_at")
    keyset = ("started_at", "id")

    @admin.display(description="Live", boolean=True)
    def is_live(self, executor: Executor) -> bool:
        return executor.expires_at > timezone.now()
