"""What is remembered: executions, their node runs and their event log."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from executions.states import ACTIVE, TERMINAL, ExecutionStatus, NodeStatus


def _choices(statuses: type[ExecutionStatus] | type[NodeStatus]) -> list[tuple[str, str]]:
    return [(status.value, status.value.replace("_", " ").capitalize()) for status in statuses]


class ExecutionQuerySet(models.QuerySet["Execution"]):
    def active(self) -> ExecutionQuerySet:
        return self.filter(status__in=ACTIVE)

    def terminal(self) -> ExecutionQuerySet:
        return self.filter(status__in=TERMINAL)

    def newest_first(self) -> ExecutionQuerySet:
        return self.order_by("-queued_at", "-id")


class Execution(models.Model):
    """One running of one workflow version. Only the holder of its lease moves it."""

    id = models.CharField(primary_key=True, max_length=64, db_collation="C")
    version = models.ForeignKey(
        "c4c_workflows.WorkflowVersion", on_delete=models.PROTECT, related_name="executions"
    )
    workflow_id = models.CharField(max_length=64, db_collation="C")
    workflow_name = models.CharField(max_length=200)
    status = models.CharField(
        max_length=12, choices=_choices(ExecutionStatus), default=ExecutionStatus.QUEUED
    )
    wait_reason = models.CharField(max_length=200, blank=True)
    input = models.JSONField(default=dict)
    result = models.JSONField(null=True, help_text="The definition's own outputs, where it names some.")
    error = models.JSONField(null=True, help_text="{name, message, nodeId, stack?}")

    trigger = models.CharField(max_length=16, default="manual")
    key = models.CharField(max_length=200, null=True, help_text="Unique among a workflow's active ones.")
    tags = ArrayField(models.CharField(max_length=64), default=list)
    priority = models.PositiveSmallIntegerField(default=0)
    parent = models.ForeignKey(
        "self", null=True, on_delete=models.SET_NULL, related_name="children", db_index=False
    )
    retry_of = models.ForeignKey(
        "self", null=True, on_delete=models.SET_NULL, related_name="retries", db_index=False
    )
    rerun_of = models.ForeignKey(
        "self", null=True, on_delete=models.SET_NULL, related_name="reruns", db_index=False
    )

    queued_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    deadline_at = models.DateTimeField(null=True)
    available_at = models.DateTimeField(null=True, db_default=Now(), help_text="Null: by command only.")

    last_seq = models.PositiveIntegerField(default=1)
    inbox = models.PositiveIntegerField(default=0, help_text="Commands received; the holder compares.")
    pause_requested = models.BooleanField(default=False)
    leased_by = models.CharField(max_length=64, null=True, help_text="The executor that may move it.")
    lease_token = models.BigIntegerField(default=0, help_text="Grows with each claim: the fence.")

    trace_id = models.CharField(max_length=32)
    span_id = models.CharField(max_length=16, help_text="The root span's.")
    parent_span_id = models.CharField(max_length=16, blank=True, help_text="The caller's, by traceparent.")

    objects: ClassVar = ExecutionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workflow_id", "key"],
                condition=Q(status__in=sorted(ACTIVE)),
                name="c4c_execution_key",
            ),
            models.CheckConstraint(
                condition=Q(status__in=sorted(TERMINAL), ended_at__isnull=False)
                | Q(status__in=sorted(ACTIVE), ended_at__isnull=True),
                name="c4c_execution_ended",
            ),
        ]
        indexes = [
            models.Index(F("queued_at").desc(), F("id").desc(), name="c4c_execution_newest"),
            models.Index(
                "workflow_id", F("queued_at").desc(), F("id").desc(), name="c4c_execution_by_workflow"
            ),
            models.Index("status", F("queued_at").desc(), F("id").desc(), name="c4c_execution_by_status"),
            models.Index(
                F("priority").desc(),
                F("available_at"),
                name="c4c_execution_due",
                condition=Q(leased_by=None, available_at__isnull=False),
            ),
            # Few have relations: indexed where they do.
            *(
                models.Index(name, name=f"c4c_execution_{name}", condition=Q(**{f"{name}__isnull": False}))
                for name in ("parent", "retry_of", "rerun_of")
            ),
            models.Index("leased_by", name="c4c_execution_leased", condition=Q(leased_by__isnull=False)),
            models.Index(
                fields=["key"],
                opclasses=["varchar_pattern_ops"],
                name="c4c_execution_key_prefix",
                condition=Q(key__isnull=False),
            ),
            GinIndex(fields=["tags"], name="c4c_execution_tags", condition=~Q(tags=[])),
        ]

    def __str__(self) -> str:
        return self.id


class NodeRun(models.Model):
    """One node inside one execution; a retry is a further attempt of the same run.

    ``index`` numbers the runs of an execution from 0, in the order in which they were reached.
    ``previous``, ``scope`` and ``branch`` name runs by index, so that flow can be rebuilt from rows alone.
    """

    # The guarded write of the execution's row proves that it exists: a constraint would only lock it again.
    execution = models.ForeignKey(
        Execution, on_delete=models.CASCADE, related_name="node_runs", db_constraint=False, db_index=False
    )
    index = models.PositiveIntegerField()
    node_id = models.CharField(max_length=64)
    kind = models.CharField(max_length=16)
    procedure = models.CharField(max_length=200, blank=True)
    status = models.CharField(max_length=12, choices=_choices(NodeStatus))
    wait_reason = models.CharField(max_length=200, blank=True)
    attempt = models.PositiveIntegerField(default=1)
    lost = models.PositiveIntegerField(default=0, help_text="Attempts lost with their executor.")
    previous = models.IntegerField(null=True, help_text="The run whose end led here.")
    scope = models.IntegerField(null=True, help_text="The run of the scope's own node.")
    branch = models.IntegerField(null=True, help_text="Which branch of the scope, from 0.")
    input = models.JSONField(null=True)
    output = models.JSONField(null=True)
    error = models.JSONField(null=True, help_text="{name, message, stack?} of the last failed attempt.")
    next_node_id = models.CharField(max_length=64, null=True)
    attempts = models.JSONField(default=list, help_text="Past attempts: {attempt, outcome, startTime, …}.")
    spans = models.JSONField(default=list, help_text="Spans made by user code inside the attempts.")
    started_at = models.DateTimeField(null=True, help_text="When the first attempt did.")
    attempt_at = models.DateTimeField(null=True, help_text="When the current attempt did.")
    ended_at = models.DateTimeField(null=True)
    available_at = models.DateTimeField(null=True, help_text="When a retry or a timer is due.")
    ended_seq = models.PositiveIntegerField(null=True, help_text="Where in the log it ended: commit order.")
    adopted_from = models.CharField(max_length=64, null=True, help_text="The execution whose result this is.")

    class Meta:
        ordering = ["execution", "index"]
        constraints = [models.UniqueConstraint(fields=["execution", "index"], name="c4c_noderun_index")]

    def __str__(self) -> str:
        return f"{self.execution_id}:{self.index} {self.node_id}"


class Event(models.Model):
    """One line of an execution's log; written with the change that it tells of, never changed."""

    execution = models.ForeignKey(
        Execution, on_delete=models.CASCADE, related_name="events", db_constraint=False, db_index=False
    )
    seq = models.PositiveIntegerField(help_text="Dense per execution: 1, 2, 3 … in commit order.")
    type = models.CharField(max_length=32)
    data = models.JSONField(help_text="The payload without type, workflowId, executionId and seq.")
    at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["execution", "seq"]
        constraints = [models.UniqueConstraint(fields=["execution", "seq"], name="c4c_event_seq")]

    def __str__(self) -> str:
        return f"{self.execution_id}:{self.seq} {self.type}"


