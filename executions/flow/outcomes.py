"""How an attempt ended, as a value."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from executions.vault.known import Secrets


@dataclass(frozen=True, slots=True)
class Completed:
    output: Any
    encoded: bytes | None = None
    """The output as JSON text: checked, within the limit, and as it is to be stored."""
    spans: list[dict[str, Any]] = field(default_factory=list)
    shown: bytes | None = None
    """The output as it is to be shown; empty where it is too large to be told."""


@dataclass(frozen=True, slots=True)
class Failed:
    """``retry_after`` (seconds) is the procedure's own word, or its server's, and beats the node's back-off.

    ``names``: the error's class and its bases, for policies that speak of these.
    """

    name: str
    message: str
    stack: str = ""
    names: tuple[str, ...] = ()
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
    """What it ran in went away: its executor, or its own process, killed from outside.

    ``counts`` is false where that was an orderly stop.
    """

    reason: str
    counts: bool = True


@dataclass(frozen=True, slots=True)
class Called:
    """Another execution is ready to be stored: ``rows`` as the journal takes them."""

    child: str
    rows: Any
    spans: list[dict[str, Any]] = field(default_factory=list)


Outcome = Completed | Failed | Stopped | Called


def unseen(outcome: Outcome, secrets: Secrets) -> Outcome:
    """The same, without secrets in what only people read of it."""
    if not secrets:
        return outcome
    match outcome:
        case Completed() | Stopped() if outcome.spans:
            return replace(outcome, spans=secrets.masked(outcome.spans))
        case Failed():
            message, stack = secrets.masked_text(outcome.message), secrets.masked_text(outcome.stack)
            return replace(outcome, message=message, stack=stack, spans=secrets.masked(outcome.spans))
    return outcome
