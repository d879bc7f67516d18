"""What is on its way: bulk operations, letters and events; and what executions wait for: queues and lanes."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from executions.models import BulkOperation, Emission, Lane, Letter, Queue, Slot
from executions.operations import bulk
from executions.permissions import may
from workflows.admin.reading import ReadOnlyAdmin, link, pretty


@admin.register(BulkOperation)
class BulkOperationAdmin(ReadOnlyAdmin):
    list_display = ("id", "action", "status", "actor", "applied", "refused", "total", "created_at")
    list_filter = ("status", "action")
    keyset = ("created_at", "id")
    heavy = ("ids", "problems", "options")
    actions = ("stop",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        asked = ("id", "action", "actor", "operator", "options_json", "filter_json", "ids_named")
        come = ("status", "total", "applied", "refused", "problems_json")
        return (*asked, *come, "created_at", "updated_at", "ended_at")

    @admin.action(description="Stop: leave the rest as it is", permissions=["stop"])
    def stop(self, request: HttpRequest, queryset: QuerySet[BulkOperation]) -> None:
        for operation in queryset:
            if may(request.user, operation.action):
                bulk.stop(operation.pk)
            else:
                self.message_user(
                    request, f"{operation}: you may not {operation.action} executions", messages.WARNING
                )

    def has_stop_permission(self, request: HttpRequest) -> bool:
        return may(request.user, "cancel")

    @admin.display(description="Options")
    def options_json(self, operation: BulkOperation) -> str:
        return pretty(operation.options)

    @admin.display(description="Filter")
    def filter_json(self, operation: BulkOperation) -> str:
        return pretty(operation.filter)

    @admin.display(description="Ids named")
    def ids_named(self, operation: BulkOperation) -> str:
        return "" if operation.ids is None else str(len(operation.ids))

    @admin.display(description="First refusals")
    def problems_json(self, operation: BulkOperation) -> str:
        return pretty(operation.problems)


@admin.register(Emission)
class EmissionAdmin(ReadOnlyAdmin):
    list_display = ("id", "name", "key", "at", "delivered_at")
    search_fields = ("name__exact",)
    search_help_text = "The name of an event"
    heavy = ("payload",)
    fields = ("name", "key", "at", "delivered_at", "payload_json")

    @admin.display(description="Payload")
    def payload_json(self, emission: Emission) -> str:
        return pretty(emission.payload)


@admin.register(Letter)
class LetterAdmin(ReadOnlyAdmin):
    list_display = ("id", "to", "kind")
    search_fields = ("recipient_id__exact",)
    search_help_text = "The id of the execution that it is for"
    heavy = ("payload",)
    fields = ("to", "kind", "payload_json")

    @admin.display(description="To")
    def to(self, letter: Letter) -> SafeString:
        return link(letter.recipient_id, "admin:c4c_executions_execution_change", letter.recipient_id)

    @admin.display(description="Payload")
    def payload_json(self, letter: Letter) -> str:
        return pretty(letter.payload)


@admin.register(Queue)
class QueueAdmin(ReadOnlyAdmin):
    list_display = ("name", "paused_at", "paused_by")
    keyset = ("name",)


@admin.register(Lane)
class LaneAdmin(ReadOnlyAdmin):
    list_display = ("name", "queue", "blocked_by", "check_at", "served_at")
    list_filter = ("queue",)
    keyset = ("name",)
    heavy = ("gate",)
    fields = ("name", "queue", "blocked_by", "check_at", "served_at", "gate_json")

    @admin.display(description="Limits")
    def gate_json(self, lane: Lane) -> str:
        return pretty(lane.gate)


@admin.register(Slot)
class SlotAdmin(ReadOnlyAdmin):
    list_display = ("id", "key", "of", "until")
    search_fields = ("key__exact", "execution_id__exact")
    search_help_text = "A key, or the id of an execution"
    fields = ("key", "of", "until")

    @admin.display(description="Execution")
    def of(self, slot: Slot) -> SafeString:
        return link(slot.execution_id, "admin:c4c_executions_execution_change", slot.execution_id)
