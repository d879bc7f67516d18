"""A seeded monkey that kills, stops, cuts off and skews, and a crowd of executions that it does it to."""

from __future__ import annotations

import signal
import time
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import TypeVar

from django.db import InterfaceError, OperationalError, connection, transaction

from c4c_site.postgres.server import Server
from executions import operations
from executions.errors import ExecutionExists, NotAllowed
from executions.models import Command, Emission, Event, Execution, Lane, Letter
from tests.chaos.nursery import Nursery
from tests.chaos.stories import Story, stories
from tests.durability.servers import environment, stop_at_once, use
from tests.scripted.models import Gate
from workflows import library

T = TypeVar("T")
WORKERS = 3
CROWD = 40
"""Executions that are under way at least, while it rages."""
MOUTHFUL = 20
"""Words that are said, or tried, before something else is done."""
LIMIT = 120.0
"""Seconds after which what must come has not come."""
SKEW = 300.0
"""How wrong a worker's clock may be, in seconds."""
OTHERS = "datname = current_database() AND pid <> pg_backend_pid()"


class Storm:
    """Everything that happens is drawn from ``seed``; when it happens is the machines' affair."""

    def __init__(self, server: Server, seed: int) -> None:
        self.random = Random(seed)
        self.done: Counter[str] = Counter()
        self.begun: dict[str, Story] = {}
        """Every acknowledged execution, by id."""
        self._server = server
        self._nursery = Nursery(environment(server))
        self._frozen: dict[int, float] = {}
        self._to_say: deque[tuple[str, str]] = deque()
        known = list(stories())
        self._stories, self._shares = known, [story.share for story in known]
        for story in self._stories:
            library.publish(story.document)

    def rage(self, kills: int) -> None:
        """Kill so many workers, and do the rest in proportion."""
        acts: list[Callable[[], None]] = [self._kill] * kills + [self._freeze] * (kills // 6 + 1)
        acts += [self._cut_off] * (kills // 8 + 1) + [self._stop_server] * (kills // 20 + 1)
        self.random.shuffle(acts)
        self._replace()
        for act in acts:
            self._start_some()
            self._say_some()
            self._until_more_happens(self.random.randint(10, 80))
            act()
            self.done[act.__name__.strip("_")] += 1
            self._replace()

    def calm_down(self) -> None:
        """Everything is said, all workers are awake: every execution ends, and nothing is left."""
        self._thaw(everything=True)
        self._until(lambda: not self._to_say, "everything can be said", meanwhile=self._say_some)
        self._until(lambda: not Execution.objects.active().exists(), "every execution ends")
        for model in (Letter, Emission.objects.filter(delivered_at=None), Lane):
            rows = getattr(model, "objects", model)
            self._until(lambda rows=rows: not rows.exists(), f"nothing is left of {model}")
        unheard = Command.objects.filter(handled_at=None)
        self._until(lambda: not unheard.exists(), "every inbox is empty")

    def close(self) -> None:
        self._nursery.close()

    # What it does to them

    def _kill(self) -> None:
        pid = self.random.choice(self._nursery.alive)
        self._frozen.pop(pid, None)
        self._nursery.kill(pid)

    def _freeze(self) -> None:
        """Most sleep past their lease, and find that others have their executions."""
        pid = self.random.choice(self._nursery.alive)
        self._nursery.send(pid, signal.SIGSTOP)
        self._frozen[pid] = time.monotonic() + self.random.uniform(0.5, 4)

    def _thaw(self, *, everything: bool = False) -> None:
        for pid, until in list(self._frozen.items()):
            if everything or time.monotonic() >= until:
                self._nursery.send(pid, signal.SIGCONT)
                del self._frozen[pid]

    def _cut_off(self) -> None:
        """All connections, or a third of them."""
        part = self.random.choice(["true", "random() < 0.3"])
        self._surely(lambda: self._terminate(part))

    def _terminate(self, part: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {OTHERS} AND {part}"
            )

    def _stop_server(self) -> None:
        self._surely(Execution.objects.exists)
        stop_at_once(self._server)

    def _replace(self) -> None:
        """Those that were killed, and those that were born while there was no database."""
        self.done["stillbirth"] += self._nursery.bury()
        while len(self._nursery.alive) < WORKERS:
            self._nursery.bear(self.random.uniform(-SKEW, SKEW))

    # What they are

    def _start_some(self) -> None:
        under_way = self._surely(lambda: Execution.objects.active().count())
        for story in self.random.choices(self._stories, self._shares, k=max(5, CROWD - under_way)):
            execution_id = f"{story.name}-{len(self.begun)}"
            self._surely(lambda story=story, id=execution_id: self._start(story, id))
            self.begun[execution_id] = story
            self._to_say.extend((execution_id, word) for word in story.said)

    def _start(self, story: Story, execution_id: str) -> None:
        input = {"items": list(range(20))} if story.name == "map" else {}
        input |= {"tenant": self.random.choice("abc")} if story.name == "gated" else {}
        with suppress(ExecutionExists):
            operations.start(story.name, execution_id=execution_id, input=input, timeout=story.timeout)

    def _say_some(self) -> None:
        """A word that it is too early for waits; those to one execution keep their order."""
        early: set[str] = set()
        for _ in range(min(MOUTHFUL, len(self._to_say))):
            execution_id, word = self._to_say.popleft()
            if execution_id in early or not self._surely(lambda w=word, id=execution_id: _say(w, id)):
                early.add(execution_id)
                self._to_say.append((execution_id, word))

    # Waiting

    def _until_more_happens(self, events: int) -> None:
        """Or there is not much left that could happen."""
        seen = self._surely(Event.objects.count)
        few = len(self._to_say) + CROWD // 10

        def happened() -> bool:
            return Event.objects.count() >= seen + events or Execution.objects.active().count() <= few

        self._until(happened, "work goes on", meanwhile=self._say_some)

    def _until(
        self, holds: Callable[[], bool], what: str, meanwhile: Callable[[], object] = lambda: None
    ) -> None:
        deadline = time.monotonic() + LIMIT
        while not self._surely(holds):
            assert time.monotonic() < deadline, f"not within {LIMIT:g} s: {what}"
            self._thaw()
            meanwhile()
            time.sleep(0.02)

    def _surely(self, work: Callable[[], T]) -> T:
        """Whatever becomes of the database meanwhile: until it is done."""
        while True:
            try:
                return work()
            except (OperationalError, InterfaceError):
                use(self._server)


def _say(word: str, execution_id: str) -> bool:
    """Exactly once, in a transaction of its own. False: it is too early for it."""
    verb, _, payload = word.partition(" ")
    gate = f"{execution_id} {word}"
    execution = Execution.objects.get(pk=execution_id)
    if Gate.objects.filter(name=gate).exists():
        return True
    if verb != "signal" and execution.started_at is None:
        return False
    try:
        with transaction.atomic():
            Gate.objects.create(name=gate)
            _put(verb, payload, execution_id)
    except NotAllowed:
        return execution.ended_at is not None
    return True


def _put(verb: str, payload: str, execution_id: str) -> None:
    match verb:
        case "signal":
            operations.signal(execution_id, "go", int(payload))
        case "emit":
            operations.emit("paid", {"n": 1}, key=execution_id)
        case "decide":
            operations.decide(execution_id, None, "approved")
        case _:
            getattr(operations, verb)(execution_id)
