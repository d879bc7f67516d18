"""How an attempt ended, as a value."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Completed:
    output: Any
    encoded: bytes | None = None
    """The output as JSON text: checked, and within the limit."""
    spans: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Failed:
    """``retry_after`` (seconds) is the procedure's own word, and beats the node's policy."""

    name: str
    message: str
    stack: str = ""
    retryable: bool = True
    asked_to_retry: bool = False
    retry_after: float | None = None
    spans: list[dict[str, Any]] = field(default_factory=list)

    @property
    def error(self) -> dict[str, Any]:
        found = {"name": self.name, "message": self.message}
        return {**found, "stack": self.stack} if self.stack else found


@dataclass(frozen=True, slots=True)
class Stopped:
    """It was told to stop, and did, or did not in time and was left behind. ``reason``: what else to say."""

    reason: str = ""
    spans: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Lost:
    """Its executor went away. ``counts`` is false where that was an orderly stop."""

    reason: str
    counts: bool = True


Outcome = Completed | Failed | Stopped
