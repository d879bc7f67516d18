"""What the API answers, for /openapi.json; the values themselves are made by the read models."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pydantic
from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_camel

Object = dict[str, Any]
Time = Annotated[
    str, Field(description="ISO 8601 with milliseconds and Z", examples=["2026-11-21T09:00:00.123Z"])
]


class Answer(pydantic.BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)


class ErrorItem(Answer):
    detail: str
    pointer: str = Field(description="A JSON pointer as a URI fragment: #/input/a")


class Problem(Answer):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    error: str = Field(description="A copy of detail.")
    errors: list[ErrorItem] | None = None
    current_status: str | None = None
    allowed_actions: list[str] | None = None
    reasons: list[str] | None = Field(None, description="Why a version does not fit, node by node.")


class Failure(Answer):
    name: str
    message: str
    node_id: str | None = None
    stack: str | None = Field(None, description="Only for those who may see it.")


NodeStatus = Literal[
    "pending", "running", "waiting", "retrying", "completed", "failed", "skipped", "cancelled"
]


class NodeRun(Answer):
    node_id: str
    run_id: str
    kind: str
    status: Literal[
        "pending", "running", "waiting", "retrying", "completed", "failed", "skipped", "cancelled"
    ]
    start_time: Time | None = None
    end_time: Time | None = None
    duration: int | None = Field(None, description="Milliseconds.")
    attempt: int
    input: Any = None
    output: Any = None
    output_truncated: bool | None = None
    output_bytes: int | None = Field(None, description="Of an output that lies in a file.")
    output_url: str | None = Field(None, description="Where such an output is to be had.")
    error: Failure | None = None
    wait_reason: str | None = None
    until: Time | None = None
    adopted_from: str | None = None


class NodeDetail(NodeRun):
    runs: list[NodeRun] | None = Field(None, description="The newest runs of a node that ran more than once.")


class Progress(Answer):
    done: int
    total: int
    percent: int
    eta_ms: int | None = None


class Span(Answer):
    span_id: str
    trace_id: str
    parent_span_id: str | None = None
    name: str
    kind: str
    start_time: int
    end_time: int | None
    duration: int | None
    status: Object
    attributes: Object
    events: list[Object] | None = None


Status = Literal[
    "queued", "running", "waiting", "paused", "cancelling", "completed", "failed", "cancelled", "timed_out"
]


class Reason(Answer):
    # fmt: off
    reason: Literal[
        "dependency", "timer", "signal", "approval", "event", "child",
        "slot", "rate", "queue", "no_worker", "paused", "retry",
    ]
    # fmt: on
    detail: str
    until: Time | None = None
    place: int | None = Field(None, description="How many come first; null: too many to count.")
    of: int | None = None


class NodeReason(Reason):
    node_id: str
    run_id: str | None = None


class Waiting(Reason):
    nodes: list[NodeReason]


class Execution(Answer):
    execution_id: str
    workflow_id: str
    workflow_name: str
    workflow_version: int
    status: Status
    wait_reason: str | None = None
    input: Object | None = None
    queued_at: Time
    start_time: Time | None = None
    end_time: Time | None = None
    execution_time: int | None = Field(None, description="Milliseconds from first claim to end.")
    nodes_executed: list[str]
    node_details: dict[str, NodeDetail]
    outputs: Object
    outputs_truncated: bool | None = None
    error: Failure | None = None
    progress: Progress | None
    trigger: str
    parent_execution_id: str | None = None
    retry_of: str | None = None
    rerun_of: str | None = None
    key: str | None = None
    tags: list[str]
    priority: int
    spans: list[Span]
    waiting: Waiting | None = Field(None, description="Why it does not go on; told of one execution.")


class OneExecution(Answer):
    execution: Execution


class QueueRow(Answer):
    name: str
    paused_at: Time | None
    paused_by: str
    due: int = Field(description="Could go on now. Counts of what waits end at 10,000.")
    waiting: int = Field(description="Sleep until a moment.")
    gated: int = Field(description="Wait for their turn under a limit.")
    running: int
    executors: int = Field(description="That live and serve it.")


class QueueList(Answer):
    queues: list[QueueRow]


class OneQueue(Answer):
    queue: QueueRow


class Stats(Answer):
    total: int
    completed: int
    failed: int
    running: int
    queued: int
    waiting: int
    paused: int
    cancelled: int
    timed_out: int


class ExecutionPage(Answer):
    executions: list[Execution]
    stats: Stats
    next_cursor: str | None


class Result(Answer):
    execution_id: str
    status: Status
    outputs: Object
    error: Failure | None = None
    execution_time: int
    nodes_executed: list[str]
    spans: list[Span]


class Accepted(Answer):
    execution_id: str
    workflow_id: str
    status: Status
    start_time: Time | None = None


class NodeRunPage(Answer):
    nodes: list[NodeRun]
    next_cursor: str | None


class Event(Answer):
    model_config = ConfigDict(extra="allow")

    type: str
    workflow_id: str
    execution_id: str
    seq: int
    at: Time


class EventPage(Answer):
    events: list[Event]
    after: int = Field(description="Where to go on: the next ?after=")
    has_more: bool
    terminal: bool = Field(description="Nothing will ever follow.")


class WorkflowRow(Answer):
    id: str
    name: str
    description: str
    version: str = Field(description="The author's label.")
    workflow_version: int
    node_count: int
    triggers: list[Object]
    input_schema: Object | None = None


class WorkflowPage(Answer):
    workflows: list[WorkflowRow]
    next_cursor: str | None


class Definition(Answer):
    definition: Object
    workflow_version: int


class VersionRow(Answer):
    workflow_version: int
    version: str
    content_hash: str
    created_at: Time
    current: bool


class VersionPage(Answer):
    versions: list[VersionRow]
    next_cursor: str | None


class Validity(Answer):
    valid: bool
    errors: list[ErrorItem]


class ProcedureRow(Answer):
    name: str
    description: str
    metadata: Object
    input_schema: Object
    output_schema: Object


class ProcedurePage(Answer):
    procedures: list[ProcedureRow]
    next_cursor: str | None


class Health(Answer):
    status: Literal["ok"]


class Check(Answer):
    model_config = ConfigDict(extra="allow")

    status: Literal["ok", "warning", "failed"]
    detail: str | None = None


class Readiness(Answer):
    status: Literal["ok", "failed"]
    checks: dict[str, Check]


class Emitted(Answer):
    event_id: int
    name: str
    key: str
    at: Time


class Approval(Answer):
    execution_id: str
    workflow_id: str
    workflow_name: str
    node_id: str
    run_id: str
    message: str
    users: list[str]
    groups: list[str]
    form: Object | None = Field(None, description="The JSON Schema of the decision's payload.")
    since: Time | None = None
    until: Time | None = None


class ApprovalPage(Answer):
    approvals: list[Approval]
    next_cursor: str | None


class Refusal(Answer):
    execution_id: str
    detail: str


class Bulk(Answer):
    bulk_id: str
    action: str
    status: Literal["running", "completed", "cancelled"]
    filter: Object | None = None
    ids: int | None = Field(None, description="How many were named.")
    options: Object
    by: str
    total: int | None = Field(description="Null: too many to be counted beforehand.")
    applied: int
    refused: int
    problems: list[Refusal] = Field(description="The first refusals.")
    created_at: Time
    updated_at: Time
    ended_at: Time | None = None


class OneBulk(Answer):
    bulk: Bulk


class BulkPage(Answer):
    bulk: list[Bulk]
    next_cursor: str | None


class BulkCount(Answer):
    total: int | None = Field(description="Null: too many to be counted.")


class Blocked(Answer):
    execution_id: str
    reasons: list[str]


class Migration(Answer):
    compatible: int
    migrated: int
    blocked: list[Blocked] = Field(description="The first of those that stay as they are.")
    blocked_count: int
    next_cursor: str | None = Field(description="Where to go on: there are more than one call looks at.")


class ChangedValue(Answer):
    pointer: str = Field(description="From the node, or from the document.")
    old: Any = Field(None, description="Absent where there was none.")
    new: Any = Field(None, description="Absent where there is none.")


class ChangedNode(Answer):
    node: str
    changes: list[ChangedValue]


class DrawnEdge(Answer):
    source: str
    target: str
    kind: str


class EdgeChanges(Answer):
    added: list[DrawnEdge]
    removed: list[DrawnEdge]


class Difference(Answer):
    added: list[str] = Field(description="Nodes; one that has another id is removed and added.")
    removed: list[str]
    changed: list[ChangedNode]
    edges: EdgeChanges
    fields: list[ChangedValue] = Field(description="What differs beside the nodes.")


class Diff(Answer):
    source: int = Field(alias="from")
    to: int
    difference: Difference
