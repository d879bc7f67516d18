"""Procedures that one test declares and no other sees."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from procedures import registry


@pytest.fixture
def own_procedures(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(registry, "_procedures", dict(registry._procedures))
    yield
