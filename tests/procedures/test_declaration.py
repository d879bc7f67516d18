"""What the decorator makes of a function, and what it refuses."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, TypeVar

import pytest
from pydantic import BaseModel, RootModel

from procedures import Context, ProcedureNotFound, procedure
from procedures.registry import Registry
from tests.procedures.declaring import declared, refused

Wrapped = TypeVar("Wrapped", bound=Callable[..., Any])


class Names(RootModel[list[str]]):
    pass


class Opaque:
    pass


class Both(BaseModel):
    names: Names


def greet(name: str) -> str:
    """Says hello.

    Politely.
    """
    return f"Hello, {name}!"


async def greet_later(name: str) -> str:
    await asyncio.sleep(0)
    return f"Hello, {name}!"


def with_context(name: str, context: Context) -> str:
    return f"{name} in {context.execution_id}"


def with_optional_context(name: str, where: Context | None = None) -> str:
    return f"{name} in {where.execution_id if where else 'nowhere'}"


def line_of(handler: Any) -> int:
    return inspect.getsourcelines(handler)[1]


def test_the_function_stays_as_it_is() -> None:
    assert procedure("greet", into=Registry())(greet) is greet
    assert greet("Ada") == "Hello, Ada!"


def test_a_procedure_knows_its_name_place_and_description() -> None:
    made = declared(greet, "people.greet")
    assert made.name == "people.greet"
    assert made.module == f"tests.procedures.test_declaration:{line_of(greet)}"
    assert made.description == "Says hello.\n\nPolitely."
    assert declared(greet, description="Greets.").description == "Greets."


def test_metadata_has_the_originals_defaults_and_whatever_else_is_given() -> None:
    assert declared(greet).metadata == {
        "exposure": "external",
        "roles": ["workflow-node", "api-endpoint", "sdk-client"],
    }
    options: dict[str, Any] = {"category": "people", "tags": ("a", "b"), "exposure": "internal", "roles": []}
    assert declared(greet, **options, metadata={"provider": "us", "tags": "overruled"}).metadata == {
        "provider": "us",
        "exposure": "internal",
        "roles": [],
        "category": "people",
        "tags": ["a", "b"],
    }


def test_sync_and_async_functions_are_told_apart() -> None:
    assert not declared(greet).is_async
    assert declared(greet_later).is_async


def test_a_call_binds_and_runs() -> None:
    made = declared(greet_later)
    assert asyncio.run(made.handler(**made.bind({"name": "Ada", "more": 1}))) == "Hello, Ada!"


@pytest.mark.parametrize("handler", [with_context, with_optional_context])
def test_the_context_goes_to_whoever_asks_under_any_name(handler: Any) -> None:
    made = declared(handler)
    assert made.wants_context
    assert made.contract.fields == ("name",)
    context = Context(execution_id="wf_1")
    assert made.handler(**made.bind({"name": "Ada"}, context)) == "Ada in wf_1"


def test_who_does_not_ask_gets_no_context() -> None:
    made = declared(greet)
    assert not made.wants_context
    assert made.bind({"name": "Ada"}, Context()) == {"name": "Ada"}


def test_a_context_is_no_input() -> None:
    made = declared(with_context)
    assert made.bind({"name": "Ada", "context": "forged"}).keys() == {"name", "context"}
    assert isinstance(made.bind({"name": "Ada", "context": "forged"})["context"], Context)


def test_a_decorated_function_keeps_its_contract() -> None:
    def noisy(function: Wrapped) -> Wrapped:
        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs).upper()

        return wrapper  # type: ignore[return-value]

    made = declared(noisy(greet))
    assert made.handler(**made.bind({"name": "Ada"})) == "HELLO, ADA!"
    assert made.module.endswith(f":{line_of(greet)}")


@pytest.mark.parametrize("name", ["", "a b", "a..b", ".a", "a.", "ä", "x" * 201, 7, None])
def test_a_name_that_is_none_is_refused(name: Any) -> None:
    fault = refused(greet, name)
    assert fault.problem.startswith("it needs a name")
    assert fault.place == f"tests.procedures.test_declaration:{line_of(greet)}"


def test_the_decorator_without_a_call_is_refused_and_leaves_the_function() -> None:
    own = Registry()
    assert procedure(greet, into=own) is greet  # type: ignore[arg-type, comparison-overlap]
    assert own.faults[0].problem.startswith("it needs a name")
    assert own.faults[0].name == ""


def test_transactional_is_for_sync_functions() -> None:
    assert declared(greet, transactional=True).transactional
    assert "transactional=True needs a sync function" in refused(greet_later, transactional=True).problem


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"exposure": "public"}, "exposure is one of internal, external, not 'public'"),
        ({"roles": ["node"]}, "unknown roles node; there are workflow-node, api-endpoint"),
        ({"roles": "workflow-node"}, "roles is a list of words, not 'workflow-node'"),
        ({"tags": "math"}, "tags is a list of words, not 'math'"),
        ({"tags": [1]}, "tags is a list of words, not [1]"),
        ({"category": 5}, "category is a word, not 5"),
        ({"metadata": {"at": Opaque()}}, "its metadata is not JSON"),
        ({"metadata": {"at": float("nan")}}, "its metadata is not JSON"),
    ],
)
def test_metadata_that_says_nothing_is_refused(options: dict[str, Any], said: str) -> None:
    assert said in refused(greet, **options).problem


def unannotated(a, b: int) -> int: ...  # type: ignore[no-untyped-def]


def starred(*args: int) -> int: ...


def double_starred(**kwargs: int) -> int: ...


def positional(a: int, /) -> int: ...


def opaque_input(a: Opaque) -> int: ...


def opaque_output(a: int) -> Opaque: ...


def undefined(a: Nowhere) -> int: ...  # type: ignore[name-defined]  # noqa: F821


def no_member(a: functools.nowhere) -> int: ...  # type: ignore[name-defined]


def calls(a: Callable[[], int]) -> int: ...


def a_list(names: Names) -> int: ...


def private(_hidden: Opaque) -> int: ...


def generates(a: int) -> Iterator[int]:
    yield a


async def generates_later(a: int) -> AsyncIterator[int]:
    yield a


@pytest.mark.parametrize(
    ("handler", "said"),
    [
        (unannotated, "parameter a has no annotation"),
        (starred, "parameter *args: 'int' has no place in a contract"),
        (double_starred, "parameter **kwargs: 'int' has no place in a contract"),
        (positional, "has no place in a contract"),
        (opaque_input, "its contract cannot be read: Unable to generate pydantic-core schema"),
        (opaque_output, "its contract cannot be read: Unable to generate pydantic-core schema"),
        (undefined, "its annotations cannot be read: name 'Nowhere' is not defined"),
        (no_member, "its annotations cannot be read: module 'functools' has no attribute 'nowhere'"),
        (calls, "its contract cannot be read"),
        (a_list, "its input must be an object with named fields"),
        (private, "its contract cannot be read"),
        (generates, "it yields"),
        (generates_later, "it yields"),
        (Opaque, "it must be a function"),
        ("greet", "it must be a function"),
        (functools.partial(greet), "it must be a function"),
    ],
)
def test_a_contract_that_is_none_is_refused(handler: Any, said: str) -> None:
    fault = refused(handler)
    assert said in fault.problem
    assert fault.name == "test.it"
    assert "\n" not in fault.problem


def test_a_refused_annotation_comes_with_what_to_do() -> None:
    assert "not under TYPE_CHECKING" in refused(undefined).hint


def test_using_a_refused_procedure_says_why_and_where() -> None:
    own = Registry()
    procedure("people.greet", exposure="public", into=own)(greet)
    with pytest.raises(ProcedureNotFound) as missing:
        own.get("people.greet")
    told = str(missing.value)
    assert told.startswith("Procedure people.greet not found in registry: its declaration at ")
    assert f"test_declaration:{line_of(greet)} is refused, exposure is one of" in told


def test_how_it_is_run_is_told_in_the_catalogue() -> None:
    timeout = {"startToClose": 30, "heartbeat": 1.5}
    made = declared(greet, isolation="process", memory_limit=256, timeout=timeout)
    assert made.is_isolated
    told = made.document()
    assert (told["isolation"], told["memoryLimit"], told["timeout"]) == ("process", 256, timeout)
    assert declared(greet, timeout=2).document()["timeout"] == {"startToClose": 2}
    assert declared(greet, transactional=True).document()["transactional"] is True
    assert set(declared(greet).document()) == {
        *("name", "description", "metadata", "inputSchema", "outputSchema")
    }


@pytest.mark.parametrize(
    ("options", "problem", "hint"),
    [
        ({"isolation": "thread"}, "isolation is one of none, process, not 'thread'", "Mend"),
        (
            {"isolation": "process", "transactional": True},
            'isolation="process" and transactional=True exclude each other',
            "Keep one of the two",
        ),
        ({"memory_limit": 64}, "memory_limit is for procedures in a process", 'Add isolation="process"'),
        ({"isolation": "process", "memory_limit": 31}, "a whole number of MiB from 32, not 31", "Mend"),
        ({"isolation": "process", "memory_limit": True}, "a whole number of MiB", "Mend"),
        ({"isolation": "process", "memory_limit": "1G"}, "a whole number of MiB", "Mend"),
        ({"timeout": 0}, "timeout.startToClose is a number of seconds above 0, not 0", "Mend"),
        ({"timeout": "10"}, "timeout.startToClose is a number of seconds", "Mend"),
        ({"timeout": {"heartbeat": float("nan")}}, "timeout.heartbeat is a number of seconds", "Mend"),
        ({"timeout": {"start": 1}}, "timeout has no start; there are startToClose", "Mend"),
    ],
)
def test_how_it_cannot_be_run_is_said_with_what_to_do(options: Any, problem: str, hint: str) -> None:
    fault = refused(greet, **options)
    assert problem in fault.problem
    assert hint in fault.hint
