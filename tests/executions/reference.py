"""What a definition means, said as plainly as possible: recursive, without tokens, on a clock of its own.

A line is followed node by node; the branches of a scope are followed one after the other, each from the
moment at which it may begin, and what becomes of the scope is read off the moments at which they ended. Times
are in microseconds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.executions.graphs import Place, Story
from workflows.definition import (
    ConditionNode,
    DagNode,
    DelayNode,
    Join,
    LoopNode,
    MapNode,
    Node,
    ParallelNode,
    ProcedureNode,
    SubworkflowNode,
    SwitchNode,
    WaitNode,
)

Error = dict[str, Any]
SECOND = 1_000_000
CHILD_ERRORS = {"failed": "ChildFailed", "cancelled": "ChildCancelled", "timed_out": "ChildTimedOut"}


@dataclass(frozen=True)
class Done:
    """A node that has completed and can be undone."""

    at: int
    undoing: str
    output: Any


@dataclass
class Line:
    """How a line ended, and when; ``error`` is None where it completed. ``ran``: what started when, where."""

    at: int
    vars: dict[str, Any]
    lane: str = ""
    caught: Error | None = None
    item: Any = None
    index: int | None = None
    nodes: dict[str, Any] = field(default_factory=dict)
    seen: Counter[tuple[str, str]] = field(default_factory=Counter)
    added: dict[str, Any] = field(default_factory=dict)
    given: dict[str, Any] = field(default_factory=dict)
    """What it had in reach beside the variables of the line around it."""
    error: Error | None = None
    last: Any = None
    """What its last node gave."""
    ran: list[tuple[int, str, str]] = field(default_factory=list)
    done: list[Done] = field(default_factory=list)

    def add(self, output: Any) -> None:
        if isinstance(output, Mapping):
            self.vars.update(output)
            self.added.update(output)

    @property
    def reach(self) -> dict[str, Any]:
        found = {"vars": self.vars, "error": self.caught, "nodes": self.nodes}
        return {**found, "item": self.item, "index": self.index}

    def absorb(self, branch: Line, *, whole: bool) -> None:
        """What has happened on the branch by now; all of it where it has ended."""
        for at, lane, node_id in branch.ran:
            if whole or at < self.at:
                self.ran.append((at, lane, node_id))
                self.seen[lane, node_id] += 1
        self.done += [done for done in branch.done if whole or done.at < self.at]


class Reference:
    def __init__(self, story: Story) -> None:
        self.story, self.definition = story, story.definition

    def run(self) -> Line:
        root = Line(0, {**self.definition.variables, **self.story.input})
        self.follow(root, self.definition.start_node, None)
        if root.error is not None:
            self.undo(root)
        return root

    def undo(self, root: Line) -> None:
        """What has completed, the last first, one after the other, each on a line of its own."""
        for done in sorted(root.done, key=lambda done: done.at, reverse=True):
            line = Line(root.at, dict(root.vars), caught=root.error, item=done.output, seen=root.seen)
            self.follow(line, done.undoing, None)
            root.at, root.ran = line.at, [*root.ran, *line.ran]

    def follow(self, line: Line, node_id: str | None, after: str | None) -> Line:
        """From ``node_id`` until nothing follows, or ``after``, which comes after the join."""
        while node_id is not None and node_id != after:
            node = self.definition.nodes[node_id]
            place = Place(node_id, line.lane, line.seen[line.lane, node_id])
            line.ran.append((line.at, line.lane, node_id))
            line.seen[line.lane, node_id] += 1
            line.last = None
            error, node_id = self.node(node, line, place)
            if error is not None:
                if node.on_error is None:
                    line.error = error
                    return line
                line.caught, node_id = error, node.on_error
            elif node.compensate is not None:
                line.done.append(Done(line.at, node.compensate, line.last))
        return line

    def node(self, node: Node, line: Line, place: Place) -> tuple[Error | None, str | None]:
        """Its failure for good, and what follows it."""
        match node:
            case ConditionNode():
                return None, node.true_branch if node.expression.truth(line.reach) else node.false_branch
            case SwitchNode():
                taken = [target for when, target in node.cases if when.truth(line.reach)]
                return None, taken[0] if taken else node.default
            case DelayNode(seconds=seconds) if seconds is not None:
                line.at += round(seconds.resolve(line.reach) * SECOND)
                line.last = {"delayed": True}
                return None, node.next
        error = self.work(node, line, place)
        if error is None:
            line.nodes = {**line.nodes, node.id: {"output": line.last, "status": "completed", "error": None}}
        return error, node.next

    def work(self, node: Node, line: Line, place: Place) -> Error | None:
        match node:
            case ProcedureNode():
                return self.procedure(node, line, place)
            case SubworkflowNode():
                return self.subworkflow(node, line, place)
            case WaitNode():
                return self.wait(node, line, place)
        scopes: dict[str, Any] = {
            "parallel": self.parallel,
            "map": self.map,
            "loop": self.loop,
            "dag": self.dag,
        }
        scope = scopes.get(node.kind)
        error: Error | None = None if scope is None else scope(node, line)
        return error

    # Attempts

    def procedure(self, node: Node, line: Line, place: Place) -> Error | None:
        behaviour = self.story.behaviour(node.id, line.lane)
        tries = 0
        while True:
            line.at += self.story.microseconds(place, tries)
            if tries >= behaviour.fails:
                line.last = node.config.resolve(line.reach)["output"]
                line.add(line.last)
                return None
            tries += 1
            wait = self.back_off(node, tries, behaviour.how, behaviour.after)
            if wait is None:
                return {"name": behaviour.how, "nodeId": node.id}
            line.at += round(wait * SECOND)

    def subworkflow(self, node: SubworkflowNode, line: Line, place: Place) -> Error | None:
        tries = 0
        while True:
            line.at += self.story.microseconds(place, tries)
            after, status = self.story.child(place, tries)
            line.at += after
            if status == "completed":
                outputs = child_outputs(place)
                line.last = {"executionId": child_id(place, tries), "status": status, "outputs": outputs}
                line.add(outputs if node.merge_outputs else None)
                return None
            tries += 1
            wait = self.back_off(node, tries, CHILD_ERRORS[status], None)
            if wait is None:
                return {"name": CHILD_ERRORS[status], "nodeId": node.id}
            line.at += round(wait * SECOND)

    def back_off(self, node: Node, tries: int, how: str, after: float | None) -> float | None:
        """Seconds before the next try, if there is one."""
        policy = node.retry
        if how == "Retry":
            most = policy.max_attempts if policy else 3
            permitted = tries < most
        else:
            listed = policy is not None and (how in policy.retry_on or not policy.retry_on)
            permitted = how != "Fatal" and policy is not None and listed and how not in policy.non_retryable
            permitted = permitted and policy is not None and tries < policy.max_attempts
        if not permitted:
            return None
        if after is not None:
            return after
        assert policy is not None, "without one, a story's Retry says when"
        return float(min(policy.initial_interval * policy.backoff ** (tries - 1), policy.max_interval))

    # Waiting

    def wait(self, node: WaitNode, line: Line, place: Place) -> Error | None:
        after = self.story.word_after(place)
        if node.signal is not None and place.visit < self.story.early.get(node.id, 0):
            after = 0
        limit = None if node.limit is None else round(node.limit.resolve(line.reach) * SECOND)
        if after is None or (limit is not None and limit < after):
            assert limit is not None, "nobody waits for ever"
            line.at += limit
            return {"name": "TimeoutError", "nodeId": node.id}
        line.at += after
        if node.approval is not None and self.story.is_refused(place):
            return {"name": "Refused", "nodeId": node.id}
        line.last = self.word(node, line)
        return None

    def word(self, node: WaitNode, line: Line) -> Any:
        if node.signal is not None:
            return {"name": node.signal.resolve(line.reach), "payload": {"for": node.id}, "by": "ann"}
        if node.event is not None:
            key = "" if node.key is None else node.key.evaluate(line.reach)
            return {"name": node.event.resolve(line.reach), "key": key, "payload": {"for": node.id}}
        return {"decision": "approved", "by": "ann", "comment": "fine", "payload": {"for": node.id}}

    # Scopes

    def branch(self, node: Node, line: Line, at: int, number: int, first: str, **own: Any) -> Line:
        """A line of the scope's own, followed to its end."""
        given = own.get("given", {})
        made = Line(
            at,
            {**line.vars, **given},
            f"{line.lane}/{node.id}/{number}" if line.lane else f"{node.id}/{number}",
            line.caught,
            own.get("item", line.item),
            own.get("index", line.index),
            dict(line.nodes),
            Counter(line.seen),
            given=given,
        )
        return self.follow(made, first, node.next)

    def fan(
        self,
        line: Line,
        start: Callable[[int, int], Line],
        openings: Callable[[dict[int, Line], int], Iterable[int]],
        verdict: Callable[[dict[int, Line]], bool | None],
    ) -> tuple[bool, dict[int, Line]]:
        """Start branches as they may, until it is certain what becomes of them; those that have ended."""
        running: dict[int, Line] = {}
        ended: dict[int, Line] = {}
        while True:
            found = verdict(ended)
            if found is not None:
                break
            for number in openings(ended, len(running)):
                running[number] = start(number, line.at)
            if running:
                first = min(running, key=lambda number: (running[number].at, number))
                ended[first] = running.pop(first)
                line.at = ended[first].at
        for branch in ended.values():
            line.absorb(branch, whole=True)
        for branch in running.values():
            line.absorb(branch, whole=False)
        return found, ended

    def parallel(self, node: ParallelNode, line: Line) -> Error | None:
        total = len(node.branches)
        completed, ended = self.fan(
            line,
            lambda number, at: self.branch(node, line, at, number, node.branches[number]),
            lambda ended, running: () if ended else range(total),
            lambda ended: decided(node.join, total, ended.values()),
        )
        if not completed:
            return first_error(ended)
        for number in sorted(ended):
            if ended[number].error is None:
                line.add(ended[number].added)
        return None

    def map(self, node: MapNode, line: Line) -> Error | None:
        items = node.items.resolve(line.reach)

        def start(number: int, at: int) -> Line:
            given = {} if node.as_name is None else {node.as_name: items[number]}
            own = {"given": given, "item": items[number], "index": number}
            return self.branch(node, line, at, number, node.first, **own)

        def openings(ended: dict[int, Line], running: int) -> Iterable[int]:
            begun = len(ended) + running
            return range(begun, min(len(items), begun + node.concurrency - running))

        completed, ended = self.fan(
            line, start, openings, lambda ended: decided(node.join, len(items), ended.values())
        )
        if not completed:
            return first_error(ended)
        results = [None if ended[n].error else ended[n].last for n in range(len(items))]
        failed = sum(branch.error is not None for branch in ended.values())
        line.last = {"results": results, "completed": len(items) - failed, "failed": failed}
        return None

    def loop(self, node: LoopNode, line: Line) -> Error | None:
        items = None if node.items is None else node.items.resolve(line.reach)
        if items is not None and len(items) > node.limit:
            return {"name": "LimitExceeded", "nodeId": node.id}
        turns: list[Line] = []
        added: dict[str, Any] = {}
        while not self.is_through(node, line, added, items, len(turns)):
            number = len(turns)
            if number >= node.limit:
                return {"name": "LimitExceeded", "nodeId": node.id}
            given = dict(added)
            own: dict[str, Any] = {"given": given, "index": number}
            if items is not None:
                own["item"] = items[number]
                given |= {} if node.as_name is None else {node.as_name: items[number]}
            turn = self.branch(node, line, line.at, number, node.first, **own)
            line.at = turn.at
            line.absorb(turn, whole=True)
            if turn.error is not None:
                return turn.error
            turns.append(turn)
            added |= turn.added
        line.add(added)
        line.last = {"iterations": len(turns)}
        if items is not None:
            line.last["results"] = [turn.last for turn in turns]
        return None

    def is_through(
        self, node: LoopNode, line: Line, added: dict[str, Any], items: list[Any] | None, done: int
    ) -> bool:
        if items is not None:
            return done == len(items)
        if node.mode == "until" and not done:
            return False
        assert node.test is not None
        holds = node.test.truth({**line.reach, "vars": {**line.vars, **added}, "index": done})
        return holds is (node.mode == "until")

    def dag(self, node: DagNode, line: Line) -> Error | None:
        statuses: dict[int, str] = {}
        found: dict[int, Line] = {}

        def start(number: int, at: int) -> Line:
            given: dict[str, Any] = {}
            for earlier in node.tasks[number].depends_on:
                given |= {**found[earlier].given, **found[earlier].added}
            begun.add(number)
            return self.branch(node, line, at, number, node.tasks[number].node, given=given)

        begun: set[int] = set()

        def openings(ended: dict[int, Line], running: int) -> Iterable[int]:
            return [
                number
                for number, task in enumerate(node.tasks)
                if number not in begun and all(statuses.get(one) == "completed" for one in task.depends_on)
            ]

        def verdict(ended: dict[int, Line]) -> bool | None:
            found.update(ended)
            for number, branch in ended.items():
                statuses[number] = "completed" if branch.error is None else "failed"
            skip(node, statuses)
            sound = "failed" not in statuses.values()
            if node.on_failure == "stop" and not sound:
                return False
            return None if len(statuses) < len(node.tasks) else sound or node.on_failure == "continue"

        completed, ended = self.fan(line, start, openings, verdict)
        if not completed:
            return first_error(ended)
        for number in sorted(ended):
            if ended[number].error is None:
                line.add(ended[number].added)
        line.last = {"tasks": {task.node: statuses[number] for number, task in enumerate(node.tasks)}}
        return None


