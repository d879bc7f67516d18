"""The attempt that user code is running in, as OpenTelemetry's context carries it."""

from __future__ import annotations

from typing import Any

from opentelemetry.context import Context, create_key, get_value

from executions.vault.known import Secrets

ATTEMPT = create_key("c4c-attempt")


def current_secrets(context: Context | None = None) -> Secrets | None:
    attempt: Any = get_value(ATTEMPT, context)
    found: Secrets | None = getattr(attempt, "secrets", None)
    return found
