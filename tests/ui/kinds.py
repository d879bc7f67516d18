"""Executions of a workflow that has every kind of node, as they stand at moments that pages have to tell."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from executions.models import NodeRun
from executions.states import NodeStatus
from tests.ui.story import MATH, Story, document, procedure


def node(node_id: str, kind: str, config: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": node_id, "type": kind, "config": config, **more}


TASKS = [{"node": "pick"}, {"node": "wrap", "dependsOn": ["pick"]}, {"node": "label", "dependsOn": ["wrap"]}]
SHIPPING = document(
    "shipping",
    "Shipping",
    procedure("reserve", "review") | {"compensate": "release", "retry": {"maxAttempts": 3}},
    node("review", "wait", {"approval": {"users": ["ann"]}}, next="gate"),
    node("gate", "wait", {"signal": "payment.received"}, next="each"),
    node("each", "map", {"items": "${{ [1] }}", "node": "ship"}, next="bill"),
    procedure("ship"),
    node("bill", "subworkflow", {"workflowId": MATH["id"]}, next="tasks"),
    node("tasks", "dag", {"tasks": TASKS}),
    *(procedure(task["node"]) for task in TASKS),
    procedure("release"),
)


def review(**asked: Any) -> Story:
    """It waits for an approval."""
    told = {"users": ["ann"], "groups": ["finance"], "message": "Ship it before it is paid?", **asked}
    story = Story(SHIPPING).start().run("reserve").begin("review", input=told, awaits="approval")
    return story.wait("review", "waiting for an approval", story.at + timedelta(days=1))


def gate() -> Story:
    """It waits for a signal."""
    story = Story(SHIPPING).start().run("reserve").begin("gate", awaits="signal:payment.received")
    return story.wait("gate", "waiting for the signal payment.received", story.at + timedelta(hours=5))


def many(items: int, begun: int, failed: tuple[int, ...] = ()) -> Story:
    """A map of so many items, of which some have begun."""
    story = Story(SHIPPING).start().begin("each", input={"items": list(range(items))})
    error = {"name": "TooHeavy", "message": "the parcel is too heavy"}
    made = [
        NodeRun(
            execution=story.execution,
            index=story.reached + number,
            node_id="ship",
            kind="procedure",
            procedure="math.add",
            status=NodeStatus.FAILED if number in failed else NodeStatus.COMPLETED,
            error=error if number in failed else None,
            scope=0,
            branch=number,
            started_at=story.at,
            ended_at=story.at,
        )
        for number in range(begun)
    ]
    NodeRun.objects.bulk_create(made, batch_size=1000)
    story.reached += begun
    return story


def undone() -> Story:
    """A task has failed, those that depend on it were skipped, and what was reserved is given back."""
    story = Story(SHIPPING).start().run("reserve").begin("tasks").begin("pick", scope=1, branch=0)
    story.fail("pick")
    for branch, task in ((1, "wrap"), (2, "label")):
        story.begin(task, scope=1, branch=branch)
    NodeRun.objects.filter(execution=story.execution, branch__gt=0).update(status=NodeStatus.SKIPPED)
    story.fail("tasks").begin("release", branch=-1, previous=0).later(0.3).end("release")
    return story.collapse("tasks")


def tells(story: Story, attempt: int = 1, index: int = 0, node_id: str = "add", **data: Any) -> Story:
    """User code says how far it is."""
    with story._transition():
        story._tell("node.progress", nodeId=node_id, runId=f"{story.id}.{index}", attempt=attempt, **data)
    return story
