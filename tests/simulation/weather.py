"""What may go wrong, and how likely it is; the same each time for the same seed."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random


@dataclass
class Weather:
    """Shares of the steps of which each comes with a mishap. ``until``: seconds after which it is calm."""

    random: Random
    until: float = 60.0
    crash: float = 0.004
    """An executor dies before the step."""
    stall: float = 0.002
    """It stands still, perhaps until others take it for dead; then it goes on as if nothing had been."""
    stop: float = 0.001
    """It is stopped in good order."""
    lost_answer: float = 0.03
    """A commit's answer is lost with its connection."""
    refusal: float = 0.0
    """What is written cannot be stored."""
    deaf: float = 0.2
    """A notification is lost."""
    meddling: float = 0.0
    """Somebody cancels, pauses, or gives up an execution while it runs."""

    def happens(self, share: float, at: float) -> bool:
        return at < self.until and self.random.random() < share

    def span(self, longest: float) -> float:
        return self.random.uniform(0, longest)
