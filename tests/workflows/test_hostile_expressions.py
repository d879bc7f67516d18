"""What a stranger may write must not hold up anybody else."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.expressions import ExpressionError, expression, template

SCOPE: dict[str, Any] = {
    "input": {
        "list": list(range(10_000)),
        "text": "a" * 1_000_000,
        "map": {str(n): n for n in range(10_000)},
    },
    "vars": {},
    "nodes": {},
    "trigger": None,
    "error": None,
    "item": None,
    "index": None,
    "execution": {},
}
MOST = 0.5
"""Seconds of CPU, far above what any of these takes; the reference implementation needs up to 30."""

HOSTILE = [
    "(" * 400 + "1" + ")" * 400,
    "[" * 400 + "]" * 400,
    "-" * 900 + "1",
    "!" * 900 + "true",
    "1" + " + 1" * 200,
    "input" + ".a" * 400,
    "input" + "[0]" * 300,
    "true ? " * 100 + "1" + " : 1" * 100,
    "size(" * 150 + "input" + ")" * 150,
    "input.list.map(x, input.list.map(y, input.list))",
    "input.list.map(x, input.list)",
    "input.list.map(x, [input.list, input.list])",
    "input.list.filter(x, x in input.list)",
    "input.list.all(x, input.list == input.list)",
    "input.list.map(x, input.text + input.text)",
    "input.list.map(x, input.text.replace('a', 'bb'))",
    "input.list.map(x, input.text.split(''))",
    "input.list.filter(x, input.text < input.twin)",
    "input.list.filter(x, input.text == input.twin)",
    "input.list.map(x, input.text.matches('(a{1,40}){1,5}b'))",
    "input.list.map(x, 'aaaaaaaaaaaaaaaaaaaaaaaaaaaa'.matches('(a+)+b'))",
    r"input.list.map(x, 'ééééééééééééééé'.matches('\\w{1,100}9'))",
    "'aaa'.matches('((a{0,100}){0,100}){0,100}')",
    "input.text + " * 60 + "input.text",
    "[" + "input.list, " * 80 + "1]",
    "input.list + " * 60 + "input.list",
    "input.text.split('').join(input.text)",
    "int('" + "9" * 900 + "')",
    "duration('" + "9" * 900 + "h')",
    "duration('99999999999999999h')",
    "timestamp('9999-12-31T23:59:59Z') + duration('100h')",
    "9" * 1000,
    "'" + "\\" * 1001,
    "input.text.__class__.__mro__",
    "input.__class__",
    "''.__class__.__base__.__subclasses__()",
    "__import__('os').system('true')",
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_expression_ends_quickly(text: str) -> None:
    began = time.process_time()
    with suppress(ExpressionError):
        expression(text).evaluate(SCOPE)
    assert time.process_time() - began < MOST


@pytest.mark.parametrize(
    "text",
    [
        "input.list.map(x, input.list)",
        "input.list.filter(x, x in input.list)",
        "[" + "input.list, " * 80 + "1]",
        "input.text + " * 60 + "input.text",
    ],
)
def test_what_would_be_too_much_is_refused_rather_than_cut_short(text: str) -> None:
    with pytest.raises(ExpressionError):
        expression(f"[{text}, {text}]").evaluate(SCOPE)


def test_a_limit_is_not_absorbed_by_a_logical_operator() -> None:
    with pytest.raises(ExpressionError, match="too much work"):
        expression(
            "input.list.exists(x, input.list.size() > 0 && x in input.list && false) || true"
        ).evaluate(SCOPE)


def test_many_large_results_in_one_template_are_bounded_together() -> None:
    many = template({str(number): "${{ input.text }}" for number in range(1_000)})
    with pytest.raises(ExpressionError, match="too much data"):
        many.resolve(SCOPE)


def test_ordinary_work_on_ten_thousand_items_is_allowed() -> None:
    assert expression("input.list.filter(x, x > 9000).size()").evaluate(SCOPE) == 999


def test_a_deeply_nested_template_is_refused_not_fatal() -> None:
    value: Any = "x"
    for _ in range(5_000):
        value = [value]
    with pytest.raises(ExpressionError, match="levels deep"):
        template(value)


@given(st.text(max_size=60) | st.text("()[]{}.,:?!&|=<>+-*/%'\"\\ ax0input", max_size=60))
def test_any_text_is_an_expression_or_an_expression_error(text: str) -> None:
    with suppress(ExpressionError):
        expression(text).evaluate(SCOPE)


@given(st.text("${}'\" abinput.x", max_size=40))
def test_any_text_is_a_template_or_an_expression_error(text: str) -> None:
    try:
        found = template(text).resolve(SCOPE)
    except ExpressionError:
        return
    if "{{" not in text:
        assert found == text
