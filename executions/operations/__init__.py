"""The verbs. Every door (API, page, admin, command line, user code) goes through here.

They run inside the caller's transaction where there is one: what is started, emitted or asked for in an
``atomic()`` that rolls back has never been. Each has a twin for async code, in a transaction of its own.
"""

from __future__ import annotations

from executions.operations.again import rerun, retry
from executions.operations.approving import decide
from executions.operations.commands import (
    ALLOWED,
    allowed_actions,
    cancel,
    delete,
    pause,
    resume,
    signal,
    terminate,
)
from executions.operations.emitting import emit
from executions.operations.migrating import Report, migrate
from executions.operations.starting import astart, start
from executions.operations.transactions import USING, later

acancel = later(cancel)
adecide = later(decide)
adelete = later(delete)
aemit = later(emit)
amigrate = later(migrate)
apause = later(pause)
arerun = later(rerun)
aresume = later(resume)
aretry = later(retry)
asignal = later(signal)
aterminate = later(terminate)

__all__ = [
    "ALLOWED",
    "USING",
    "Report",
    "acancel",
    "adecide",
    "adelete",
    "aemit",
    "allowed_actions",
    "amigrate",
    "apause",
    "arerun",
    "aresume",
    "aretry",
    "asignal",
    "astart",
    "aterminate",
    "cancel",
    "decide",
    "delete",
    "emit",
    "migrate",
    "pause",
    "rerun",
    "resume",
    "retry",
    "signal",
    "start",
    "terminate",
]
