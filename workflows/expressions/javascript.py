"""The seeds' dialect: conditions as their authors wrote them, with JavaScript's meaning of truth and numbers.

A missing member is null (so is a member of null, and what a method of null gives), and numbers are doubles.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

from workflows.expressions.dialect import Dialect, Step
from workflows.expressions.errors import ExpressionError
from workflows.expressions.functions import kind_of, number_text
from workflows.expressions.work import Work

PRECEDENCE = {
    "??": 1,
    "||": 1,
    "&&": 2,
    **dict.fromkeys(("==", "!=", "===", "!=="), 3),
    **dict.fromkeys(("<", "<=", ">", ">=", "in"), 4),
    **dict.fromkeys("+-", 5),
    **dict.fromkeys("*/%", 6),
}
_NAN, _INFINITY = float("nan"), float("inf")
_NUMBER_TEXT = 64


def truth(value: Any) -> bool:
    """False are null, false, 0, NaN and the empty text; every list and map is true."""
    if value is None or value is False or value == "":
        return False
    if isinstance(value, int | float):
        return not math.isnan(value) and value != 0
    return True


def member(target: Any, name: Any) -> Any:
    if isinstance(target, Mapping):
        return target.get(name)
    if name == "length" and isinstance(target, str | list | tuple):
        return float(len(target))
    return None


def index(target: Any, key: Any) -> Any:
    if isinstance(key, str):
        return member(target, key)
    if isinstance(target, Mapping):
        return target.get(text(key)) if isinstance(key, int | float) else None
    position = number(key)
    if isinstance(target, str | list | tuple) and 0 <= position < len(target) and position.is_integer():
        return target[int(position)]
    return None


def negative(value: Any) -> float:
    return -number(value)


def call(work: Work, name: str, arguments: list[Any]) -> Any:
    target, *rest = arguments
    if target is None:
        return None
    if name == "includes" and isinstance(target, list | tuple):
        work.charge(len(target))
        return any(strictly_equal(work, item, rest[0]) for item in target)
    if not isinstance(target, str):
        raise ExpressionError(f"{name}() is not defined for {kind_of(target)}")
    work.text(target)
    return METHODS[name][1](target, *(text(argument) for argument in rest))


def both(left: Step, right: Step) -> Step:
    def run(work: Work) -> Any:
        value = left(work)
        return right(work) if truth(value) else value

    return run


def either(left: Step, right: Step) -> Step:
    def run(work: Work) -> Any:
        value = left(work)
        return value if truth(value) else right(work)

    return run


def otherwise(left: Step, right: Step) -> Step:
    """``??``: the right side where the left one is null."""

    def run(work: Work) -> Any:
        value = left(work)
        return right(work) if value is None else value

    return run


def number(value: Any) -> float:
    if isinstance(value, float):
        return value
    if isinstance(value, int):
        return _double(value)
    if value is None:
        return 0.0
    return _number_of(value) if isinstance(value, str) else _NAN


def text(value: Any) -> str:
    match value:
        case str():
            return value
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | float() if math.isfinite(number(value)):
            return number_text(number(value))
        case int() | float():
            return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    raise ExpressionError(f"{kind_of(value)} cannot be read as text")


def strictly_equal(work: Work, left: Any, right: Any) -> bool:
    """``===``: no conversion; lists and maps are equal only to themselves."""
    if _is_number(left) and _is_number(right):
        return number(left) == number(right)
    if isinstance(left, str | bool | None) and type(left) is type(right):
        return bool(left == right)
    return left is right


def _loosely_equal(work: Work, left: Any, right: Any) -> bool:
    scalars = isinstance(left, str | int | float) and isinstance(right, str | int | float)
    if scalars and type(left) is not type(right):
        return number(left) == number(right)
    return strictly_equal(work, left, right)


def _add(work: Work, left: Any, right: Any) -> Any:
    if isinstance(left, str) or isinstance(right, str):
        return work.text(text(left) + text(right))
    return number(left) + number(right)


def _divide(left: float, right: float) -> float:
    if right != 0:
        return left / right
    if left == 0 or math.isnan(left):
        return _NAN
    return _INFINITY if (left > 0) == (math.copysign(1, right) > 0) else -_INFINITY


def _remainder(left: float, right: float) -> float:
    if right == 0 or abs(left) == _INFINITY or math.isnan(right):
        return _NAN
    if abs(right) == _INFINITY:
        return left
    rest = abs(left) % abs(right)
    return -rest if left < 0 else rest


def _multiply(left: float, right: float) -> float:
    return left * right


def _within(work: Work, left: Any, right: Any) -> bool:
    if isinstance(right, Mapping):
        return isinstance(left, str) and left in right
    return bool(call(work, "includes", [right, left]))


def _arithmetic(compute: Callable[[float, float], float]) -> Callable[[Work, Any, Any], float]:
    return lambda work, left, right: compute(number(left), number(right))


def _ordering(compare: Callable[[Any, Any], bool]) -> Callable[[Work, Any, Any], bool]:
    def ordered(work: Work, left: Any, right: Any) -> bool:
        if isinstance(left, str) and isinstance(right, str):
            return compare(left, right)
        return compare(number(left), number(right))

    return ordered


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _double(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return _INFINITY if value > 0 else -_INFINITY


def _number_of(value: str) -> float:
    stripped = value.strip()
    if not stripped:
        return 0.0
    try:
        return float(stripped) if len(stripped) <= _NUMBER_TEXT and stripped[-1].isdigit() else _NAN
    except ValueError:
        return _NAN


BINARY: dict[str, Callable[[Work, Any, Any], Any]] = {
    "+": _add,
    "-": _arithmetic(operator.sub),
    "*": _arithmetic(_multiply),
    "/": _arithmetic(_divide),
    "%": _arithmetic(_remainder),
    "===": strictly_equal,
    "!==": lambda work, left, right: not strictly_equal(work, left, right),
    "==": _loosely_equal,
    "!=": lambda work, left, right: not _loosely_equal(work, left, right),
    "in": _within,
    "<": _ordering(operator.lt),
    "<=": _ordering(operator.le),
    ">": _ordering(operator.gt),
    ">=": _ordering(operator.ge),
}
METHODS: dict[str, tuple[int, Callable[..., Any]]] = {
    "includes": (1, lambda text, part: part in text),
    "startsWith": (1, str.startswith),
    "endsWith": (1, str.endswith),
    "toLowerCase": (0, str.lower),
    "toUpperCase": (0, str.upper),
    "trim": (0, str.strip),
}
"""Name to the number of arguments and what it does to a text."""

JAVASCRIPT = Dialect(
    precedence=PRECEDENCE,
    comprehensions=False,
    binary=BINARY,
    logical={"&&": both, "||": either, "??": otherwise},
    member=member,
    index=index,
    negative=negative,
    test=truth,
    call=call,
)
