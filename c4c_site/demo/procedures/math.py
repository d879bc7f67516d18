"""``math.*``: arithmetic on two doubles."""

from __future__ import annotations

from c4c_site.demo.procedures.family import Wire, demo, number


class Result(Wire):
    result: int | float


@demo("math.add", "Adds two numbers together.", "math")
def add(a: float, b: float) -> Result:
    return Result(result=number(a + b))


@demo("math.multiply", "Multiplies two numbers.", "math")
def multiply(a: float, b: float) -> Result:
    return Result(result=number(a * b))


@demo("math.subtract", "Subtracts the second number from the first.", "math")
def subtract(a: float, b: float) -> Result:
    return Result(result=number(a - b))


@demo("math.divide", "Divides the first number by the second.", "math")
def divide(a: float, b: float) -> Result:
    if b == 0:
        raise ZeroDivisionError("Division by zero")
    return Result(result=number(a / b))
