"""What an attempt answers, as it is kept: its secrets sealed, what is large in a file."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from executions import payloads
from executions.executor.chores import chore
from executions.flow.outcomes import Completed, Lost, Outcome
from executions.payloads import Place
from executions.vault.known import Secrets
from executions.vault.marks import marks
from executions.vault.stored import encode_marked, is_special
from procedures import Procedure
from procedures.errors import InvalidOutput


def refuse_huge(answer: Any, most: int) -> None:
    """A look at the texts in an answer, before anything is made of them. Raises InvalidOutput."""
    parts = answer.values() if isinstance(answer, Mapping) else answer
    for part in parts if isinstance(parts, list) or parts is not answer else (answer,):
        if isinstance(part, str | bytes | bytearray) and len(part) > most:
            raise too_large(len(part), most)


def too_large(size: int, most: int) -> InvalidOutput:
    return InvalidOutput([{"detail": f"the output is {size} bytes; at most {most}", "pointer": ""}])


SWEEP_SECONDS = 60.0
"""Between two looks for files that nothing refers to."""


class PayloadNotStored(Exception):
    """A large output could not be written to its storage."""


def is_simple(outcome: Outcome | Lost, procedure: Procedure, secrets: Secrets) -> bool:
    """Whether it is stored just as it is."""
    if not isinstance(outcome, Completed) or outcome.encoded is None:
        return True
    encoded = outcome.encoded
    return not (
        marks(procedure.contract.output_schema).whole
        or payloads.is_large(encoded)
        or is_special(encoded)
        or (secrets and secrets.are_in(encoded))
    )


def kept(outcome: Completed, procedure: Procedure, secrets: Secrets, place: Place) -> Completed:
    """Not for the loop, as a file may be written. Raises PayloadNotStored."""
    stored, shown = encode_marked(outcome.output, secrets, marks(procedure.contract.output_schema))
    if not payloads.is_large(stored):
        return replace(outcome, encoded=stored, shown=shown)
    try:
        return replace(outcome, encoded=payloads.put(stored, place), shown=b"")
    except Exception as error:  # whatever a storage raises
        why = f"{type(error).__name__}: {error}"
        raise PayloadNotStored(f"its output of {len(stored)} bytes cannot be stored: {why}") from error


_next_sweep = 0.0


@chore
def remove_orphans() -> bool:
    """Files of large values to which nothing refers. Now and then: there are few, and they harm nobody."""
    global _next_sweep  # noqa: PLW0603  (each process has its own rhythm)
    if time.monotonic() < _next_sweep:
        return False
    has_more = payloads.sweep() >= payloads.BATCH
    _next_sweep = 0.0 if has_more else time.monotonic() + SWEEP_SECONDS
    return has_more
