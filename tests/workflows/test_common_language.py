from __future__ import annotations

from typing import Any

import cel
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.expressions import ExpressionError, expression

SCOPE: dict[str, Any] = {
    "input": {
        "a": 1,
        "b": 2.5,
        "none": None,
        "text": "hi",
        "list": [3, 1, 2],
        "map": {"x": {"y": 1}},
        "yes": True,
    },
    "vars": {"count": 5},
    "nodes": {"a": {"output": {"r": 7}, "status": "completed", "error": None}, "b-c": {"output": [1]}},
    "trigger": None,
    "error": {"name": "ValueError", "message": "no"},
    "item": None,
    "index": None,
    "execution": {"id": "wf_exec_1"},
}


def value(text: str) -> Any:
    return expression(text).evaluate(SCOPE)


def refusal(text: str) -> str:
    with pytest.raises(ExpressionError) as caught:
        expression(text)
    return str(caught.value)


def failure(text: str) -> str:
    ready = expression(text)
    with pytest.raises(ExpressionError) as caught:
        ready.evaluate(SCOPE)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("input.a + 1", 2),
        ("-7 / 2", -3),
        ("-7 % 3", -1),
        ("7.0 / 2.0", 3.5),
        ("input.a == 1.0", True),
        ("true == 1", False),
        ("[true] == [1]", False),
        ("input.none == null", True),
        ("'a' + 'b'", "ab"),
        ("[1] + [2]", [1, 2]),
        ("{'a': [1, 2]}.a[1]", 2),
        ("1 in input.list && !('z' in input.map)", True),
        ("has(input.a) && !has(input.zz)", True),
        ("input.yes ? 'y' : 'n'", "y"),
        ("input.missing || true", True),
        ("input.missing && false", False),
        ("input.list.map(x, x * 2)", [6, 2, 4]),
        ("input.list.map(x, x > 1, x)", [3, 2]),
        ("input.list.filter(x, x > 1).map(y, y + 1)", [4, 3]),
        ("input.list.all(x, x > 0) && input.list.exists(x, x == 3)", True),
        ("input.list.exists_one(x, x == 3)", True),
        ("[1, 0].exists(x, 1 / x == 1)", True),
        ("input.map.map(k, k)", ["x"]),
        ("size(input.list) + input.text.size()", 5),
        ("input.text.startsWith('h') && input.text.contains('i') && input.text.matches('^h.$')", True),
        ("' A,b '.trim().lowerAscii().split(',').join('-')", "a-b"),
        ("string(1.0) + string(true) + string(12)", "1true12"),
        ("int('5') + int(1.9)", 6),
        ("type(input.a) == int", True),
        ("nodes.a.output.r + nodes['b-c'].output[0]", 8),
        ("nodes['a'].status", "completed"),
        ("error.name", "ValueError"),
        ("timestamp('2026-01-01T00:00:00Z') + duration('1h30m')", "2026-01-01T01:30:00.000Z"),
        ("timestamp('2026-01-02T00:00:00Z') - timestamp('2026-01-01T00:00:00Z') == duration('24h')", True),
        ("duration('90.5s')", "90.5s"),
        (r"'\u0041\n' + r'\d' + '''it's'''", "A\n\\dit's"),
        ("0x10 + 1", 17),
        ("1 == 1 == true", True),
        ("// a remark\n 1", 1),
    ],
)
def test_an_expression_means_what_cel_says(text: str, expected: Any) -> None:
    found = value(text)
    assert found == expected
    assert type(found) is type(expected)


