"""``scripted.*``: succeed, fail, hang, exit or be killed, as the input says.

``times`` is how many attempts, from the first, misbehave (lost ones count); those after succeed. What is in
``output`` is the answer, and so comes into the execution's variables.
"""

from __future__ import annotations

import asyncio
import builtins
import ctypes
import os
import signal
import subprocess
import time
from types import SimpleNamespace
from typing import Any

from asgiref.sync import sync_to_async
from django.db import connection, connections
from opentelemetry import trace
from pydantic import SecretStr

from procedures import Cancelled, Context, NonRetryable, Retry, procedure
from tests.scripted import secretive  # noqa: F401 (declares its procedures)
from tests.scripted.models import Call, Gate, Note

ALWAYS = 1_000_000
TICK = 0.01
LIMIT = 60.0
"""Seconds after which nothing hangs any longer, so that a broken test ends."""
LOADS: dict[str, Any] = {
    "nan": float("nan"),
    "infinity": {"deep": [float("inf")]},
    "nul": "a\0b",
    "nul in a key": {"a\0b": 1},
    "object": object(),
    "set of objects": {object()},
    "surrogate": "\ud800",
    "huge integer": 1 << 70,
    "large": "x" * (5 << 20),
}


class Surrendered(Exception):
    """Raised by ``scripted.fail`` where no built-in error is asked for."""


@procedure("scripted.ok")
def ok(context: Context, output: Any = None) -> Any:
    _note(context)
    return output


@procedure("scripted.aok")
async def aok(context: Context, output: Any = None) -> Any:
    await _anote(context)
    return output


@procedure("scripted.bare")
async def bare(output: Any = None) -> Any:
    """Leaves no trace: for what is counted by the thousand."""
    return output


@procedure("scripted.fail")
def fail(
    context: Context, times: int = ALWAYS, error: str = "", message: str = "as told", output: Any = None
) -> Any:
    """``error``: the name of a built-in one, or ``NonRetryable``."""
    _note(context)
    if context.attempt <= times:
        raise _error(error)(message)
    return output


@procedure("scripted.afail")
async def afail(
    context: Context, times: int = ALWAYS, error: str = "", message: str = "as told", output: Any = None
) -> Any:
    await _anote(context)
    if context.attempt <= times:
        raise _error(error)(message)
    return output


@procedure("scripted.retry")
def retry(context: Context, times: int = 1, after: float | None = None, output: Any = None) -> Any:
    """Asks to be tried again."""
    _note(context)
    if context.attempt <= times:
        raise Retry(after, "not yet")
    return output


@procedure("scripted.hang")
def hang(
    context: Context, gate: str = "", times: int = ALWAYS, stubborn: bool = False, output: Any = None
) -> Any:
    """Until the gate opens or it is told to stop; ``stubborn`` takes no notice of that."""
    _note(context)
    deadline = time.monotonic() + LIMIT
    while context.attempt <= times and not _is_open(gate) and time.monotonic() < deadline:
        if context.cancelled and not stubborn:
            raise Cancelled("told to stop")
        time.sleep(TICK)
    return output


@procedure("scripted.ahang")
async def ahang(
    context: Context, gate: str = "", times: int = ALWAYS, stubborn: bool = False, output: Any = None
) -> Any:
    await _anote(context)
    deadline = time.monotonic() + LIMIT
    while context.attempt <= times and time.monotonic() < deadline:
        try:
            if await _ais_open(gate):
                break
            await asyncio.sleep(TICK)
        except asyncio.CancelledError:
            if not stubborn:
                raise
    return output


@procedure("scripted.sleep")
async def sleep(seconds: float, output: Any = None) -> Any:
    await asyncio.sleep(seconds)
    return output


@procedure("scripted.stay")
async def stay(seconds: float) -> dict[str, float]:
    """Says from when to when it was there."""
    came = time.time()
    await asyncio.sleep(seconds)
    return {"came": came, "left": time.time()}


@procedure("scripted.exit")
def exit(context: Context, times: int = 1, code: int = 1, output: Any = None) -> Any:
    """The process ends without a word."""
    _note(context)
    if context.attempt <= times:
        os._exit(code)
    return output


@procedure("scripted.kill")
def kill(context: Context, times: int = 1, output: Any = None) -> Any:
    """As ``kill -9`` of the executor at this very moment."""
    _note(context)
    if context.attempt <= times:
        os.kill(os.getpid(), signal.SIGKILL)
    return output


