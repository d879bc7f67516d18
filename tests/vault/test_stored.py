"""How values with secrets lie in a column, and what is read back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from executions.vault import stored
from executions.vault.keys import Unreadable, digest
from executions.vault.known import Secrets

CANARY = "correct-horse-battery"
names = st.sampled_from(["a", "$secret", "$payload", "$$secret", "$$$payload", "shown", "$other"])
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=12,
)


def kept(value: Any, secrets: Secrets | None = None, fields: tuple[str, ...] = ()) -> bytes:
    return stored.encode(value, secrets or Secrets(), fields).stored


def opened(text: bytes) -> Any:
    return stored.opened(stored.read(text), Secrets())


def shown(text: bytes) -> Any:
    return stored.shown(orjson.loads(text))


@pytest.fixture
def knowing() -> Iterator[Secrets]:
    secrets = Secrets()
    secrets.learn(CANARY)
    yield secrets


@given(values)
def test_whatever_data_looks_like_it_is_read_back_as_it_was(value: Any) -> None:
    text = kept(value)
    assert opened(text) == value
    assert shown(text) == value
    assert stored.shown(json.loads(json.dumps(stored.escaped(value)))) == value


@given(values)
def test_what_is_shown_is_what_is_stored_without_its_secrets(value: Any) -> None:
    secrets = Secrets()
    secrets.learn(CANARY)
    told = {"data": value, "token": CANARY, "text": f"Bearer {CANARY}", "secret": [value]}
    text = kept(told, secrets, ("secret",))
    assert CANARY.encode() not in text
    assert opened(text) == told
    expected = {"data": value, "token": "***", "text": "Bearer ***", "secret": "***"}
    assert shown(text) == expected
    assert orjson.loads(stored.encode(told, secrets, ("secret",)).shown) == expected


def test_data_without_secrets_is_stored_as_it_is() -> None:
    text = kept({"a": [1, "two", None]})
    assert text == b'{"a":[1,"two",null]}'
    assert stored.read(text) == {"a": [1, "two", None]}


def test_a_secret_key_hides_its_whole_object(knowing: Secrets) -> None:
    told = {"by": {CANARY: 1, "other": 2}}
    text = kept(told, knowing)
    assert CANARY.encode() not in text
    assert opened(text) == told
    assert shown(text) == {"by": "***"}


def test_opening_makes_the_secrets_known_again(knowing: Secrets) -> None:
    text = kept({"text": f"Bearer {CANARY}"}, knowing)
    later = Secrets()
    stored.opened(stored.read(text), later)
    assert later.masked("it was correct-horse-battery, Bearer") == "it was ***, Bearer"


def test_an_old_key_still_opens_and_the_new_one_seals(knowing: Secrets, settings: Any) -> None:
    settings.C4C = {**settings.C4C, "SECRET_KEYS": ["old"]}
    before = kept(CANARY, knowing)
    settings.C4C = {**settings.C4C, "SECRET_KEYS": ["new", "old"]}
    after = kept(CANARY, knowing)
    assert opened(before) == opened(after) == CANARY
    settings.C4C = {**settings.C4C, "SECRET_KEYS": ["new"]}
    assert opened(after) == CANARY
    with pytest.raises(Unreadable, match="none of the keys fits"):
        opened(before)


def test_without_keys_of_its_own_djangos_secret_key_and_its_fallbacks_serve(
    knowing: Secrets, settings: Any
) -> None:
    text = kept(CANARY, knowing)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another"
    assert opened(text) == CANARY
    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(Unreadable):
        opened(text)


def test_a_forged_envelope_opens_nothing() -> None:
    with pytest.raises(Unreadable):
        opened(b'{"a":{"$secret":"gAAAAA"}}')
    with pytest.raises(Unreadable):
        opened(b'{"a":{"$secret":5}}')


def test_a_digest_tells_texts_apart_and_nothing_of_them() -> None:
    assert digest(CANARY) == digest(CANARY) != digest("another")
    assert CANARY not in digest(CANARY)
