"""What is remembered: executions, their node runs and their event log."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from executions.states import ACTIVE, TERMINAL, ExecutionStatus, NodeStatus
from executions.vault.fields import SealedField


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
    input = SealedField(default=dict)
    result = SealedField(null=True, help_text="The definition's own outputs, where it names some.")
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

    parent_run = models.PositiveIntegerField(null=True, help_text="The run of the parent that waits for it.")

    queue = models.CharField(
        max_length=64, default="default", db_collation="C", help_text="Which executors may claim it."
    )
    lane = models.CharField(
        max_length=120, null=True, db_collation="C", help_text="Where it waits for its turn; null: nowhere."
    )
    gate = models.JSONField(null=True, help_text="The lane's limits: [{key, limit, seconds?, value?}].")
    admitted_at = models.DateTimeField(null=True, help_text="When its lane let it through.")

    queued_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    deadline_at = models.DateTimeField(null=True)
    available_at = models.DateTimeField(null=True, db_default=Now(), help_text="Null: by command only.")

    ending = models.JSONField(null=True, help_text="How it is to end, once what has to stop has stopped.")
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
                "queue",
                F("priority").desc(),
                F("available_at"),
                name="c4c_execution_due",
                condition=Q(leased_by=None, available_at__isnull=False),
            ),
            models.Index(
                "lane",
                F("priority").desc(),
                F("queued_at"),
                "id",
                name="c4c_execution_lane",
                condition=Q(lane__isnull=False, admitted_at=None, status=ExecutionStatus.QUEUED),
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
    awaits = models.CharField(
        max_length=450, blank=True, help_text="What moves it on: signal:…, event:…, approval, child:…"
    )
    attempt = models.PositiveIntegerField(default=1)
    lost = models.PositiveIntegerField(default=0, help_text="Attempts lost with their executor.")
    previous = models.IntegerField(null=True, help_text="The run whose end led here.")
    scope = models.IntegerField(null=True, help_text="The run of the scope's own node.")
    branch = models.IntegerField(null=True, help_text="Which branch of the scope, from 0.")
    input = SealedField(null=True)
    output = SealedField(null=True)
    error = models.JSONField(null=True, help_text="{name, message, stack?} of the last failed attempt.")
    details = SealedField(null=True, help_text="What its last heartbeat told.")
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
        indexes = [
            models.Index(
                "awaits", name="c4c_noderun_awaits", condition=Q(status=NodeStatus.WAITING) & ~Q(awaits="")
            )
        ]

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


class Payload(models.Model):
    """A value too large for its row, in a file; stored before the row that refers to it.

    Executions that adopt a result share its file: it goes with the last of them. A row outlives its execution
    until the file has gone.
    """

    execution = models.ForeignKey(
        Execution, on_delete=models.DO_NOTHING, related_name="payloads", db_constraint=False, db_index=False
    )
    index = models.IntegerField(help_text="The node run's; -1: the execution's own input.")
    attempt = models.PositiveIntegerField(default=1)
    storage = models.CharField(max_length=64, help_text="Its alias in STORAGES.")
    name = models.CharField(max_length=300, db_collation="C")
    size = models.BigIntegerField(help_text="Bytes.")
    created_at = models.DateTimeField(db_default=Now())
    is_kept = models.BooleanField(default=False, help_text="A row is known to refer to it.")

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index("execution", name="c4c_payload_execution"),
            models.Index("name", name="c4c_payload_name"),
            models.Index("created_at", name="c4c_payload_unkept", condition=Q(is_kept=False)),
        ]

    def __str__(self) -> str:
        return self.name


class Command(models.Model):
    """A word in an execution's inbox, from outside or from another execution; the lease holder acts on it."""

    class Kind(models.TextChoices):
        CANCEL = "cancel"
        PAUSE = "pause"
        RESUME = "resume"
        SIGNAL = "signal"
        DECIDE = "decide", "Decide: an approval given or refused"
        EVENT = "event", "Event: something that it waits for was emitted"
        CHILD = "child", "Child: an execution that it started has ended"

    class Outcome(models.TextChoices):
        APPLIED = "applied"
        IGNORED = "ignored", "Ignored: it came too late"

    execution = models.ForeignKey(Execution, on_delete=models.CASCADE, related_name="commands")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    payload = SealedField(default=dict)
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
    queues = ArrayField(
        models.CharField(max_length=64), null=True, help_text="Those that it serves; null: all."
    )
    started_at = models.DateTimeField(db_default=Now())
    heartbeat_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.id


