"""One procedure, called once: no execution, nothing remembered."""

from __future__ import annotations

import asyncio
import sys
from contextlib import nullcontext, redirect_stdout
from typing import Any

import orjson
from django.core.management.base import CommandError
from django.db import transaction

from executions.cli.frame import usage_error
from executions.cli.printing import print_json
from executions.vault.known import Secrets
from executions.vault.marks import marks
from executions.vault.stored import encode_marked
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
        answer = _answer(procedure, arguments, _secrets(procedure, given))
    print_json(answer)
    return 0


def _secrets(procedure: Procedure, given: dict[str, Any]) -> Secrets:
    secrets = Secrets()
    secrets.learn([given[name] for name in procedure.contract.secrets if name in given])
    return secrets


def _answer(procedure: Procedure, arguments: dict[str, Any], secrets: Secrets) -> Any:
    """Whatever user code raises is its failure, and told in one line; no secret is told."""
    try:
        answer = procedure.contract.dump_output(_call(procedure, arguments))
        marked = marks(procedure.contract.output_schema)
        hides = marked.whole or secrets
        return orjson.loads(encode_marked(answer, secrets, marked).shown) if hides else answer
    except Exception as error:
        message = " ".join(f"{type(error).__name__}: {error}".split())
        raise CommandError(f"{procedure.name} failed: {secrets.masked_text(message)}") from error


def _call(procedure: Procedure, arguments: dict[str, Any]) -> Any:
    if procedure.is_async:
        return asyncio.run(procedure.handler(**arguments))
    if procedure.transactional:
        with transaction.atomic(durable=True):
            return procedure.handler(**arguments)
    return procedure.handler(**arguments)
