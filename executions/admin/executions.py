"""The executions: found by status, workflow, day, id or key; operated by actions."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from executions.admin.verbs import ExecutionVerbs
from executions.admin.wording import duration, without_stack
from executions.models import Execution
from executions.permissions import may
from workflows.admin.reading import ReadOnlyAdmin, link, pretty
from workflows.models import Workflow

MOST_WORKFLOWS = 200
"""Choices in the filter; a list longer than that is searched rather than read."""


class WorkflowFilter(admin.SimpleListFilter):
    """By a workflow of the library. Any other id in the address works as well."""

    title = "workflow"
    parameter_name = "workflow_id"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return list(Workflow.objects.order_by("name").values_list("id", "name")[:MOST_WORKFLOWS])

    def queryset(self, request: HttpRequest, queryset: QuerySet[Execution]) -> QuerySet[Execution]:
        workflow_id = self.value()
        return queryset.filter(workflow_id=workflow_id) if workflow_id else queryset


FIELDSETS = [
    (None, {"fields": ("id", "workflow_name", "version", "status", "wait_reason", "history")}),
    ("Start", {"fields": ("trigger", "key", "tags", "priority", "parent", "retry_of", "rerun_of")}),
    ("Times", {"fields": ("queued_at", "started_at", "ended_at", "took", "deadline_at", "available_at")}),
    (
        "Engine",
        {
            "fields": ("queue", "lane", "admitted_at", "leased_by", "lease_token", "last_seq", "trace_id"),
            "classes": ("collapse",),
        },
    ),
]


@admin.register(Execution)
class ExecutionAdmin(ExecutionVerbs, ReadOnlyAdmin):
    list_display = ("id", "workflow_name", "version_number", "status", "trigger", "queued_at", "took", "key")
    list_filter = ("status", WorkflowFilter, "queued_at")
    search_fields = ("id", "key")
    search_help_text = "The beginning of an id or a key"
    keyset = ("queued_at", "id")
    heavy = ("input", "result", "error")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Execution]:
        return super().get_queryset(request).select_related("version").defer("version__definition")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Execution], search_term: str
    ) -> tuple[QuerySet[Execution], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        return queryset.filter(Q(id__startswith=term) | Q(key__startswith=term)), False

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Stack traces are for those who operate."""
        error = "error_with_stack" if may(request.user, "see_errors", obj) else "error_told"
        return [*FIELDSETS, ("Data", {"fields": ("input_json", "result_json", error)})]

    def view_on_site(self, execution: Execution) -> str | None:
        """Its live page, where the project has mounted the pages."""
        try:
            return reverse("c4c:execution", args=[execution.pk])
        except NoReverseMatch:
            return None

    @admin.display(description="Version")
    def version_number(self, execution: Execution) -> str:
        return f"v{execution.version.number}" if execution.version.number else "inline"

    @admin.display(description="Took")
    def took(self, execution: Execution) -> str:
        return duration(execution.started_at, execution.ended_at)

    @admin.display(description="History")
    def history(self, execution: Execution) -> SafeString:
        """Links rather than tables: an execution may have ten thousand node runs."""
        query = f"?execution__id__exact={execution.pk}"
        links = (
            link(text, f"admin:c4c_executions_{model}_changelist", query=query)
            for text, model in (("node runs", "noderun"), ("events", "event"), ("commands", "command"))
        )
        return format_html_join(" · ", "{}", ((one,) for one in links))

    @admin.display(description="Input")
    def input_json(self, execution: Execution) -> str:
        return pretty(execution.input)

    @admin.display(description="Result")
    def result_json(self, execution: Execution) -> str:
        return pretty(execution.result)

    @admin.display(description="Error")
    def error_with_stack(self, execution: Execution) -> str:
        return pretty(execution.error)

    @admin.display(description="Error")
    def error_told(self, execution: Execution) -> str:
        return pretty(without_stack(execution.error))
