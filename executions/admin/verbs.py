"""The verbs as actions of the list: each asks ``may`` and calls what the API calls."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from executions import operations
from executions.errors import ExecutionError
from executions.models import Execution
from executions.permissions import actor, may
from executions.states import TERMINAL, ExecutionStatus
from workflows.errors import InvalidDefinition

MOST_AT_ONCE = 1000
REASONS_TOLD = 5

Verb = Callable[[str], object]


class ExecutionVerbs(admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs only
    """The verbs that need no more words. Nothing else about an execution can be changed by hand."""

    actions = ("cancel", "terminate", "pause", "resume", "retry", "rerun")

    @admin.action(description="Cancel", permissions=["cancel"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Execution]) -> None:
        who = actor(request)
        self._each(request, queryset, "cancel", lambda id: operations.cancel(id, actor=who))

    @admin.action(description="Terminate: end now, undo nothing", permissions=["terminate"])
    def terminate(self, request: HttpRequest, queryset: QuerySet[Execution]) -> None:
        who = actor(request)
        self._each(request, queryset, "terminate", lambda id: operations.terminate(id, actor=who))

    @admin.action(description="Pause", permissions=["pause"])
    def pause(self, request: HttpRequest, queryset: QuerySet[Execution]) -> None:
        who = actor(request)
        self._each(request, queryset, "pause", lambda id: operations.pause(id, actor=who))

    @admin.action(description="Resume", permissions=["resume"])
    def resume(self, request: HttpRequest, queryset: QuerySet[Execution]) -> None:
        who = actor(request)
        self._each(request, queryset, "resume", lambda id: operations.resume(id, actor=who))

    @admin.action(description="Retry as new executions", permissions=["retry"])
    def retry(self, request: HttpRequest, queryset: QuerySet[Execution]) -> None:
        who = actor(request)
        self._each(request, queryset, "retry", lambda id: operations.retry(id, actor=who))

    @admin.action(description="Run again as new executions", permissions=["rerun"])
    def rerun(self, request: HttpRequest, queryset: QuerySet[Execution]) -> None:
        who = actor(request)
        self._each(request, queryset, "rerun", lambda id: operations.rerun(id, actor=who))

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        return may(request.user, "cancel")

    def has_terminate_permission(self, request: HttpRequest) -> bool:
        return may(request.user, "terminate")

    def has_pause_permission(self, request: HttpRequest) -> bool:
        return may(request.user, "pause")

    def has_resume_permission(self, request: HttpRequest) -> bool:
        return may(request.user, "resume")

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return may(request.user, "retry")

    def has_rerun_permission(self, request: HttpRequest) -> bool:
        return may(request.user, "rerun")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only what has ended; an execution under way is cancelled first."""
        ended = obj is None or ExecutionStatus(obj.status).is_terminal
        return ended and may(request.user, "delete", obj)

    def get_deleted_objects(
        self, objs: Iterable[Execution], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """For the page that asks: the executions themselves, not their thousands of node runs and events."""
        found = list(objs)
        active = [f"{one} is {one.status}: cancel it first" for one in found if one.status not in TERMINAL]
        return [str(one) for one in found], {"executions": len(found)}, set(), active

    def delete_model(self, request: HttpRequest, obj: Execution) -> None:
        operations.delete(obj.pk)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Execution]) -> None:
        _, refused = _do(queryset, operations.delete)
        self._tell_refused(request, refused)

    def _each(self, request: HttpRequest, queryset: QuerySet[Execution], word: str, verb: Verb) -> None:
        done, refused = _do(queryset, verb)
        if done:
            self.message_user(request, f"{word}: {done} of {done + len(refused)} accepted", messages.SUCCESS)
        self._tell_refused(request, refused)

    def _tell_refused(self, request: HttpRequest, refused: list[str]) -> None:
        for reason in refused[:REASONS_TOLD]:
            self.message_user(request, reason, messages.WARNING)
        if len(refused) > REASONS_TOLD:
            more = len(refused) - REASONS_TOLD
            self.message_user(request, f"and {more} more were refused", messages.WARNING)


def _do(queryset: QuerySet[Execution], verb: Verb) -> tuple[int, list[str]]:
    """How many were accepted, and why the others were not."""
    ids = queryset.values_list("pk", flat=True)[:MOST_AT_ONCE]
    reasons = [_refusal(id, verb) for id in ids]
    refused = [reason for reason in reasons if reason]
    return len(reasons) - len(refused), refused


def _refusal(execution_id: str, verb: Verb) -> str:
    try:
        verb(execution_id)
    except (ExecutionError, InvalidDefinition) as error:
        return f"{execution_id}: {error}"
    return ""
