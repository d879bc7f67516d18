"""CEL, the Common Expression Language: what its operators, members and functions mean.

Types are strict, a missing member is an error. Whole numbers and doubles may be mixed, since JSON does not
tell them apart; every other rule is https://github.com/google/cel-spec's.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from workflows.expressions.dialect import Dialect, Step
from workflows.expressions.equality import equal
from workflows.expressions.errors import ExpressionError
from workflows.expressions.functions import FUNCTIONS, kind_of
from workflows.expressions.work import OutOfBounds, Work

PRECEDENCE = {
    "||": 1,
    "&&": 2,
    **dict.fromkeys(("==", "!=", "<", "<=", ">", ">=", "in"), 3),
    **dict.fromkeys("+-", 4),
    **dict.fromkeys("*/%", 5),
}
INTEGERS = range(-(2**63), 2**63)


def member(target: Any, name: Any) -> Any:
    if isinstance(target, Mapping):
        try:
            return target[name]
        except KeyError:
            raise ExpressionError(f"no such key: {name!r}") from None
    raise ExpressionError(f"{kind_of(target)} has no member {name!r}")


def index(target: Any, key: Any) -> Any:
    if isinstance(target, Mapping):
        if not isinstance(key, str | int | bool):
            raise ExpressionError(f"{kind_of(key)} cannot be a key")
        return member(target, key)
    if isinstance(target, list | tuple):
        if type(key) is not int:
            raise ExpressionError(f"a list is indexed by a whole number, not by {kind_of(key)}")
        if not 0 <= key < len(target):
            raise ExpressionError(f"no element {key} in a list of {len(target)}")
        return target[key]
    raise ExpressionError(f"{kind_of(target)} cannot be indexed")


def test(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise ExpressionError(f"expected true or false, not {kind_of(value)}")


def negative(value: Any) -> Any:
    if _is_number(value):
        return _whole(-value)
    raise ExpressionError(f"- is not defined for {kind_of(value)}")


def call(work: Work, name: str, arguments: list[Any]) -> Any:
    return FUNCTIONS[name].apply(work, arguments)


def both(left: Step, right: Step) -> Step:
    return lambda work: _decided(work, left, right, by=False)


def either(left: Step, right: Step) -> Step:
    return lambda work: _decided(work, left, right, by=True)


def _decided(work: Work, left: Step, right: Step, *, by: bool) -> bool:
    """Either side decides, whichever it is; an error on the other side is then no matter."""
    try:
        if test(left(work)) is by:
            return by
    except OutOfBounds:
        raise
    except ExpressionError:
        if test(right(work)) is by:
            return by
        raise
    return test(right(work))


def _add(work: Work, left: Any, right: Any) -> Any:
    if _is_number(left) and _is_number(right):
        return _whole(left + right)
    if isinstance(left, str) and isinstance(right, str):
        return work.text(left + right)
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        work.charge(len(left) + len(right))
        return [*left, *right]
    if isinstance(left, timedelta) and isinstance(right, datetime | timedelta):
        return right + left
    if isinstance(left, datetime) and isinstance(right, timedelta):
        return left + right
    raise _undefined("+", left, right)


def _subtract(work: Work, left: Any, right: Any) -> Any:
    if _is_number(left) and _is_number(right):
        return _whole(left - right)
    if isinstance(left, datetime | timedelta) and isinstance(right, timedelta):
        return left - right
    if isinstance(left, datetime) and isinstance(right, datetime):
        return left - right
    raise _undefined("-", left, right)


def _multiply(work: Work, left: Any, right: Any) -> Any:
    if _is_number(left) and _is_number(right):
        return _whole(left * right)
    raise _undefined("*", left, right)


def _divide(work: Work, left: Any, right: Any) -> Any:
    if not (_is_number(left) and _is_number(right)):
        raise _undefined("/", left, right)
    if right == 0:
        raise ExpressionError("division by zero")
    if isinstance(left, float) or isinstance(right, float):
        return left / right
    quotient = abs(left) // abs(right)
    return _whole(quotient if (left < 0) is (right < 0) else -quotient)


def _remainder(work: Work, left: Any, right: Any) -> Any:
    if not (type(left) is int and type(right) is int):
        raise _undefined("%", left, right)
    if right == 0:
        raise ExpressionError("division by zero")
    rest = abs(left) % abs(right)
    return -rest if left < 0 else rest


def _unequal(work: Work, left: Any, right: Any) -> bool:
    return not equal(work, left, right)


def _within(work: Work, left: Any, right: Any) -> bool:
    if isinstance(right, Mapping):
        return isinstance(left, str | int | bool) and left in right
    if isinstance(right, list | tuple):
        work.charge(len(right))
        return any(equal(work, left, item) for item in right)
    raise _undefined("in", left, right)


def _ordering(symbol: str, compare: Callable[[Any, Any], bool]) -> Callable[[Work, Any, Any], bool]:
    def ordered(work: Work, left: Any, right: Any) -> bool:
        if isinstance(left, str) and isinstance(right, str):
            work.compare(left, right)
        if (_is_number(left) and _is_number(right)) or (
            type(left) is type(right) and isinstance(left, str | bool | datetime | timedelta)
        ):
            return compare(left, right)
        raise _undefined(symbol, left, right)

    return ordered


def _is_number(value: Any) -> bool:
    kind = type(value)
    return kind is int or kind is float


def _whole(value: Any) -> Any:
    if type(value) is int and value not in INTEGERS:
        raise ExpressionError("the whole number is too large")
    return value


def _undefined(symbol: str, left: Any, right: Any) -> ExpressionError:
    return ExpressionError(f"{symbol} is not defined for {kind_of(left)} and {kind_of(right)}")


BINARY: dict[str, Callable[[Work, Any, Any], Any]] = {
    "+": _add,
    "-": _subtract,
    "*": _multiply,
    "/": _divide,
    "%": _remainder,
    "==": equal,
    "!=": _unequal,
    "in": _within,
    "<": _ordering("<", operator.lt),
    "<=": _ordering("<=", operator.le),
    ">": _ordering(">", operator.gt),
    ">=": _ordering(">=", operator.ge),
}

CEL = Dialect(
    precedence=PRECEDENCE,
    comprehensions=True,
    binary=BINARY,
    logical={"&&": both, "||": either},
    member=member,
    index=index,
    negative=negative,
    test=test,
    call=call,
)
