"""A text that is known to be secret is seen nowhere, however it is written."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import orjson
import pytest

from executions.vault.known import Secrets

SECRET = 'pa$$ "wörd"\\/?&\n+x'


def knowing(*values: object) -> Secrets:
    secrets = Secrets()
    for value in values:
        secrets.learn(value)
    return secrets


def test_nothing_is_known_at_first() -> None:
    secrets = Secrets()
    assert not secrets
    assert not secrets.are_in(b'"anything"')
    assert secrets.masked({"a": ["anything", 1, None]}) == {"a": ["anything", 1, None]}


@pytest.mark.parametrize(
    "written",
    [
        SECRET,
        json.dumps({"a": SECRET}),
        orjson.dumps([SECRET]).decode(),
        repr(SECRET),
        f"?token={quote(SECRET, safe='')}&a=1",
        base64.b64encode(SECRET.encode()).decode(),
        base64.urlsafe_b64encode(SECRET.encode()).decode(),
    ],
)
def test_a_secret_is_found_however_it_is_written(written: str) -> None:
    secrets = knowing(SECRET)
    masked = secrets.masked_text(f"before {written} after")
    assert masked.startswith("before ")
    assert masked.endswith(" after")
    assert "***" in masked
    assert "rd" not in masked
    assert secrets.are_in(orjson.dumps({"text": written}))


def test_everything_in_a_secret_object_is_secret() -> None:
    secrets = knowing({"user": "somebody", "codes": ["first-code", {"pin": 123456}]})
    told = {"somebody": "first-code", "n": 123456, "m": 1234567, "yes": True}
    assert secrets.masked(told) == {"***": "***", "n": "***", "m": 1234567, "yes": True}


def test_what_is_very_short_is_not_looked_for() -> None:
    secrets = knowing("abc", 12, True, None)
    assert not secrets
    assert secrets.masked("abc 12 True None") == "abc 12 True None"


def test_of_two_secrets_the_longer_one_is_masked_whole() -> None:
    assert knowing("pass", "password").masked_text("the password!") == "the ***!"


def test_the_lines_of_a_private_key_are_masked_one_by_one() -> None:
    key = "-----BEGIN KEY-----\nMIIEvQIBADANBg\n-----END KEY-----"
    assert "MIIEvQ" not in knowing(key).masked_text("bad line: MIIEvQIBADANBg, at 2")


def test_a_secret_that_a_limit_has_cut_is_masked_as_well() -> None:
    cut = ("x" * 3990 + " correct-horse-battery")[:4000]
    masked = knowing("correct-horse-battery").masked_text(cut)
    assert "correct" not in masked
    assert masked.endswith("***")


def test_among_thousands_of_secrets_each_is_found_and_nothing_else_is() -> None:
    secrets = knowing([f"eyJhbGciOi-{number:05}-same-end" for number in range(3000)])
    told = {"short": "eyJhbGciOi-02999-same-end", "long": "x" * 50_000 + "eyJhbGciOi-00007-same-end"}
    assert secrets.are_in(orjson.dumps(told))
    assert secrets.masked(told) == {"short": "***", "long": "x" * 50_000 + "***"}
    assert not secrets.are_in(b'"eyJhbGciOi-03000-same-end"')
    assert secrets.masked_text("eyJhbGciOi-03000-same-end") == "eyJhbGciOi-03000-same-end"


def test_the_beginning_of_a_secret_at_the_end_of_a_text_is_noticed() -> None:
    secrets = knowing("correct-horse")
    ends = {"x": 0, "xc": 1, "xcor": 3, "x correct-hors": 12, "correct-horse": 0, "correct-horse c": 1}
    assert {text: secrets.begun_in(text) for text in ends} == ends
