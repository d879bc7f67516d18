"""Opens a scope: ``config`` is ``{branches[], waitForAll | join {policy, n, tolerate}}``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from workflows.kinds.kind import Kind, given
from workflows.policies import Join
from workflows.shape import Reading, choice, flag, identifier, list_of, optional, record, required, whole
from workflows.structure import Node

POLICIES = ("all", "any", "n_of", "all_done")
_PERCENT = re.compile(r"(\d{1,3}(?:\.\d{1,6})?)\s*%")


@dataclass(frozen=True, slots=True, kw_only=True)
class ParallelNode(Node):
    first_nodes: tuple[str, ...]
    join: Join

    @property
    def branches(self) -> tuple[str, ...]:
        return self.first_nodes


def build(common: dict[str, Any], config: dict[str, Any]) -> ParallelNode:
    return ParallelNode(**common, first_nodes=config.get("branches", ()), join=_join(config))


def check(reading: Reading, document: dict[str, Any], config: dict[str, Any], pointer: str) -> None:
    if {"join", "waitForAll"} <= given(document):
        reading.refuse(f"{pointer}/config", "give either 'waitForAll' or 'join'")
    _check_join(reading, config.get("join", {}), len(config.get("branches", ())), f"{pointer}/config/join")


def tolerate(reading: Reading, value: Any, pointer: str) -> dict[str, Any] | None:
    """How many branches may fail: a count, or a share such as "20%"."""
    if isinstance(value, str):
        found = _PERCENT.fullmatch(value.strip())
        if found is None or float(found[1]) > 100:
            return reading.refuse(pointer, 'expected a count, or a share such as "20%"')
        return {"percent": float(found[1])}
    count = whole(0, 1_000_000)(reading, value, pointer)
    return None if count is None else {"count": count}


def _check_join(reading: Reading, join: dict[str, Any], branches: int, pointer: str) -> None:
    policy = join.get("policy", "all")
    if (policy == "n_of") != ("n" in join):
        reading.refuse(pointer, "'n' goes with the policy n_of, and that policy needs it")
    elif join.get("n", 0) > branches:
        reading.refuse(f"{pointer}/n", f"{join['n']} of {branches} branches can never complete")
    if "tolerate" in join and policy != "all":
        reading.refuse(f"{pointer}/tolerate", "'tolerate' goes with the policy all")


def _join(config: dict[str, Any]) -> Join:
    join = config.get("join")
    if join is None:
        return Join(policy="all" if config.get("waitForAll", True) else "any")
    return Join(policy=join.get("policy", "all"), n=join.get("n"), **join.get("tolerate", {}))


_JOIN = {
    "policy": optional(choice(*POLICIES)),
    "n": optional(whole(1, 1_000_000)),
    "tolerate": optional(tolerate),
}

KIND = Kind(
    name="parallel",
    build=build,
    check=check,
    config={
        "branches": required(list_of(identifier, shortest=1)),
        "waitForAll": optional(flag),
        "join": optional(record(_JOIN)),
    },
)
