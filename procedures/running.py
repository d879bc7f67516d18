"""How a procedure asks to be run: in which process, with how much memory, for how long."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite

from procedures.errors import BadProcedure

ISOLATIONS = ("none", "process")
TIMEOUTS = ("startToClose", "scheduleToStart", "heartbeat")
LEAST_MEMORY = 32
"""MiB. A Python process with Django needs more than that before it does anything."""
LONGEST = 100 * 366 * 86_400.0


def require_isolation(isolation: object, memory_limit: object, transactional: bool) -> None:
    """Raises ``BadProcedure``."""
    if isolation not in ISOLATIONS:
        raise BadProcedure(f"isolation is one of {', '.join(ISOLATIONS)}, not {isolation!r}")
    if isolation == "process" and transactional:
        raise BadProcedure(
            'isolation="process" and transactional=True exclude each other',
            "A node's end is written in the executor's process, in one transaction with what the procedure "
            "writes there. Keep one of the two; in a process, open a transaction in the procedure itself.",
        )
    if memory_limit is None:
        return
    if isolation != "process":
        raise BadProcedure(
            "memory_limit is for procedures in a process of their own",
            'Add isolation="process"; threads of one process share its memory.',
        )
    if isinstance(memory_limit, bool) or not isinstance(memory_limit, int) or memory_limit < LEAST_MEMORY:
        raise BadProcedure(f"memory_limit is a whole number of MiB from {LEAST_MEMORY}, not {memory_limit!r}")


def timeouts(told: object) -> dict[str, float]:
    """By the names that definitions use. Raises ``BadProcedure``."""
    if told is None:
        return {}
    found = told if isinstance(told, Mapping) else {"startToClose": told}
    unknown = [str(name) for name in found if name not in TIMEOUTS]
    if unknown:
        raise BadProcedure(f"timeout has no {', '.join(unknown)}; there are {', '.join(TIMEOUTS)}")
    return {name: _seconds(name, value) for name, value in found.items()}


def _seconds(name: str, value: object) -> float:
    known = isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
    if not known or not 0 < value <= LONGEST:  # type: ignore[operator]
        raise BadProcedure(f"timeout.{name} is a number of seconds above 0, not {value!r}")
    return value  # type: ignore[return-value]
