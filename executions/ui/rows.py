"""A row of the list, as the template reads it: the contract's row, with what only pages say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from executions.states import TERMINAL
from executions.ui.retrying import shown_status

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    document: Document
    gone: bool = False

    @property
    def id(self) -> str:
        return str(self.document["executionId"])

    @property
    def status(self) -> str:
        """As stored, except that an execution which only waits to try again is told as retrying."""
        return shown_status(self.document["status"], self.statuses)

    @property
    def is_terminal(self) -> bool:
        return self.document["status"] in TERMINAL

    @property
    def statuses(self) -> list[str]:
        """Of its nodes, in the order in which they were reached: the tape."""
        return [detail["status"] for detail in self.document["nodeDetails"].values()]

    @property
    def total(self) -> int:
        return (self.document.get("progress") or {}).get("total") or 0

    @property
    def executed(self) -> int:
        progress = self.document.get("progress")
        if self.document.get("nodesTruncated") and progress:
            return int(progress["done"])
        return len(self.document["nodesExecuted"])

    @property
    def remark(self) -> str:
        """Why it stands where it stands: what it waits for, or how it failed."""
        error = self.document.get("error") or {}
        at, message = error.get("nodeId"), error.get("message", "")
        return self.document.get("waitReason") or (f"{at}: {message}" if at else message)
