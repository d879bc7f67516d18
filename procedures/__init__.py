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
    NonRetryable,
    ProcedureError,
    ProcedureNotFound,
    Retry,
)
from procedures.registry import Procedure, registry

__all__ = [
    "Cancelled",
    "Context",
    "InvalidInput",
    "InvalidOutput",
    "NonRetryable",
    "Procedure",
    "ProcedureError",
    "ProcedureNotFound",
    "Retry",
    "procedure",
    "registry",
]
