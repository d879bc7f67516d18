"""Ports for servers."""

from __future__ import annotations

import socket

import pytest


@pytest.fixture
def unused_port() -> int:
    return _unused()


@pytest.fixture
def other_port() -> int:
    return _unused()


def _unused() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port: int = trial.getsockname()[1]
        return port
