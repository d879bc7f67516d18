"""What goes in: names, types, defaults, refusals."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from procedures import InvalidInput
from tests.procedures.declaring import contract


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Line(BaseModel):
    sku: str
    count: int = 1


class Order(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)

    order_id: int
    lines: list[Line] = []
    placed_on: date | None = None


class Tree(BaseModel):
    name: str
    children: list[Tree] = []


def add(a: float, b: float) -> float:
    return a + b


def place(order: Order) -> int:
    return order.order_id


def rename(user_id: Annotated[str, Field(alias="userId")], json: str = "x", copy: bool = False) -> str:
    return user_id


def many(
    day: date,
    who: UUID,
    price: Decimal,
    colour: Colour,
    mode: Literal["a", "b"] = "a",
    pair: tuple[int, str] = (1, "x"),
    names: frozenset[str] = frozenset(),
    anything: Any = None,
    lines: list[Line] | None = None,
) -> None: ...


def grow(tree: Tree) -> None: ...


def count(n: int) -> None: ...


def either(value: int | str) -> None: ...


def nested(order: Order, note: str = "") -> None: ...


def settings(limits: Annotated[dict[str, int], Field(default={"a": 1})]) -> None: ...


def bounded(n: int = Field(5, ge=1, le=9, description="how many")) -> None: ...


MANY = {"day": "2026-03-01", "who": "8a4f1a52-0a5c-4b7e-9a36-6b2f4d0a2b11", "price": "1.50", "colour": "red"}


def problems(handler: Any, values: Any) -> list[dict[str, Any]]:
    with pytest.raises(InvalidInput) as refused:
        contract(handler).validate_input(values)
    return refused.value.problems


def test_the_parameters_are_the_fields() -> None:
    made = contract(add)
    assert made.fields == ("a", "b")
    assert made.validate_input({"a": 1, "b": 2.5}) == {"a": 1.0, "b": 2.5}
    assert made.input_schema == {
        "title": "test.it input",
        "type": "object",
        "properties": {"a": {"type": "number"}, "b": {"type": "number"}},
        "required": ["a", "b"],
    }


def test_one_model_is_the_whole_input_with_its_names_on_the_wire() -> None:
    made = contract(place)
    assert made.fields == ("orderId", "lines", "placedOn")
    found = made.validate_input({"orderId": 7, "lines": [{"sku": "x"}], "placedOn": "2026-03-01"})
    assert found == {
        "order": Order.model_validate(
            {"orderId": 7, "lines": [{"sku": "x", "count": 1}], "placedOn": date(2026, 3, 1)}
        )
    }


def test_a_model_that_refers_to_itself_has_its_fields_too() -> None:
    made = contract(grow)
    assert made.fields == ("name", "children")
    Draft202012Validator.check_schema(made.input_schema)
    assert made.validate_input({"name": "a", "children": [{"name": "b"}]})["tree"].children[0].name == "b"


def test_a_model_beside_other_parameters_is_a_field() -> None:
    assert contract(nested).fields == ("order", "note")


def test_aliases_are_the_wire_and_any_parameter_name_will_do() -> None:
    made = contract(rename)
    assert made.fields == ("userId", "json", "copy")
    assert made.validate_input({"userId": "u", "json": "{}"}) == {
        "user_id": "u",
        "json": "{}",
        "copy": False,
    }


def test_fields_that_the_contract_lacks_are_dropped() -> None:
    assert contract(add).validate_input({"a": 1, "b": 2, "seconds": 20}) == {"a": 1, "b": 2}


def test_json_becomes_the_types_that_have_no_json() -> None:
    found = contract(many).validate_input({**MANY, "pair": [2, "y"], "names": ["n"], "lines": [{"sku": "s"}]})
    assert found["day"] == date(2026, 3, 1)
    assert found["who"] == UUID(MANY["who"])
    assert found["price"] == Decimal("1.50")
    assert found["colour"] is Colour.RED
    assert (found["mode"], found["pair"], found["names"]) == ("a", (2, "y"), frozenset({"n"}))
    assert found["lines"] == [Line(sku="s")]


def test_schemas_are_json_schema_2020_12() -> None:
    for handler in (add, place, rename, many, grow, nested, settings, bounded):
        Draft202012Validator.check_schema(contract(handler).input_schema)
        Draft202012Validator.check_schema(contract(handler).output_schema)


def test_defaults_stand_in_the_schema_and_are_not_shared() -> None:
    made = contract(settings)
    assert made.input_schema["properties"]["limits"]["default"] == {"a": 1}
    made.validate_input({})["limits"]["b"] = 2
    assert made.validate_input({}) == {"limits": {"a": 1}}


def test_a_field_as_a_default_says_what_it_allows() -> None:
    made = contract(bounded)
    assert made.validate_input({}) == {"n": 5}
    assert made.input_schema["properties"]["n"] == {
        "default": 5,
        "description": "how many",
        "maximum": 9,
        "minimum": 1,
        "type": "integer",
    }
    assert problems(bounded, {"n": 10}) == [
        {"detail": "n: Input should be less than or equal to 9", "pointer": "/n"}
    ]


@pytest.mark.parametrize("value", ["5", True, None, [5], {"n": 5}, ""])
def test_what_is_no_number_is_not_made_one(value: object) -> None:
    assert problems(add, {"a": value, "b": 1}) == [
        {"detail": "a: Input should be a valid number", "pointer": "/a"}
    ]


@pytest.mark.parametrize("value", [5, True, None])
def test_what_is_no_text_is_not_made_one(value: object) -> None:
    assert problems(rename, {"userId": value})[0]["detail"] == "userId: Input should be a valid string"


def test_all_problems_are_told_at_once_with_pointers() -> None:
    values = {"orderId": "x", "lines": [{"sku": 1}, {"count": 2}], "placedOn": "soon"}
    assert [problem["pointer"] for problem in problems(place, values)] == [
        "/orderId",
        "/lines/0/sku",
        "/lines/1/sku",
        "/placedOn",
    ]


def test_the_message_names_the_fields() -> None:
    with pytest.raises(InvalidInput, match=r"^a: Input should be a valid number; b: Field required$"):
        contract(add).validate_input({"a": "x"})


def test_pointers_escape_what_json_pointers_escape() -> None:
    assert problems(settings, {"limits": {"a/b~c": "x"}})[0]["pointer"] == "/limits/a~1b~0c"


def test_a_union_is_one_problem_in_one_place() -> None:
    assert problems(either, {"value": 1.5}) == [
        {"detail": "value: Input should be a valid integer or a valid string", "pointer": "/value"}
    ]


def test_five_point_zero_is_an_integer_but_five_and_a_half_is_none() -> None:
    assert contract(count).validate_input({"n": 5.0}) == {"n": 5}
    assert type(contract(count).validate_input({"n": 5.0})["n"]) is int
    assert problems(count, {"n": 5.5}) == [{"detail": "n: Input should be a valid integer", "pointer": "/n"}]
    assert problems(count, {"n": 1e300})[0]["pointer"] == "/n"


def test_whole_doubles_deep_inside_are_integers_and_the_callers_values_stay_as_they_are() -> None:
    values = {"orderId": 7.0, "lines": [{"sku": "s", "count": 2.0}]}
    assert contract(place).validate_input(values)["order"].lines[0].count == 2
    assert type(values["orderId"]) is float


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (float("nan"), "NaN is not a JSON number"),
        (float("inf"), "Infinity is not a JSON number"),
        (float("-inf"), "-Infinity is not a JSON number"),
        ("a\0b", "a NUL character (\\u0000) cannot be stored"),
        ({"a\0": 1}, "in a key, a NUL character (\\u0000) cannot be stored"),
        ("\ud800", "half a surrogate pair is not text"),
        (2**64, "an integer beyond 64 bits cannot be stored"),
        ({1: 2}, "the key 1 is no text"),
    ],
)
def test_what_cannot_be_stored_is_refused_with_its_place(value: object, said: str) -> None:
    found = problems(many, {**MANY, "anything": {"deep": [0, value]}})
    assert found == [{"detail": f"anything.deep.1: {said}", "pointer": "/anything/deep/1"}]


def test_null_is_no_nan_and_a_written_escape_is_no_nul() -> None:
    values = {**MANY, "anything": [None, "\\u0000"]}
    assert contract(many).validate_input(values)["anything"] == [None, "\\u0000"]


def test_nesting_without_end_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    assert "nested deeper than 250 levels" in problems(many, {**MANY, "anything": endless})[0]["detail"]


def test_what_is_no_object_is_refused() -> None:
    assert problems(add, [1, 2])[0]["pointer"] == ""
    assert problems(place, None)[0]["pointer"] == ""


def test_a_flood_of_problems_is_cut() -> None:
    values = {"orderId": 1, "lines": [{"sku": 1}] * 5000}
    assert len(problems(place, values)) == 100
