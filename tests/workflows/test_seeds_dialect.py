from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.expressions import ExpressionError, expression, template
from workflows.expressions.javascript import truth

SCOPE: dict[str, Any] = {
    "input": {},
    "vars": {
        "isPremium": True,
        "tier": "premium",
        "count": 5,
        "tags": ["a", "b"],
        "zero": 0,
        "text": "Hello",
    },
    "nodes": {"parse-command": {"output": {"isCommand": True, "args": ["x"]}}, "check": {"output": None}},
    "trigger": {"payload": {"file": {"name": "a.pdf", "mimeType": "application/pdf"}}},
    "error": None,
    "item": None,
    "index": None,
    "execution": {},
}


def value(text: str) -> Any:
    return expression(text).evaluate(SCOPE)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("isPremium === true", True),
        ("isPremium !== true", False),
        ("tier === 'premium' && count >= 5", True),
        ("!missing", True),
        ("missing === null", True),
        ("missing.deeper.still === null", True),
        ("trigger.payload.file.mimeType === 'application/pdf'", True),
        ("outputs['parse-command'].isCommand === true", True),
        ("outputs.check.isCommand === true", False),
        ("outputs['never-run'].isCommand === true", False),
        ("get('parse-command').isCommand", True),
        ("tags.includes('b') && !tags.includes('z')", True),
        ("text.includes('ell')", True),
        ("missing.includes('x')", None),
        ("['premium', 'enterprise'].includes(tier)", True),
        ("tags.length === 2", True),
        ("tags[0] + text[1]", "ae"),
        ("count / 2", 2.5),
        ("count / zero > 1000", True),
        ("count % 3", 2),
        ("'n' + count", "n5"),
        ("count == '5'", True),
        ("count === '5'", False),
        ("missing ?? 'fallback'", "fallback"),
        ("zero || 'or'", "or"),
        ("zero && 'and'", 0),
        ("trigger?.payload?.nothing", None),
        ("isPremium ? 'yes' : 'no'", "yes"),
        ("1 === 1 < 2 || isPremium", True),
        ("text.toLowerCase().startsWith('he')", True),
        ("-count", -5),
        ("isPremium === undefined", False),
    ],
)
def test_a_condition_means_what_its_author_meant(text: str, expected: Any) -> None:
    found = value(text)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    "text", ["vars.count > 3", "input.x", "size(vars.tags) == 2", "vars.tags.exists(t, t == 'a')"]
)
def test_an_expression_of_roots_and_known_functions_is_cel(text: str) -> None:
    assert not expression(text)._is_javascript


@pytest.mark.parametrize(
    "text", ["count > 3", "vars.count === 3", "vars.tags.includes('a')", "get('check')", "!ready"]
)
def test_a_bare_name_or_a_word_of_javascript_makes_it_the_seeds_dialect(text: str) -> None:
    assert expression(text)._is_javascript


def test_the_word_in_a_text_is_never_translated() -> None:
    assert value("text + \" === isPremium outputs['x'] && !\"") == "Hello === isPremium outputs['x'] && !"


def test_nodes_that_are_named_in_any_spelling_are_references() -> None:
    found = expression("outputs['a'].x === outputs.b && get('c').y || nodes.d.output")
    assert found.references == {"a", "b", "c", "d"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("isPremium === ", "unexpected the end"),
        ("eval('1') === 1", "unknown function eval()"),
        ("text.constructor('x') === 1", "unknown function constructor()"),
        ("outputs === 1", "needs a node's id"),
        ("text.includes() === 1", "does not take 0 arguments"),
        ("x => x === 1", "unexpected '='"),
    ],
)
def test_what_the_dialect_does_not_have_is_refused(text: str, told: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        expression(text)
    assert told in str(caught.value)


@pytest.mark.parametrize("name", ["__class__", "__init__.__globals__", "constructor.prototype", "__proto__"])
def test_no_member_reaches_into_python_or_javascript(name: str) -> None:
    assert value(f"text.{name} === 1") is False
    assert value(f"isPremium.{name}") is None


def test_double_braces_are_the_seeds_dialect_and_leave_the_data_alone() -> None:
    found = template(
        {"message": "File: {{ trigger.payload.file.name }}", "all": "{{ trigger }}", "no": "{{ nope.x }}"}
    )
    assert found.resolve(SCOPE) == {"message": "File: a.pdf", "all": SCOPE["trigger"], "no": None}


@pytest.mark.parametrize(
    ("value", "holds"),
    [
        *((falsy, False) for falsy in (None, 0, 0.0, float("nan"), "", False)),
        *((truthy, True) for truthy in ([], {}, "0", -1, "false", True)),
    ],
)
def test_truth_is_javascripts(value: Any, holds: bool) -> None:
    assert truth(value) is holds


# An expression and what JavaScript makes of it, built side by side

leaves = st.one_of(
    st.integers(-9, 9).map(lambda number: (f"({number})", float(number))),
    st.sampled_from(["", "a", "b1"]).map(lambda text: (f"'{text}'", text)),
    st.sampled_from([("true", True), ("false", False), ("null", None), ("gone", None), ("gone.on", None)]),
    st.sampled_from([("five", 5.0), ("word", "a"), ("yes", True), ("vars.five", 5.0)]),
)


def js_truth(value: Any) -> bool:
    return value is not None and value is not False and value != "" and (value is True or value != 0.0)


def js_same(left: Any, right: Any) -> bool:
    return type(left) is type(right) and left == right


def together(parts: tuple[str, tuple[str, Any], tuple[str, Any]]) -> tuple[str, Any]:
    operator, (left_text, left), (right_text, right) = parts
    results = {
        "===": lambda: js_same(left, right),
        "!==": lambda: not js_same(left, right),
        "&&": lambda: right if js_truth(left) else left,
        "||": lambda: left if js_truth(left) else right,
        "??": lambda: right if left is None else left,
    }
    return f"({left_text} {operator} {right_text})", results[operator]()


def grown(inner: st.SearchStrategy[tuple[str, Any]]) -> st.SearchStrategy[tuple[str, Any]]:
    return st.one_of(
        st.tuples(st.sampled_from(["===", "!==", "&&", "||", "??"]), inner, inner).map(together),
        inner.map(lambda part: (f"!{part[0]}", not js_truth(part[1]))),
        st.tuples(inner, inner, inner).map(
            lambda parts: (
                f"({parts[0][0]} ? {parts[1][0]} : {parts[2][0]})",
                parts[1][1] if js_truth(parts[0][1]) else parts[2][1],
            )
        ),
    )


@given(st.recursive(leaves, grown, max_leaves=12))
def test_translation_keeps_the_meaning(pair: tuple[str, Any]) -> None:
    text, expected = pair
    found = expression(f"({text}) === 0 ? false : {text}" if "gone" not in text else f"({text})")
    scope = {**SCOPE, "vars": {"five": 5, "word": "a", "yes": True}}
    wanted = False if "gone" not in text and js_same(expected, 0.0) else expected
    assert found.evaluate(scope) == wanted
    assert found.truth(scope) is js_truth(wanted)
