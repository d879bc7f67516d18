"""Workflows and their versions, to look at: what they do is published, never typed into the admin."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from workflows.admin.reading import ReadOnlyAdmin, link, pretty
from workflows.models import Workflow, WorkflowVersion


@admin.register(Workflow)
class WorkflowAdmin(ReadOnlyAdmin):
    list_display = ("id", "name", "version", "label", "source", "updated_at")
    list_filter = ("source",)
    search_fields = ("id__startswith", "name__istartswith")
    search_help_text = "The beginning of an id or a name"
    keyset = ("id",)
    fields = (
        "id",
        "name",
        "description",
        "source",
        "version",
        "label",
        "all_versions",
        "created_at",
        "updated_at",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Workflow]:
        return super().get_queryset(request).select_related("current").defer("current__definition")

    @admin.display(description="Version")
    def version(self, workflow: Workflow) -> str:
        if workflow.current is None:
            return ""
        name = "admin:c4c_workflows_workflowversion_change"
        return link(f"v{workflow.current.number}", name, workflow.current.pk)

    @admin.display(description="Label")
    def label(self, workflow: Workflow) -> str:
        return workflow.current.label if workflow.current else ""

    @admin.display(description="Versions")
    def all_versions(self, workflow: Workflow) -> SafeString:
        query = f"?workflow__id__exact={workflow.pk}"
        return link("all versions", "admin:c4c_workflows_workflowversion_changelist", query=query)


@admin.register(WorkflowVersion)
class WorkflowVersionAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "label", "kept_as", "content", "created_at")
    list_filter = ("workflow",)
    search_fields = ("definition_id__exact", "content_hash__startswith")
    search_help_text = "A workflow's id, or the beginning of a content hash"
    heavy = ("definition",)
    fields = ("workflow", "definition_id", "number", "label", "content_hash", "created_at", "document")

    @admin.display(description="Kept as")
    def kept_as(self, version: WorkflowVersion) -> str:
        return "inline definition" if version.workflow_id is None else "version of the library"

    @admin.display(description="Content")
    def content(self, version: WorkflowVersion) -> str:
        return version.content_hash[:12]

    @admin.display(description="Definition")
    def document(self, version: WorkflowVersion) -> str:
        return pretty(version.definition)
