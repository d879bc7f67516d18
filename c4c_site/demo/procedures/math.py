"""``math.*``: arithmetic on two numbers."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from c4c_site.demo.procedures.family import demo

Number = Annotated[int | float, Field(allow_inf_nan=False)]


class Result(BaseModel):
    result: int | float


@demo("math.add", "Adds two numbers together.", "math")
def add(a: Number, b: Number) -> Result:
    return Result(result=a + b)


@demo("math.multiply", "Multiplies two numbers.", "math")
def multiply(a: Number, b: Number) -> Result:
    return Result(result=a * b)


@demo("math.subtract", "Subtracts the second number from the first.", "math")
def subtract(a: Number, b: Number) -> Result:
    return Result(result=a - b)


@demo("math.divide", "Divides the first number by the second.", "math")
def divide(a: Number, b: Number) -> Result:
    if b == 0:
        raise ZeroDivisionError("Division by zero")
    return Result(result=a / b)