class Command(models.Model):
    """A word from outside (cancel, pause, resume) in an execution's inbox; the lease holder acts on it."""

    class Kind(models.TextChoices):
        CANCEL = "cancel"
        PAUSE = "pause"
        RESUME = "resume"

    class Outcome(models.TextChoices):
        APPLIED = "applied"
        IGNORED = "ignored", "Ignored: it came too late"

    execution = models.ForeignKey(Execution, on_delete=models.CASCADE, related_name="commands")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    payload = models.JSONField(default=dict)
    actor = models.CharField(max_length=150, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    handled_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=8, choices=Outcome.choices, blank=True)

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index("execution", name="c4c_command_unhandled", condition=Q(handled_at=None)),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.execution_id}"


class Executor(models.Model):
    """A process that drives executions. Past ``expires_at`` its leases are dead."""

    id = models.CharField(primary_key=True, max_length=64)
    hostname = models.CharField(max_length=255)
    pid = models.PositiveIntegerField()
    concurrency = models.PositiveIntegerField()
    started_at = models.DateTimeField(db_default=Now())
    heartbeat_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.id


class StatusCount(models.Model):
    """A change in how many executions stand in a status: appended with the change, folded by maintenance."""

    status = models.CharField(max_length=12, choices=_choices(ExecutionStatus))
    delta = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.status} {self.delta:+d}"


class IdempotentRequest(models.Model):
    """The first answer to a POST that carried an Idempotency-Key, kept for 24 hours."""

    scope = models.CharField(max_length=200, help_text="Who asked, and which route.")
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of the canonical body.")
    status = models.PositiveSmallIntegerField(null=True, help_text="Null while it is in flight.")
    body = models.JSONField(null=True)
    headers = models.JSONField(default=dict)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["scope", "key"], name="c4c_idempotent_key")]
        indexes = [models.Index("created_at", name="c4c_idempotent_age")]

    def __str__(self) -> str:
        return self.key
