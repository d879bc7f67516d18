"""What can be done: typed procedures with contracts.

::

    from procedures import Context, procedure

    @procedure("orders.total", description="Adds up an order.")
    def total(orderId: int, context: Context) -> Total: ...
"""

from procedures.context import Context
from procedures.declaration import procedure
from procedures.errors import (
    Cancelled,
    InvalidInput,
    InvalidOutput,
    LimitExceeded,
    MemoryLimitExceeded,
    NonRetryable,
    ProcedureError,
    ProcedureNotFound,
    ProcessDied,
    Retry,
)
from procedures.registry import Procedure, registry

__all__ = [
    "Cancelled",
    "Context",
    "InvalidInput",
    "InvalidOutput",
    "LimitExceeded",
    "MemoryLimitExceeded",
    "NonRetryable",
    "Procedure",
    "ProcedureError",
    "ProcedureNotFound",
    "ProcessDied",
    "Retry",
    "procedure",
    "registry",
]
