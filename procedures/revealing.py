"""Values of pydantic's secret types as they are: whoever keeps them hides them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, SecretBytes, SecretStr


def revealed(dumped: Any, original: Any) -> Any:
    """``dumped`` is JSON data, in which secrets are stars; ``original`` the same in Python's own types."""
    if isinstance(original, SecretStr | SecretBytes):
        return _value(original)
    if isinstance(original, Mapping) and isinstance(dumped, dict):
        return {name: revealed(item, original.get(name)) for name, item in dumped.items()}
    if isinstance(original, list | tuple) and isinstance(dumped, list) and len(dumped) == len(original):
        return [revealed(*each) for each in zip(dumped, original, strict=True)]
    return dumped


def spelt(value: Any) -> Any:
    """Plain data with the values of secrets in it."""
    match value:
        case SecretStr() | SecretBytes():
            return _value(value)
        case dict():
            return {key: spelt(item) for key, item in value.items()}
        case list() | tuple():
            return [spelt(item) for item in value]
        case BaseModel():
            plain = value.model_dump(mode="json", by_alias=True, warnings=False)
            return revealed(plain, value.model_dump(by_alias=True, warnings=False))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: spelt(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return value


def _value(secret: SecretStr | SecretBytes) -> str:
    found = secret.get_secret_value()
    return found if isinstance(found, str) else found.decode("utf-8", "replace")
