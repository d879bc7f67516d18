"""One procedure, called once: no execution, nothing remembered."""

from __future__ import annotations

import asyncio
import sys
from contextlib import nullcontext, redirect_stdout
from typing import Any

from django.core.management.base import CommandError
from django.db import transaction

from executions.cli.frame import usage_error
from executions.cli.printing import print_json
from procedures import InvalidInput, Procedure


def call_once(procedure: Procedure, given: dict[str, Any], *, as_json: bool) -> int:
    """Print what it answers. Raises a usage error where the input does not fit its contract."""
    try:
        arguments = procedure.bind(given)
    except InvalidInput as error:
        told = "; ".join(f"{problem['pointer'] or '/'}: {problem['detail']}" for problem in error.problems)
        raise usage_error(f"{procedure.name}: {told}") from None
    # What it prints would end up inside the document.
    with redirect_stdout(sys.stderr) if as_json else nullcontext():
        answer = _answer(procedure, arguments)
    print_json(answer)
    return 0


def _answer(procedure: Procedure, arguments: dict[str, Any]) -> Any:
    """Whatever user code raises is its failure, and told in one line."""
    try:
        return procedure.contract.dump_output(_call(procedure, arguments))
    except Exception as error:
        message = " ".join(f"{type(error).__name__}: {error}".split())
        raise CommandError(f"{procedure.name} failed: {message}") from error


def _call(procedure: Procedure, arguments: dict[str, Any]) -> Any:
    if procedure.is_async:
        return asyncio.run(procedure.handler(**arguments))
    if procedure.transactional:
        with transaction.atomic(durable=True):
            return procedure.handler(**arguments)
    return procedure.handler(**arguments)
