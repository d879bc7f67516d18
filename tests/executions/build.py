"""Small definitions for one rule each, and a world whose attempts end when the test says so."""

from __future__ import annotations

from typing import Any

from executions.flow.outcomes import Outcome
from tests.executions.graphs import PROCEDURE, Behaviour, Story
from tests.executions.world import World
from workflows.definition import parse


def step(id: str, next: str | None = None, output: Any = None, **fields: Any) -> dict[str, Any]:
    config = {"config": {"output": {f"v_{id}": id} if output is None else output}}
    return node("procedure", id, next, **{"procedureName": PROCEDURE, **config, **fields})


def scripted(name: str, id: str, next: str | None = None, **fields: Any) -> dict[str, Any]:
    """A call of ``scripted.<name>``; its input is ``config``."""
    return node("procedure", id, next, **{"procedureName": f"scripted.{name}", "config": {}, **fields})


def fork(id: str, branches: list[str], next: str | None = None, **fields: Any) -> dict[str, Any]:
    join = fields.pop("join", None)
    config = {"branches": branches, **({"join": join} if join else {})}
    return node("parallel", id, next, config=config, **fields)


def delay(id: str, seconds: Any, next: str | None = None) -> dict[str, Any]:
    return node("delay", id, next, config={"seconds": seconds})


def node(kind: str, id: str, next: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"id": id, "type": kind, **({"next": next} if next else {}), **fields}


def document(*nodes: dict[str, Any], **fields: Any) -> dict[str, Any]:
    first = {"id": "small", "name": "small", "version": "1", "startNode": nodes[0]["id"]}
    return {**first, "nodes": list(nodes), **fields}


class Small(World):
    """Begun. ``input`` and ``behaviours`` as in a story; the rest are the definition's own fields."""

    def __init__(
        self,
        *nodes: dict[str, Any],
        input: dict[str, Any] | None = None,
        behaviours: dict[str, Behaviour] | None = None,
        begin: bool = True,
        most_lost: int = 5,
        **fields: Any,
    ) -> None:
        definition = parse(document(*nodes, **fields))
        super().__init__(Story(definition, input or {}, behaviours or {}), most_lost=most_lost)
        if begin:
            self.take_up()

    def ends(self, *node_ids: str, outcome: Outcome | None = None) -> None:
        """The nodes' attempts end in one step, and all that follows at once follows."""
        self.step(*[self.end(self.index(node_id), outcome) for node_id in node_ids])
        while self.left:
            self.step()

    def wait(self, seconds: float) -> None:
        self.at += round(seconds * 1_000_000)
        self.step(self.pass_time())

    def index(self, node_id: str) -> int:
        """Of its run in flight."""
        return next(index for index in self.launched if self.flow.runs[index].node.id == node_id)

    def run_of(self, node_id: str) -> Any:
        """Its last row."""
        return next(run for run in reversed(self.rows.runs) if run.node_id == node_id)

    @property
    def in_flight(self) -> list[str]:
        return [self.flow.runs[index].node.id for index in sorted(self.launched)]

    def told_to_stop(self) -> list[str]:
        return [self.flow.runs[index].node.id for index in sorted(self.stopping)]

    def types(self, node_id: str | None = None) -> list[str]:
        """What the log tells, of a node or of all."""
        events = self.rows.events
        return [str(e["type"]) for e in events if node_id is None or e["data"].get("nodeId") == node_id]

    def told(self, type: str, node_id: str | None = None) -> list[dict[str, Any]]:
        """The data of the log's events of that type."""
        found = [event["data"] for event in self.rows.events if event["type"] == type]
        return [data for data in found if node_id is None or data.get("nodeId") == node_id]
