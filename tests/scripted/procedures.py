"""``scripted.*``: succeed, fail, hang, exit or be killed, as the input says.

``times`` is how many attempts, from the first, misbehave (lost ones count); those after succeed. What is in
``output`` is the answer, and so comes into the execution's variables.
"""

from __future__ import annotations

import asyncio
import builtins
import os
import signal
import time
from typing import Any

from asgiref.sync import sync_to_async
from django.db import connection
from pydantic import SecretStr

from procedures import Cancelled, Context, NonRetryable, Retry, procedure
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