class Letter(models.Model):
    """A word that an execution's transition sends to another one; the courier puts it into that one's inbox.

    Written with the transition, so that it is sent exactly when that is committed; it touches no other row,
    so that no two transitions wait for each other.
    """

    recipient = models.ForeignKey(
        Execution, on_delete=models.CASCADE, related_name="letters", db_constraint=False, db_index=False
    )
    kind = models.CharField(max_length=8, choices=Command.Kind.choices)
    payload = SealedField(default=dict)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.kind} to {self.recipient_id}"


class Emission(models.Model):
    """An internal event, emitted in somebody's transaction. Kept for waits that look back."""

    name = models.CharField(max_length=200, db_collation="C")
    key = models.CharField(max_length=200, blank=True, db_collation="C")
    payload = SealedField(default=dict)
    at = models.DateTimeField(db_default=Now())
    delivered_at = models.DateTimeField(null=True, help_text="When those that waited then were told.")

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index("name", "key", "id", name="c4c_emission_name"),
            models.Index("id", name="c4c_emission_new", condition=Q(delivered_at=None)),
            models.Index("at", name="c4c_emission_age"),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.key}".strip()


class Queue(models.Model):
    """A queue that has been used, or paused. Executors claim from those that they serve."""

    name = models.CharField(primary_key=True, max_length=64, db_collation="C")
    paused_at = models.DateTimeField(null=True)
    paused_by = models.CharField(max_length=150, blank=True)

    def __str__(self) -> str:
        return self.name


class Lane(models.Model):
    """Executions that share every limit wait in one lane, so that its head speaks for all of them.

    It is derived: the executions' own rows and the slots are the truth, a lane only says when to look.
    It goes when nothing waits in it.
    """

    name = models.CharField(primary_key=True, max_length=120, db_collation="C")
    queue = models.CharField(max_length=64, db_collation="C")
    gate = models.JSONField(help_text="What its executions have to pass, as in their rows.")
    check_at = models.DateTimeField(null=True, db_default=Now(), help_text="Null: when it is told to.")
    blocked_by = models.CharField(
        max_length=300, blank=True, db_default="", db_collation="C", help_text="The key that is full."
    )
    served_at = models.DateTimeField(
        db_default=Now(), help_text="Of those that the same key blocks, the one served longest ago is next."
    )

    class Meta:
        indexes = [
            models.Index(
                *("queue", "check_at", "served_at"), name="c4c_lane_due", condition=Q(check_at__isnull=False)
            ),
            models.Index(
                "blocked_by", "served_at", name="c4c_lane_blocked", condition=Q(check_at__isnull=True)
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Slot(models.Model):
    """A place under a limit: held while its execution has not ended, or, under a rate, until a moment.

    Nothing gives it back, so nothing can forget to: the execution, or the clock, says whether it counts.
    Those that do not count any more are removed under the key's lock.
    """

    key = models.CharField(max_length=300, db_collation="C")
    execution = models.ForeignKey(
        Execution, on_delete=models.DO_NOTHING, related_name="slots", db_constraint=False, db_index=False
    )
    until = models.DateTimeField(null=True, help_text="Under a rate; null: until the execution has ended.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["key", "execution"], name="c4c_slot_key")]
        indexes = [models.Index("execution", name="c4c_slot_execution")]

    def __str__(self) -> str:
        return f"{self.key} {self.execution_id}"


class BulkOperation(models.Model):
    """One verb for many executions: goes on after any crash, each execution at most once."""

    class Status(models.TextChoices):
        RUNNING = "running"
        COMPLETED = "completed"
        CANCELLED = "cancelled"

    id = models.CharField(primary_key=True, max_length=64, db_collation="C")
    action = models.CharField(max_length=16)
    options = models.JSONField(default=dict, help_text="The verb's own.")
    filter = models.JSONField(null=True, help_text="As of the list; null where ids were given.")
    ids = models.JSONField(null=True)
    actor = models.CharField(max_length=150, blank=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="Whose rights it has; null where they are gone.",
    )
    operator = models.BooleanField(default=False, help_text="Asked for at the machine itself: every right.")
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.RUNNING)
    cursor = models.CharField(max_length=200, blank=True, help_text="How far it has come.")
    total = models.PositiveIntegerField(null=True, help_text="Null: not counted.")
    applied = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    problems = models.JSONField(default=list, help_text="The first refusals: {executionId, detail}.")
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index("created_at", name="c4c_bulk_running", condition=Q(status="running")),
        ]

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
