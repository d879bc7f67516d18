from __future__ import annotations

from typing import Any

import pytest

from workflows.expressions import ExpressionError, template

SCOPE: dict[str, Any] = {
    "input": {"n": 5, "f": 2.0, "list": [1, {"a": None}], "text": "${{ input.n }}", "yes": True, "none": None}
}


def test_a_string_that_is_one_expression_keeps_the_type() -> None:
    value = {
        "n": "${{ input.n }}",
        "list": "${{ input.list }}",
        "yes": "${{input.yes}}",
        "none": "${{ input.none }}",
    }
    assert template(value).resolve(SCOPE) == {"n": 5, "list": [1, {"a": None}], "yes": True, "none": None}


def test_otherwise_the_parts_are_joined_as_text() -> None:
    text = "${{ input.n }} ${{ input.f }} ${{ input.list }} ${{ input.yes }} ${{ input.none }}."
    assert template(text).resolve(SCOPE) == '5 2 [1,{"a":null}] true .'


def test_a_space_beside_the_expression_makes_it_text() -> None:
    assert template(" ${{ input.n }}").resolve(SCOPE) == " 5"


def test_data_is_never_resolved() -> None:
    assert template("${{ input.text }}").resolve(SCOPE) == "${{ input.n }}"
    assert template("a ${{ input.text }}").resolve(SCOPE) == "a ${{ input.n }}"


def test_braces_within_an_expression_do_not_end_it() -> None:
    assert template("${{ {'a': {'b': '}}'}} }}").resolve(SCOPE) == {"a": {"b": "}}"}}
    assert template("${{ '${{' }} stays").resolve(SCOPE) == "${{ stays"


def test_what_has_no_expression_is_constant_and_its_value_is_the_callers_own() -> None:
    written = {"a": 1, "b": {"c": ["$", "{", "}}"]}}
    found = template(written)
    assert found.is_constant
    found.value["b"]["c"].append("changed")
    found.resolve({})["b"]["c"].append("changed")
    assert found.value == written == {"a": 1, "b": {"c": ["$", "{", "}}"]}}


def test_constant_parts_of_a_changing_template_are_the_callers_own_too() -> None:
    found = template({"a": "${{ input.n }}", "b": [[]]})
    found.resolve(SCOPE)["b"][0].append(1)
    assert found.resolve(SCOPE) == {"a": 5, "b": [[]]}


def test_the_order_of_keys_stays() -> None:
    assert list(template({"z": 1, "a": "${{ input.n }}", "m": 2}).resolve(SCOPE)) == ["z", "a", "m"]


def test_references_are_told_with_their_pointers() -> None:
    found = template({"a/b": ["${{ nodes.x.output }}"], "c": "{{ outputs['y'].z }} ${{ nodes.x.status }}"})
    assert found.references == {"x", "y"}
    assert [(at, sorted(used.references)) for at, used in found.expressions] == [
        ("/a~1b/0", ["x"]),
        ("/c", ["y"]),
        ("/c", ["x"]),
    ]


@pytest.mark.parametrize("text", ["${{ input.n", "{{ x", "a ${{ }} b", "${{ 'a }}", "${{ input.n }} {{"])
def test_what_is_not_closed_or_empty_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError):
        template({"a": text})


def test_a_failure_at_run_time_names_the_expression() -> None:
    with pytest.raises(ExpressionError, match=r"no such key: 'zz', in input\.zz"):
        template({"a": ["${{ input.zz }}"]}).resolve(SCOPE)