def test_whole_numbers_and_doubles_mix_because_json_does_not_tell_them_apart() -> None:
    assert value("input.b * 2") == 5.0
    assert value("input.a + input.b") == 3.5


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("input.missing", "no such key: 'missing'"),
        ("input.text + 1", "+ is not defined for string and int"),
        ("1 / 0", "division by zero"),
        ("1.5 / 0.0", "division by zero"),
        ("input.list[3]", "no element 3"),
        ("input.none.x", "null_type has no member 'x'"),
        ("input.a ? 1 : 2", "expected true or false"),
        ("9223372036854775807 + 1", "too large"),
        ("nodes.never.output", "no such key: 'never'"),
        ("timestamp('2026-01-01T00:00:00')", "no zone"),
        ("1e308 * 10.0", "not a finite number"),
        ("'x'.matches('(')", "not a regular expression"),
    ],
)
def test_a_mistake_at_run_time_says_what_and_where(text: str, told: str) -> None:
    message = failure(text)
    assert told in message
    assert text in message


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "unexpected the end"),
        ("1 +", "unexpected the end"),
        ("(1", "expected ')'"),
        ("1 2", "unexpected 2"),
        ("vars.a &", "unexpected '&'"),
        ("sise(input.list)", "unknown function sise(); did you mean size?"),
        ("input.list.mapp(x, x)", "unknown function mapp()"),
        ("size(1, 2)", "does not take 2 arguments"),
        ("inputs.list.map(x, x)", "unknown name 'inputs'; did you mean input?"),
        ("input.list.map(x, y)", "unknown name 'y'"),
        ("[x].map(x, x)", "unknown name 'x'"),
        ("input.list.map(x, input.list.map(y, y))", "within another comprehension"),
        ("has(input)", "has() takes a member"),
        ("1u", "after the number"),
        ("9223372036854775808", "too large"),
        (r"'\q'", "unknown escape"),
        ("'" + "a" * 1100 + "'", "at most 1024 characters"),
    ],
)
def test_what_cannot_be_read_is_refused_before_it_runs(text: str, told: str) -> None:
    assert told in refusal(text)


def test_an_expression_tells_what_it_reads() -> None:
    found = expression("nodes.a.output.x + nodes['b-c'].output + input.z + size(vars.l)")
    assert found.references == {"a", "b-c"}
    assert found.roots == {"nodes", "input", "vars"}


numbers = st.integers(-20, 20) | st.sampled_from([0.5, 1.0, 2.5, -3.0])
atoms = st.one_of(
    numbers.map(lambda number: f"({number})"),
    st.sampled_from(["true", "false", "null", "'ab'", "''", "[1, 2]", "{'k': 1}"]),
    st.sampled_from(
        ["input.n", "input.d", "input.s", "input.l", "input.m", "input.b", "input.zz", "input.m.k"]
    ),
)


def grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    operators = st.sampled_from(["+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "&&", "||", "in"])
    return st.one_of(
        st.tuples(inner, operators, inner).map(lambda parts: f"({' '.join(parts)})"),
        st.tuples(inner, inner, inner).map(lambda parts: f"({parts[0]} ? {parts[1]} : {parts[2]})"),
        inner.map(lambda part: f"(!{part})"),
        numbers.map(lambda number: f"-({number})"),
        inner.map(lambda part: f"size({part})"),
        st.tuples(inner, inner).map(lambda parts: f"{parts[0]}[{parts[1]}]"),
        inner.map(lambda part: f"input.l.exists(x, x == {part})"),
    )


@given(
    st.recursive(atoms, grown, max_leaves=8), st.integers(-5, 5), st.sampled_from([0.5, 2.0]), st.booleans()
)
def test_whatever_the_reference_implementation_gives_ours_gives_too(
    text: str, whole: int, double: float, flag: bool
) -> None:
    scope = {"input": {"n": whole, "d": double, "s": "ab", "l": [1, 2, "ab"], "m": {"k": whole}, "b": flag}}
    try:
        expected = cel.compile(text).execute(scope)
    except Exception:
        return
    if "inf" in repr(expected) or "nan" in repr(expected):
        return
    try:
        found = expression(text).evaluate(scope)
    except ExpressionError as error:
        assert (
            "comprehension" in str(error) or "division by zero" in str(error) or "too deeply" in str(error)
        ), text
        return
    assert (found, type(found)) == (expected, type(expected))
