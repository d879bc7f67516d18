"""A world without order: ends come in any order and together, executors die, people meddle."""

from __future__ import annotations

from random import Random

from executions.flow import advance
from executions.flow.outcomes import Lost, Outcome, Stopped
from executions.testing.rows import Rows
from tests.executions.graphs import Story
from tests.executions.invariants import check_log, check_undone
from tests.executions.world import LAST_ATTEMPTS, Item, World

CRASH = 0.1
PAUSE = 0.08
STOP = 0.1
MEDDLING = 25
"""Steps after which nobody meddles any more, so that everything comes to its end."""


class Chaos(World):
    """``may_cancel``: somebody may cancel it, or its deadline pass."""

    def __init__(
        self,
        story: Story,
        random: Random,
        rows: Rows | None = None,
        *,
        may_cancel: bool = False,
        most_lost: int = LAST_ATTEMPTS,
    ) -> None:
        super().__init__(story, rows, most_lost=most_lost)
        self.chance, self.may_cancel = random, may_cancel
        self.done = 0
        self.forced = False
        self.early = dict(self.story.early)
        """Signals that are still to be sent."""

    def run(self) -> None:
        if self._happens(0.2):
            self._meddle_first()
        if not self.is_over:
            self.take_up()
        while not self.is_over:
            self.done += 1
            assert self.done < 2000, "it comes to no end"
            if self.done < MEDDLING:
                self._meddle()
            elif self.flow.held and not self.launched and not self.left and self.flow.ending is None:
                self.command("resume")
            if not self.is_over:
                self._go_on()

    def _meddle(self) -> None:
        if self._happens(PAUSE):
            self.command("resume" if self.flow.held else "pause")
        if self._happens(CRASH):
            self._die()
        if self.may_cancel and not self.is_over and self._happens(STOP):
            self._stop()

    def _meddle_first(self) -> None:
        """While it is queued; its executor hears of it before it begins."""
        if self._happens(0.7):
            self.command("pause")
        if self.flow.held and self._happens(0.5):
            self.command("resume")
        if self.may_cancel and not self.is_over and self._happens(0.3):
            self._stop()

    def _die(self) -> None:
        """At once, or in good order: what is in flight is then said to be lost by the one that had it."""
        if self._happens(0.3) and not self.is_over:
            lost = Lost("the executor was stopped", counts=False)
            self.launched.clear()
            self.step(lambda plan: advance.lose(self.flow, plan, lost, self.most_lost))
        if not self.is_over:
            self.take_up()

    def _stop(self) -> None:
        if self._happens(0.7):
            self.forced = self.forced or self._happens(0.2)
            self.command("cancel", reason="enough", **({"force": True} if self.forced else {}))
        else:
            self.deadline = self.now
            self.step(lambda plan: advance.expire(self.flow, plan, self.deadline))

    def _go_on(self) -> None:
        items = [*self._ends(), *self._words(), *self._time()]
        if items or self.left:
            self.step(*items, crash=self._crash())
        elif not self.launched and not self.is_over and (not self.flow.held or self.flow.ending):
            self._next_thing()

    def check(self) -> None:
        check_log(self.rows)
        check_undone(self.rows, self.story.definition, force=self.forced)

    def _ends(self) -> list[Item]:
        ready = sorted(self.launched)
        self.chance.shuffle(ready)
        return [self.end(index, self._answer(index)) for index in ready[: self.chance.randint(0, 3)]]

    def _words(self) -> list[Item]:
        """What runs wait for, and signals that nothing waits for yet."""
        ready = [index for index in sorted(self.coming) if self._happens(0.3)]
        self.chance.shuffle(ready)
        early = [name for name, left in sorted(self.early.items()) if left and self._happens(0.2)]
        for name in early:
            self.early[name] -= 1
        told = [self.put("signal", {"name": f"s_{name}", "payload": {"for": name}}) for name in early]
        return [*told, *[self.comes(index) for index in ready]]

    def _answer(self, index: int) -> Outcome | None:
        """Told to stop, an attempt may stop, or be through already."""
        if index in self.stopping and self._happens(0.6):
            return Stopped()
        return None

    def _time(self) -> list[Item]:
        self.at += self.chance.randint(0, 3 * 10**8)
        return [self.pass_time()] if self._happens(0.3) else []

    def _crash(self) -> str:
        if self.done >= MEDDLING or not self._happens(CRASH):
            return ""
        return self.chance.choice(["before", "after"])

    def _happens(self, share: float) -> bool:
        return self.chance.random() < share
