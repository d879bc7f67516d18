"""Where notifications go: one function per channel, the table of them at the bottom."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.core.mail import send_mail

from procedures import Context, NonRetryable

SUBJECT_LENGTH = 78


def send(channel: str, message: str, context: Context) -> None:
    """Raises ``NonRetryable`` where the channel is not configured, saying what to configure."""
    if channel not in CHANNELS:
        known = ", ".join(CHANNELS)
        raise NonRetryable(f"Notification channel {channel!r} is not configured; use one of: {known}")
    CHANNELS[channel](message, context)


def to_log(message: str, context: Context) -> None:
    context.log.info("[sendNotification] [log] %s", message)


def to_email(message: str, context: Context) -> None:
    receivers = list(getattr(settings, "C4C_NOTIFICATION_EMAILS", ()))
    if not receivers:
        raise NonRetryable(
            "Notification channel 'email' is not configured; list its receivers in C4C_NOTIFICATION_EMAILS "
            "and name a mail server in EMAIL_URL (or Django's EMAIL_* settings)"
        )
    first_line = next(iter(message.splitlines()), "")
    subject = f"[{context.workflow_name or 'c4c'}] {first_line}"[:SUBJECT_LENGTH]
    send_mail(subject.replace("\n", " ").replace("\r", " "), message, None, receivers)


CHANNELS: dict[str, Callable[[str, Context], None]] = {"log": to_log, "email": to_email}
