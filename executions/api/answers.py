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


class OneExecution(Answer):
    execution: Execution


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
