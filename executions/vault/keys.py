"""The keys that secrets are sealed with: the first seals, all of them open."""

from __future__ import annotations

import base64
import hmac
from functools import cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.core.signals import setting_changed

from executions.conf import conf

SEALING = b"c4c: sealed values"
TELLING_APART = b"c4c: digests"


class Unreadable(Exception):
    """A sealed value that none of the keys opens, or that somebody has changed."""

    def __init__(self) -> None:
        super().__init__(
            "a secret cannot be opened: none of the keys fits (C4C['SECRET_KEYS'], else SECRET_KEY and "
            "SECRET_KEY_FALLBACKS); add the key that it was sealed with"
        )


def seal(content: bytes) -> str:
    return _fernet().encrypt(content).decode()


def unseal(token: str) -> bytes:
    """Raises Unreadable."""
    try:
        return _fernet().decrypt(token)
    except (InvalidToken, TypeError, ValueError):
        raise Unreadable from None


def digest(text: str) -> str:
    """The same for the same text, and nothing that it could be read from; another one with another key."""
    return hmac.new(_digest_key(), text.encode(), "sha256").hexdigest()[:24]


@cache
def _fernet() -> MultiFernet:
    return MultiFernet([Fernet(base64.urlsafe_b64encode(_derived(secret, SEALING))) for secret in _secrets()])


@cache
def _digest_key() -> bytes:
    return _derived(_secrets()[0], TELLING_APART)


def _derived(secret: str, purpose: bytes) -> bytes:
    return HKDF(SHA256(), length=32, salt=None, info=purpose).derive(secret.encode())


def _secrets() -> list[str]:
    own = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return [str(key) for key in conf.SECRET_KEYS or own]


def _forget(*, setting: str, **_: Any) -> None:
    if setting in ("C4C", "SECRET_KEY", "SECRET_KEY_FALLBACKS"):
        conf.reset()
        _fernet.cache_clear()
        _digest_key.cache_clear()


setting_changed.connect(_forget, dispatch_uid="c4c.vault.keys")
