"""What a test says and asks: the fixture ``c4c``, or ``Kit()`` where there is no pytest."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from asgiref.sync import sync_to_async

from executions.states import EventType
from executions.testing.replays import Replay, exported, replayed
from executions.testing.result import Result
from executions.testing.script import Line, Script, ScriptError, attempts, failure
from executions.testing.shelf import Shelf, Written
from executions.testing.simulation import START, Simulation
from executions.testing.words import Sayings, Word

Span = timedelta | float
"""Of virtual time; a number counts seconds."""


class Kit:
    """Runs workflows in memory and in virtual time. Whatever is said holds for the runs that follow.

    ``folder``: where golden files with relative paths are; ``update``: they are written anew.
    """

    def __init__(self, *, folder: str = ".", update: bool = False) -> None:
        self.start: datetime = START
        """The virtual time at which runs begin."""
        self.seed = 0
        """Of whatever is random, such as the jitter of a back-off."""
        self._folder, self._update = folder, update
        self._shelf, self._script, self._sayings = Shelf(), Script(), Sayings()
        self._simulation: Simulation | None = None
        self._last = ""

    # Running

    def run(
        self,
        workflow: Written,
        input: Mapping[str, Any] | None = None,
        *,
        timeout: Span | None = None,
        until: Span | None = None,
    ) -> Result:
        """Start an execution and let everything happen that is to happen.

        ``workflow``: its id, a builder, or a document. ``timeout``: the execution's deadline. ``until``: stop
        the clock then; ``go_on`` lets it run again. An execution that waits for what never comes is answered
        as it stands. Raises ``InvalidInput``, ``InvalidDefinition`` and ``WorkflowNotFound`` as a start does.
        """
        made = self._simulation = Simulation(self._shelf, self._script, start=self.start, seed=self.seed)
        self._last = made.start(workflow, dict(input or {}), _span(timeout))
        made.watchers.append(self._watch)
        return self._run(until)

    async def arun(self, workflow: Written, input: Mapping[str, Any] | None = None, **options: Any) -> Result:
        """``run`` from an async test; sync user code runs in the thread of Django's own async calls."""
        return await sync_to_async(self.run)(workflow, input, **options)

    def go_on(self, until: Span | None = None) -> Result:
        """Go on with the last run, with what has been said since."""
        if self._simulation is None:
            raise ScriptError("c4c.go_on: nothing has been run yet")
        return self._run(until)

    def replay(self, source: str | Mapping[str, Any]) -> Replay:
        """A real execution once more, by its id or its record, with what its attempts came to.

        Raises ``ExecutionNotFound``.
        """
        return replayed(exported(source) if isinstance(source, str) else source)

    def define(self, *workflows: Any) -> None:
        """Further workflows, for those that run them as subworkflows: builders or documents."""
        for workflow in workflows:
            self._shelf.put(workflow)

    # What happens in nodes. ``node`` is an id, or a procedure's name

    def fail(
        self,
        node: str,
        error: Any = "Failure",
        *,
        message: str = "as the test has said",
        attempt: int | None = None,
        times: int | None = None,
        index: int | None = None,
        retryable: bool | None = None,
    ) -> None:
        """Its attempts fail, without its procedure being called.

        ``error``: an exception, a class of them, or a name. ``attempt``: only that one; ``times``: the first
        so many; neither: all. ``index``: only for this item of the map or loop around it.
        """
        said = failure(error, message, retryable)
        self._script.add(Line("fail", node, attempts("fail", attempt, times), index, failure=said))

    def answer(
        self,
        node: str,
        output: Any = None,
        *,
        attempt: int | None = None,
        times: int | None = None,
        index: int | None = None,
    ) -> None:
        """Its attempts give this instead of calling its procedure, whose contract it must fit.

        A function is called with the node's input. For a subworkflow: the outputs of the execution that is
        then not started.
        """
        self._script.add(Line("answer", node, attempts("answer", attempt, times), index, output=output))

    def takes(
        self,
        node: str,
        span: Span,
        *,
        attempt: int | None = None,
        times: int | None = None,
        index: int | None = None,
    ) -> None:
        """Its attempts take so long in virtual time; without a word they take none."""
        seconds = span.total_seconds() if isinstance(span, timedelta) else float(span)
        self._script.add(Line("takes", node, attempts("takes", attempt, times), index, seconds=seconds))

    def hang(self, node: str, *, attempt: int | None = None, times: int | None = None) -> None:
        """Its attempts never end by themselves: a timeout, a deadline or a cancel ends them."""
        self.takes(node, float("inf"), attempt=attempt, times=times)

    def crash(
        self,
        *,
        before: str | None = None,
        during: str | None = None,
        after: str | None = None,
        attempt: int = 1,
    ) -> None:
        """The executor dies, and another one goes on from what was committed.

        ``before`` the node's procedure is called, ``during``: it has been called and its answer is lost,
        ``after`` the node's end was committed.
        """
        given = [(word, node) for word, node in _moments(before, during, after) if node is not None]
        if len(given) != 1:
            raise ScriptError("c4c.crash: say one of before, during and after")
        moment, node = given[0]
        at = None if moment == "after" else frozenset({attempt})
        self._script.add(Line("crash", node, at, moment=moment))

    # What comes from outside. ``when``: once that node has started, or waits; ``after``: so much later

    def signal(
        self, name: str, payload: Any = None, *, when: str | None = None, after: Span = 0, by: str = ""
    ) -> None:
        self._say(Word("signal", {"name": name, "payload": payload}, by, when, _span(after)))

    def approve(
        self,
        node: str,
        *,
        payload: Any = None,
        comment: str = "",
        by: str = "",
        after: Span = 0,
        index: int | None = None,
    ) -> None:
        """Whenever the node waits for an approval, it is given: by the first who is asked, or by ``by``."""
        self._decide("approved", node, payload, comment, by, after, index)

    def refuse(
        self,
        node: str,
        *,
        payload: Any = None,
        comment: str = "",
        by: str = "",
        after: Span = 0,
        index: int | None = None,
    ) -> None:
        self._decide("refused", node, payload, comment, by, after, index)

    def emit(
        self, name: str, payload: Any = None, *, key: str = "", when: str | None = None, after: Span = 0
    ) -> None:
        """An internal event, for whoever waits for it."""
        told = {"name": name, "payload": {} if payload is None else payload, "key": key}
        self._say(Word("emit", told, "", when, _span(after)))

    def cancel(
        self,
        *,
        when: str | None = None,
        after: Span = 0,
        reason: str = "",
        force: bool = False,
        by: str = "",
    ) -> None:
        self._say(Word("cancel", {"reason": reason, "force": force}, by, when, _span(after)))

    def pause(self, *, when: str | None = None, after: Span = 0, by: str = "") -> None:
        self._say(Word("pause", {}, by, when, _span(after)))

    def resume(self, *, when: str | None = None, after: Span = 0, by: str = "") -> None:
        self._say(Word("resume", {}, by, when, _span(after)))

    # Inside

    def _say(self, word: Word) -> None:
        self._sayings.add(word)

    def _decide(
        self, decision: str, node: str, payload: Any, comment: str, by: str, after: Span, index: int | None
    ) -> None:
        told = {"decision": decision, "comment": comment, "payload": payload}
        self._say(Word("decide", told, by, node, _span(after), index, always=True))

    def _run(self, until: Span | None) -> Result:
        made = self._simulation
        assert made is not None
        self._sayings.say_at_once(made, self._last)
        stop = _span(until)
        made.run(None if stop is None else made.timeline.now() + stop)
        self._require_known()
        return Result(made, self._last, folder=self._folder, update=self._update)

    def _watch(self, execution_id: str, event: dict[str, Any]) -> None:
        made = self._simulation
        assert made is not None
        self._sayings.watch(made, execution_id, event)
        moment = _CRASHES.get(event["type"])
        if moment is not None:
            rows = made.rows(execution_id)
            driver = made.executor.drivers.get(execution_id)
            index = int(event["data"]["runId"].rpartition(".")[2])
            if driver is not None and rows.runs[index].adopted_from is None:
                run = driver.flow.runs[index]
                if self._script.find(run, "crash", moment=moment):
                    made.executor.crash()

    def _require_known(self) -> None:
        assert self._simulation is not None
        nodes = [node for each in self._shelf.definitions() for node in each.nodes.values()]
        names = {node.id for node in nodes}
        self._script.require_known([*names, *(node.procedure for node in nodes if node.procedure)])
        self._sayings.require_known(names)


_CRASHES = {
    EventType.NODE_STARTED.value: "before",
    EventType.NODE_COMPLETED.value: "after",
    EventType.NODE_FAILED.value: "after",
}


def _moments(before: str | None, during: str | None, after: str | None) -> list[tuple[str, str | None]]:
    return [("before", before), ("during", during), ("after", after)]


def _span(given: Any) -> Any:
    """None, or a time that is not negative."""
    if given is None:
        return None
    made = given if isinstance(given, timedelta) else timedelta(seconds=given)
    if made < timedelta():
        raise ScriptError(f"virtual time goes forward only, got {given!r}")
    return made