@procedure("scripted.progress")
def progress(context: Context, fractions: list[float], output: Any = None) -> Any:
    _note(context)
    for fraction in fractions:
        context.progress(fraction, f"{fraction:.0%}")
    return output


@procedure("scripted.returns")
def returns(context: Context, load: str) -> Any:
    """What cannot be stored: a key of ``LOADS``."""
    _note(context)
    return LOADS[load]


@procedure("scripted.write", transactional=True)
def write(
    context: Context,
    text: str,
    times: int = 0,
    then: str = "fail",
    gate: str = "",
    bad: bool = False,
    output: Any = None,
) -> Any:
    """Writes a note in its node's transaction; ``then``: fail, kill (the process), or clash (on COMMIT).

    ``bad``: answers what cannot be stored.
    """
    Note.objects.create(text=text)
    deadline = time.monotonic() + LIMIT
    while gate and not _is_open(gate) and time.monotonic() < deadline:
        if context.cancelled:
            raise Cancelled("told to stop")
        time.sleep(TICK)
    if context.attempt <= times:
        _misbehave(text, then)
    return LOADS["nan"] if bad else output


@procedure("scripted.scatter", transactional=True)
def scatter(context: Context, text: str, using: str, writes: bool = True) -> int:
    """Writes a note here, and reads or writes elsewhere."""
    Note.objects.create(text=text)
    if writes:
        Note.objects.using(using).create(text=f"{text} elsewhere")
    try:
        return Note.objects.using(using).count()
    finally:
        connections[using].close()


@procedure("scripted.shout")
def shout(codes: list[int]) -> None:
    """Fails with what these characters say: some cannot be written as JSON."""
    raise Surrendered("".join(map(chr, codes)))


@procedure("scripted.login")
async def login(user: str, password: SecretStr) -> dict[str, Any]:
    """Tells how long the secret is, so that it is seen to have come through."""
    return {"welcome": user, "length": len(password.get_secret_value())}


@procedure("scripted.query")
def query(context: Context, names: int = 1) -> dict[str, int]:
    """Uses the database as user code does."""
    return {"calls": Call.objects.filter(execution=context.execution_id).count(), "names": names}


@procedure("scripted.aquery")
async def aquery(context: Context) -> dict[str, int]:
    return {"calls": await Call.objects.filter(execution=context.execution_id).acount()}


def _misbehave(text: str, then: str) -> None:
    match then:
        case "clash":
            Note.objects.create(text=text)
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case _:
            raise Surrendered("as told")


def _error(name: str) -> type[Exception]:
    known: dict[str, type[Exception]] = {"": Surrendered, "NonRetryable": NonRetryable}
    found: type[Exception] = known.get(name) or getattr(builtins, name)
    return found


def _note(context: Context) -> None:
    Call.objects.create(
        execution=context.execution_id, run=context.run_id, node=context.node_id, attempt=context.attempt
    )


def _is_open(gate: str) -> bool:
    return gate != "" and Gate.objects.filter(name=gate).exists()


async def _anote(context: Context) -> None:
    await sync_to_async(_closing)(_note, context)


async def _ais_open(gate: str) -> bool:
    return bool(await sync_to_async(_closing)(_is_open, gate))


def _closing(work: Any, *arguments: Any) -> Any:
    """The thread that asgiref lends does not come back to close its connection."""
    try:
        return work(*arguments)
    finally:
        connection.close()


@procedure("scripted.apart", isolation="process")
def apart(
    context: Context, act: str = "ok", times: int = ALWAYS, gate: str = "", code: int = 3, output: Any = None
) -> Any:
    """In a process of its own. ``act``: ok, fail, exit, crash, kill, freeze (in C, with the interpreter's
    lock), hang (until told to stop or the gate opens), deaf (takes no notice) or offspring.
    """
    _note(context)
    if context.attempt <= times:
        _act(act, context, gate, code)
    return {"pid": os.getpid(), "output": output}


@procedure("scripted.aapart", isolation="process")
async def aapart(context: Context, seconds: float = 0, output: Any = None) -> Any:
    await _anote(context)
    await asyncio.sleep(seconds)
    return {"pid": os.getpid(), "output": output}


@procedure("scripted.hog", isolation="process", memory_limit=400)
def hog(context: Context, megabytes: int) -> int:
    """Uses so much memory, and a little time."""
    _note(context)
    hoard = [b"x" * (1 << 20) for _ in range(megabytes)]
    time.sleep(0.3)
    return len(hoard)


