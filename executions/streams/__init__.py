"""Watching executions live: streams over HTTP, and the same from Python."""

from __future__ import annotations

from executions.streams.following import afollow, follow
from executions.streams.shutdown import close_all_streams
from executions.streams.views import execution_stream, executions_stream
from executions.streams.waiting import wait_terminal

__all__ = [
    "afollow",
    "close_all_streams",
    "execution_stream",
    "executions_stream",
    "follow",
    "wait_terminal",
]