def skip(node: DagNode, statuses: dict[int, str]) -> None:
    """The tasks all of whose dependencies have ended, not all of them well."""
    for _ in node.tasks:
        for number, task in enumerate(node.tasks):
            ends = [statuses.get(one) for one in task.depends_on]
            if number not in statuses and ends and None not in ends and set(ends) != {"completed"}:
                statuses[number] = "skipped"


def first_error(ended: dict[int, Line]) -> Error | None:
    return next(branch.error for branch in ended.values() if branch.error is not None)


def decided(join: Join, branches: int, lines: Iterable[Line]) -> bool | None:
    """Whether the join completes, as soon as that is certain."""
    ended = list(lines)
    failed = sum(branch.error is not None for branch in ended)
    completed = len(ended) - failed
    everything = len(ended) == branches
    match join.policy:
        case "all_done":
            return True if everything else None
        case "any" | "n_of":
            needed = join.n or 1
            return True if completed >= needed else False if branches - failed < needed else None
    tolerated = int(branches * join.percent / 100) if join.percent is not None else join.count or 0
    return False if failed > tolerated else True if everything else None


def child_id(place: Place, tries: int) -> str:
    return f"{place.name}-{tries}"


def child_outputs(place: Place) -> dict[str, Any]:
    return {"flag": place.visit % 3, f"o_{place.node_id}": place.lane}


def plain(value: Any) -> Any:
    """Without what only says when, or what it was called."""
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items() if name not in TIMED}
    return [plain(each) for each in value] if isinstance(value, list) else value


TIMED = frozenset({"at", "startTime", "endTime", "seconds", "eventId"})
