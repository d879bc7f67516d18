"""Procedures by their names."""

from __future__ import annotations

import pytest

from procedures import ProcedureNotFound, procedure
from procedures.checks import check_procedures, faults_of
from procedures.registry import Registry


def one() -> int:
    return 1


def two() -> int:
    return 2


def registry_of(*names: str) -> Registry:
    own = Registry()
    for name in names:
        procedure(name, into=own)(one)
    return own


def test_procedures_are_listed_by_name() -> None:
    own = registry_of("b.x", "a.y", "a.x")
    assert own.names() == [found.name for found in own.all()] == ["a.x", "a.y", "b.x"]
    assert len(own) == 3
    assert "a.x" in own
    assert "a.z" not in own
    assert 7 not in own


def test_an_unknown_name_is_told_with_those_like_it() -> None:
    own = registry_of("math.add", "math.multiply", "data.save")
    with pytest.raises(ProcedureNotFound) as missing:
        own.get("math.ad")
    assert missing.value.nearest == ["math.add"]
    assert str(missing.value) == "Procedure math.ad not found in registry; did you mean math.add?"


def test_a_name_like_no_other_is_told_in_the_originals_words() -> None:
    with pytest.raises(ProcedureNotFound, match=r"^Procedure zzz not found in registry$"):
        registry_of("math.add").get("zzz")


def test_the_first_of_a_name_stays_and_the_second_is_told_with_both_places() -> None:
    own = registry_of("a")
    procedure("a", into=own)(two)
    assert own.get("a").handler is one
    (message,) = faults_of(own)
    assert message.id == "c4c.E002"
    assert f"'a' at tests.procedures.test_registry:{two.__code__.co_firstlineno}" in message.msg
    assert f"tests.procedures.test_registry:{one.__code__.co_firstlineno}" in str(message.hint)


def test_one_function_under_one_name_twice_is_a_duplicate_too() -> None:
    assert [message.id for message in faults_of(registry_of("a", "a"))] == ["c4c.E002"]


def test_one_function_may_have_two_names() -> None:
    assert faults_of(registry_of("a", "b")) == []


def test_a_refused_declaration_is_an_error_with_its_place() -> None:
    own = registry_of("not a name")
    (message,) = faults_of(own)
    assert message.id == "c4c.E001"
    assert message.is_serious()
    assert f"at tests.procedures.test_registry:{one.__code__.co_firstlineno}: it needs a name" in message.msg


def test_what_this_project_declares_is_sound() -> None:
    assert check_procedures() == []
