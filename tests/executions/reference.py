"""What a definition means, said as plainly as possible: recursive, without tokens, on a clock of its own.

A line is followed node by node; a parallel node's branches are followed one after the other, each from the
same moment, and the join is read off the moments at which they ended. Times are in microseconds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.executions.graphs import Story
from workflows.definition import (
    ConditionNode,
    DelayNode,
    Node,
    ParallelNode,
    ProcedureNode,
    SwitchNode,
)

Error = dict[str, Any]


@dataclass
class Line:
    """How a line ended, and when; ``error`` is None where it completed. ``ran``: what started when."""

    at: int
    vars: dict[str, Any]
    added: dict[str, Any] = field(default_factory=dict)
    error: Error | None = None
    ran: list[tuple[int, str]] = field(default_factory=list)

    def add(self, output: Any) -> None:
        if isinstance(output, Mapping):
            self.vars.update(output)
            self.added.update(output)


class Reference:
    def __init__(self, story: Story) -> None:
        self.story, self.definition = story, story.definition

    def run(self) -> Line:
        variables = {**self.definition.variables, **self.story.input}
        return self.line(self.definition.start_node, 0, variables, None, None, Counter())

    def line(
        self,
        node_id: str | None,
        at: int,
        variables: dict[str, Any],
        caught: Error | None,
        after: str | None,
        seen: Counter[str],
    ) -> Line:
        """From ``node_id`` until nothing follows, or ``after``, which comes after the join."""
        line = Line(at, dict(variables))
        while node_id is not None and node_id != after:
            node = self.definition.nodes[node_id]
            line.ran.append((line.at, node_id))
            visit = seen[node_id]
            seen[node_id] += 1
            error, node_id = self.node(node, line, caught, visit, seen)
            if error is not None:
                if node.on_error is None:
                    line.error = error
                    return line
                caught, node_id = error, node.on_error
        return line

    def node(
        self, node: Node, line: Line, caught: Error | None, visit: int, seen: Counter[str]
    ) -> tuple[Error | None, str | None]:
        """Its failure for good, and what follows it."""
        scope = {"vars": line.vars, "error": caught}
        match node:
            case ProcedureNode():
                return self.procedure(node, line, scope, visit), node.next
            case DelayNode(seconds=seconds) if seconds is not None:
                line.at += round(seconds.resolve(scope) * 1_000_000)
            case ConditionNode():
                return None, node.true_branch if node.expression.truth(scope) else node.false_branch
            case SwitchNode():
                taken = [target for when, target in node.cases if when.truth(scope)]
                return None, taken[0] if taken else node.default
            case ParallelNode():
                return self.parallel(node, line, caught, seen), node.next
        return None, node.next

    def procedure(self, node: Node, line: Line, scope: dict[str, Any], visit: int) -> Error | None:
        behaviour = self.story.behaviour(node.id)
        tries = 0
        while True:
            line.at += self.story.microseconds(node.id, visit, tries)
            if tries >= behaviour.fails:
                line.add(node.config.resolve(scope)["output"])
                return None
            tries += 1
            wait = self.wait(node, tries, behaviour.how, behaviour.after)
            if wait is None:
                return {"name": behaviour.how, "nodeId": node.id}
            line.at += round(wait * 1_000_000)

    def wait(self, node: Node, tries: int, how: str, after: float | None) -> float | None:
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

    def parallel(
        self, node: ParallelNode, line: Line, caught: Error | None, seen: Counter[str]
    ) -> Error | None:
        branches = [
            self.line(first, line.at, line.vars, caught, node.next, Counter(seen)) for first in node.branches
        ]
        ended: list[Line] = []
        verdict: bool | None = None
        for branch in sorted(branches, key=lambda branch: branch.at):
            ended.append(branch)
            verdict = decided(node, ended)
            if verdict is not None:
                break
        assert verdict is not None, "when all have ended, every join is decided"
        line.at = ended[-1].at
        for branch in branches:
            ran = [
                (at, name) for at, name in branch.ran if any(branch is one for one in ended) or at < line.at
            ]
            line.ran += ran
            seen.update(name for _, name in ran)
        if not verdict:
            errors = [branch.error for branch in ended if branch.error is not None]
            return errors[0]
        for branch in branches:
            if branch.error is None and any(branch is one for one in ended):
                line.add(branch.added)
        return None


def decided(node: ParallelNode, ended: list[Line]) -> bool | None:
    """Whether the join completes, as soon as that is certain."""
    branches, join = len(node.branches), node.join
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