@procedure("scripted.asks", isolation="process")
def asks(context: Context, output: Any = None) -> dict[str, Any]:
    """What it knows where it runs."""
    _note(context)
    return {
        "calls": Call.objects.filter(execution=context.execution_id).count(),
        "attempt": context.attempt,
        "key": context.idempotency_key,
        "details": context.heartbeat_details,
        "node": context.metadata["nodeId"],
    }


@procedure("scripted.tells")
def tells(context: Context, what: list[list[Any]], times: int = 0) -> Any:
    """Says so: ``[["progress", 0.5], ["log", "text"], ["stream", "it"], ["heartbeat", {}], ["sleep", 1]]``.

    The attempts up to ``times`` fail then; the output is what the last one told with its heartbeat.
    """
    _note(context)
    for verb, *given in what:
        _say(context, verb, *given)
    if context.attempt <= times:
        raise Surrendered("as told")
    return context.heartbeat_details


@procedure("scripted.apart-tells", isolation="process")
def apart_tells(context: Context, what: list[list[Any]], times: int = 0) -> Any:
    return tells(context, what, times)


@procedure("scripted.atells")
async def atells(context: Context, what: list[list[Any]], times: int = 0) -> Any:
    await _anote(context)
    for verb, *given in what:
        if verb == "sleep":
            await asyncio.sleep(*given)
        else:
            _say(context, verb, *given)
    if context.attempt <= times:
        raise Surrendered("as told")
    return context.heartbeat_details


class Busy(Exception):
    """As a client library has it: with the response that it is about."""

    def __init__(self, headers: dict[str, str]) -> None:
        self.response = SimpleNamespace(status_code=503, headers=headers)
        super().__init__("503 Service Unavailable")


@procedure("scripted.busy")
def busy(context: Context, after: str, times: int = 1, output: Any = None) -> Any:
    """A server says when to come again."""
    _note(context)
    if context.attempt <= times:
        raise Busy({"Retry-After": after})
    return output


@procedure("scripted.block")
async def block(context: Context, seconds: float, times: int = ALWAYS, busy: bool = False) -> dict[str, int]:
    """Async, and never awaits: the loop of its executor stands still. Answers where it ran."""
    await _anote(context)
    deadline = time.monotonic() + seconds
    while context.attempt <= times and time.monotonic() < deadline:
        if not busy:
            time.sleep(seconds)
    return {"pid": os.getpid()}


def _say(context: Context, verb: str, *given: Any) -> None:
    match verb:
        case "log":
            context.log.info(*given)
        case "sleep":
            time.sleep(*given)
        case _:
            getattr(context, verb)(*given)


def _act(act: str, context: Context, gate: str, code: int) -> None:
    match act:
        case "fail":
            raise Surrendered("as told")
        case "exit":
            os._exit(code)
        case "crash":
            ctypes.string_at(0)
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "freeze":
            ctypes.PyDLL(None).sleep(int(LIMIT))
        case "hang" | "deaf" | "offspring":
            if act == "offspring":
                context.heartbeat({"pid": subprocess.Popen(["sleep", str(LIMIT)]).pid})
            signal.signal(signal.SIGTERM, signal.SIG_IGN if act == "deaf" else signal.SIG_DFL)
            _hang(context, gate, act != "hang")


def _hang(context: Context, gate: str, stubborn: bool) -> None:
    deadline = time.monotonic() + LIMIT
    while not _is_open(gate) and time.monotonic() < deadline:
        if context.cancelled and not stubborn:
            raise Cancelled("told to stop")
        time.sleep(TICK)


@procedure("scripted.confides", transactional=True)
def confides(context: Context, text: str) -> None:
    """Writes and tells, in its node's transaction."""
    context.progress(0.5)
    Note.objects.create(text=text)
    context.progress(1.0)


@procedure("scripted.hasty", timeout=0.2)
async def hasty(seconds: float) -> None:
    await asyncio.sleep(seconds)


@procedure("scripted.traced", isolation="process")
def traced() -> None:
    """Makes a span of its own."""
    with trace.get_tracer("tests").start_as_current_span("inside"):
        pass


@procedure("scripted.murmurs")
def murmurs(context: Context, password: SecretStr, pieces: list[str]) -> None:
    """Streams one by one what should not be heard."""
    for piece in pieces:
        context.stream(piece)
        time.sleep(0.1)


@procedure("scripted.apart-murmurs", isolation="process")
def apart_murmurs(context: Context, password: SecretStr, pieces: list[str]) -> None:
    murmurs(context, password, pieces)
