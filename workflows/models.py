"""Workflows and their immutable versions."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class Workflow(models.Model):
    """A named workflow in the library; what it does is in its versions."""

    class Source(models.TextChoices):
        CODE = "code", "Found in an app's workflows.py"
        JSON = "json", "Published as a document"

    id = models.CharField(primary_key=True, max_length=64, db_collation="C")
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    source = models.CharField(max_length=8, choices=Source.choices, default=Source.JSON)
    current = models.ForeignKey(
        "WorkflowVersion", null=True, on_delete=models.SET_NULL, related_name="+", editable=False
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class WorkflowVersion(models.Model):
    """One content of a definition, stored once and never changed.

    An inline definition (``workflow`` is null, ``number`` 0) is kept by its hash, apart from the library.
    """

    workflow = models.ForeignKey(Workflow, null=True, on_delete=models.CASCADE, related_name="versions")
    definition_id = models.CharField(max_length=64, db_collation="C")
    number = models.PositiveIntegerField(help_text="Grows with each changed content; 0 for an inline one.")
    label = models.CharField(max_length=64, help_text="The author's own version, such as 1.0.0.")
    content_hash = models.CharField(max_length=64)
    definition = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["workflow", "number"], name="c4c_version_number"),
            models.UniqueConstraint(fields=["workflow", "content_hash"], name="c4c_version_content"),
            models.UniqueConstraint(
                fields=["content_hash"], condition=Q(workflow=None), name="c4c_version_inline"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.definition_id} v{self.number}"
