"""Declaring procedures into registries that are nobody else's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from procedures import Procedure, procedure
from procedures.contracts import Contract
from procedures.registry import Fault, Registry


def declared(handler: Callable[..., Any], name: str = "test.it", **options: Any) -> Procedure:
    own = Registry()
    procedure(name, into=own, **options)(handler)
    assert own.faults == []
    return own.get(name)


def contract(handler: Callable[..., Any]) -> Contract:
    return declared(handler).contract


def refused(handler: Callable[..., Any], name: Any = "test.it", **options: Any) -> Fault:
    own = Registry()
    procedure(name, into=own, **options)(handler)
    (fault,) = own.faults
    assert len(own) == 0
    return fault
