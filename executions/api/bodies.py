"""What requests may carry, in the contract's camelCase."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

ExecutionId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Object = dict[str, Any]
Tag = Annotated[str, Field(min_length=1, max_length=64)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
OneOrMore = str | list[str]
Input = Annotated[Object, BeforeValidator(lambda value: {} if value is None else value)]


class Body(BaseModel):
    """A request's body: unknown fields are refused, so that a misspelt one is not lost."""

    model_config = ConfigDict(extra="forbid", strict=True, alias_generator=to_camel)


class ExecuteOptions(BaseModel):
    """Where the original's own pages put the execution's id; what else they put there is ignored."""

    model_config = ConfigDict(alias_generator=to_camel)

    execution_id: ExecutionId | None = None


class Execute(Body):
    workflow_id: str | None = Field(None, description="A workflow of the library.")
    workflow: Object | None = Field(None, description="An inline definition.")
    input: Input = Field(default_factory=dict)
    execution_id: ExecutionId | None = Field(None, description="The caller's own id; taken: 409.")
    options: ExecuteOptions | None = None
    asynchronous: bool = Field(False, alias="async", description="Answer 202 without waiting for the end.")
    timeout_ms: int | None = Field(None, gt=0, description="The execution's deadline.")
    key: str | None = Field(
        None, min_length=1, max_length=200, description="Unique among the workflow's active executions."
    )
    on_conflict: Literal["fail", "useExisting"] = "fail"
    tags: list[Annotated[str, Field(min_length=1, max_length=64)]] = Field(
        default_factory=list, max_length=50
    )
    priority: int = Field(0, ge=0, le=9, description="Higher first.")


class Cancel(Body):
    reason: str = Field("", max_length=1000)
    force: bool = Field(False, description="Do not wait for attempts in flight.")


class Nothing(Body):
    """An empty object, or no body."""


class Rerun(Body):
    input: Object | None = Field(None, description="Absent: the input that it had.")
    from_node: str | None = Field(
        None,
        min_length=1,
        description="A node's id, or one run's: what came before it is adopted, what followed runs anew.",
    )
    version: Literal["original", "latest"] | Annotated[int, Field(ge=1)] = "original"


class Terminate(Body):
    reason: str = Field("", max_length=1000)


class Signal(Body):
    name: Name
    payload: Any = Field(None, description="Any JSON.")


class Emit(Body):
    name: Name
    payload: Any = Field(None, description="Any JSON; absent: {}.")
    key: str = Field("", max_length=200, description="For whom it is: the key of the nodes that wait.")


class Decide(Body):
    decision: Literal["approved", "refused"]
    node_id: str | None = Field(None, description="Which node; absent: the only one that waits.")
    run_id: str | None = Field(None, description="Which run, where a node waits several times.")
    comment: str = Field("", max_length=2000)
    payload: Any = Field(None, description="What the approval's form asks for.")


class Filter(Body):
    """As the list's: each a value or several."""

    status: OneOrMore | None = None
    workflow_id: OneOrMore | None = None
    tag: OneOrMore | None = None
    trigger: OneOrMore | None = None
    parent: OneOrMore | None = None
    since: str | None = None
    until: str | None = None
    q: OneOrMore | None = None


class BulkOptions(Body):
    reason: str | None = Field(None, max_length=1000, description="Of cancel and terminate.")
    force: bool | None = Field(None, description="Of cancel.")
    name: Name | None = Field(None, description="Of signal.")
    payload: Any = Field(None, description="Of signal.")
    from_node: str | None = Field(None, description="Of rerun.")
    version: Literal["original", "latest"] | Annotated[int, Field(ge=1)] | None = Field(
        None, description="Of rerun."
    )


class Bulk(Body):
    action: Literal["cancel", "terminate", "pause", "resume", "signal", "retry", "rerun", "delete"]
    filter: Filter | None = Field(None, description="Either a filter or ids.")
    ids: list[str] | None = Field(None, max_length=10_000)
    options: BulkOptions | None = None
    dry_run: bool = Field(False, description="Only count them.")


class Migrate(Body):
    to: int = Field(ge=1, description="The workflowVersion to move to.")
    source: int | None = Field(None, ge=1, alias="from", description="Only of this workflowVersion.")
    filter: Filter | None = None
    ids: list[str] | None = Field(None, max_length=10_000)
    dry_run: bool = Field(False, description="Only tell what would be moved.")
    cursor: str | None = Field(None, description="nextCursor of the report before.")
