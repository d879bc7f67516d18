"""A worker with the bench's procedures and the product's defaults: ``python -m bench.worker``."""

from __future__ import annotations

from bench import inside  # noqa: F401 (declares the procedures)
from executions.executor import Executor

if __name__ == "__main__":
    Executor().run()
