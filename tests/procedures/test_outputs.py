"""What comes out: JSON, by the contract, or a refusal that names the place."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel, ConfigDict, field_serializer
from pydantic.alias_generators import to_camel

from procedures import InvalidOutput
from tests.procedures.declaring import contract


class Total(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, validate_by_alias=True)

    grand_total: float
    extra: Any = None


class GrandTotal(Total):
    secret_margin: float = 0.5


@dataclass
class Point:
    x: int
    y: int


class Opaque:
    pass


class Broken(BaseModel):
    x: int = 1

    @field_serializer("x")
    def fail(self, x: int) -> int:
        raise ValueError("out of order")


def broken() -> Broken: ...


def total() -> Total: ...


def anything() -> Any: ...


def unannotated(): ...  # type: ignore[no-untyped-def]


def nothing() -> None: ...


def point() -> Point: ...


def numbers() -> dict[str, float]: ...


def whole() -> int: ...


def days() -> list[date]: ...


def problems(handler: Any, value: Any) -> list[dict[str, Any]]:
    with pytest.raises(InvalidOutput) as refused:
        contract(handler).dump_output(value)
    return refused.value.problems


def test_models_are_told_by_their_names_on_the_wire() -> None:
    made = contract(total)
    assert made.dump_output(Total(grand_total=1)) == {"grandTotal": 1.0, "extra": None}
    assert set(made.output_schema["properties"]) == {"grandTotal", "extra"}
    Draft202012Validator(made.output_schema).validate(made.dump_output(Total(grand_total=1)))


def test_a_dictionary_in_place_of_the_model_is_checked_as_strictly() -> None:
    made = contract(total)
    assert made.dump_output({"grandTotal": 2, "unknown": 1}) == {"grandTotal": 2.0, "extra": None}
    assert problems(total, {"grandTotal": "2"}) == [
        {"detail": "grandTotal: Input should be a valid number", "pointer": "/grandTotal"}
    ]
    assert problems(total, {}) == [{"detail": "grandTotal: Field required", "pointer": "/grandTotal"}]
    assert problems(total, None)[0]["pointer"] == ""


def test_fields_of_a_subclass_are_dropped() -> None:
    found = contract(total).dump_output(GrandTotal(grand_total=1))
    assert found == {"grandTotal": 1.0, "extra": None}


def test_a_model_that_was_changed_into_nonsense_is_refused_with_the_place() -> None:
    wrong = Total.model_construct(grand_total="x")
    assert problems(total, wrong) == [
        {"detail": "grandTotal: Input should be a valid number", "pointer": "/grandTotal"}
    ]


def test_a_serializer_that_fails_and_keys_that_are_no_text_are_refused() -> None:
    assert "out of order" in problems(broken, Broken())[0]["detail"]
    assert problems(anything, {Opaque(): 1})[0]["detail"].startswith("not JSON: ")


def test_types_without_json_are_told_as_text() -> None:
    value = {
        "at": datetime(2026, 3, 1, tzinfo=UTC),
        "id": UUID("8a4f1a52-0a5c-4b7e-9a36-6b2f4d0a2b11"),
        "price": Decimal("1.50"),
        "point": Point(1, 2),
        "set": {1},
        "tuple": (1, "a"),
        "bytes": b"text",
    }
    assert contract(anything).dump_output(value) == {
        "at": "2026-03-01T00:00:00Z",
        "id": "8a4f1a52-0a5c-4b7e-9a36-6b2f4d0a2b11",
        "price": "1.50",
        "point": {"x": 1, "y": 2},
        "set": [1],
        "tuple": [1, "a"],
        "bytes": "text",
    }


def test_dataclasses_lists_and_single_values_have_contracts_too() -> None:
    assert contract(point).dump_output(Point(1, 2)) == {"x": 1, "y": 2}
    assert contract(days).dump_output([date(2026, 3, 1)]) == ["2026-03-01"]
    assert contract(whole).dump_output(5) == 5
    assert contract(nothing).dump_output(None) is None
    assert problems(point, Point("1", 2)) == [  # type: ignore[arg-type]
        {"detail": "x: Input should be a valid integer", "pointer": "/x"}
    ]


@pytest.mark.parametrize("value", ["5", True, None, 5.5])
def test_what_is_no_integer_is_not_made_one(value: object) -> None:
    assert problems(whole, value) == [{"detail": "Input should be a valid integer", "pointer": ""}]


def test_a_procedure_that_returns_nothing_may_not_return_something() -> None:
    assert problems(nothing, 1)[0]["pointer"] == ""


@pytest.mark.parametrize("handler", [anything, unannotated])
@pytest.mark.parametrize(
    ("value", "said"),
    [
        (float("nan"), "NaN is not a JSON number"),
        (float("-inf"), "-Infinity is not a JSON number"),
        ("a\0b", "a NUL character (\\u0000) cannot be stored"),
        ({"\0": 1}, "in a key, a NUL character (\\u0000) cannot be stored"),
        ("\udfff", "half a surrogate pair is not text"),
        (-(2**63) - 1, "an integer beyond 64 bits cannot be stored"),
        (Opaque(), "a value of type tests.procedures.test_outputs.Opaque is not JSON"),
        (b"\xff", "bytes that are not UTF-8 text are not JSON"),
    ],
)
def test_what_cannot_be_stored_is_refused_with_its_place(handler: Any, value: object, said: str) -> None:
    found = problems(handler, {"rows": [{"ok": None}, {"bad": value}]})
    assert found == [{"detail": f"rows.1.bad: {said}", "pointer": "/rows/1/bad"}]


def test_the_place_within_a_model_is_named_as_on_the_wire() -> None:
    assert problems(total, Total(grand_total=float("nan")))[0]["pointer"] == "/grandTotal"
    assert problems(total, Total(grand_total=1, extra={"a": Opaque()}))[0]["pointer"] == "/extra/a"
    assert problems(total, Total(grand_total=1, extra=Point(1, float("nan"))))[0]["pointer"] == "/extra/y"  # type: ignore[arg-type]


def test_a_nan_where_a_number_is_declared_is_refused() -> None:
    assert problems(numbers, {"a": 1.0, "b": float("nan")}) == [
        {"detail": "b: NaN is not a JSON number", "pointer": "/b"}
    ]


def test_every_such_place_is_named() -> None:
    found = problems(anything, {"a": float("nan"), "b": [Opaque(), 1, Opaque()]})
    assert [problem["pointer"] for problem in found] == ["/b/0", "/b/2"]
    found = problems(anything, [float("nan"), "\0", 2**70])
    assert [problem["pointer"] for problem in found] == ["/0", "/1", "/2"]


def test_a_value_that_contains_itself_is_refused() -> None:
    loop: dict[str, Any] = {}
    loop["again"] = {"and": loop}
    assert "it contains itself" in problems(anything, {"loop": loop})[0]["detail"]


def test_nesting_without_end_is_refused() -> None:
    deep: list[Any] = []
    for _ in range(2000):
        deep = [deep]
    assert "nested too deeply" in problems(anything, deep)[0]["detail"]


def test_a_forgotten_await_is_named_and_leaves_no_warning() -> None:
    async def forgotten() -> int:
        return 1

    coroutine: Coroutine[Any, Any, int] = forgotten()
    assert "was an await forgotten?" in problems(anything, coroutine)[0]["detail"]
    with pytest.raises(RuntimeError, match="cannot reuse already awaited"):
        asyncio.run(coroutine)
