"""What goes between an executor and its children arrives whole, or not at all."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executions.executor.attempts.isolation.wire import LENGTHS, LONGEST, Gone, Wire

HEADS = st.dictionaries(st.text(max_size=5), st.integers(-5, 5) | st.text(max_size=20) | st.none())


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    one, other = socket.socketpair()
    with closing(one), closing(other):
        yield one, other


def framed(*messages: tuple[dict[str, Any], bytes]) -> bytes:
    here, there = socket.socketpair()
    with closing(here), closing(there):
        wire = Wire(here)
        for head, body in messages:
            wire.send(head, body)
        here.shutdown(socket.SHUT_WR)
        found = b""
        while more := there.recv(1 << 16):
            found += more
    return found


@given(st.lists(st.tuples(HEADS, st.binary(max_size=50)), max_size=5), st.data())
def test_messages_come_as_they_were_sent_however_they_are_cut(
    messages: list[Any], data: st.DataObject
) -> None:
    text = framed(*messages)
    here, there = socket.socketpair()
    with closing(here), closing(there):
        wire = Wire(here)
        found, at = [], 0
        while at < len(text):
            step = data.draw(st.integers(1, len(text) - at))
            there.sendall(text[at : at + step])
            at += step
            while (message := wire.receive(0.0001)) is not None:
                found.append(message)
    assert found == messages


def test_a_large_message_comes_whole(ends: tuple[socket.socket, socket.socket]) -> None:
    body = bytes(range(256)) * 40_000
    sending = threading.Thread(target=Wire(ends[0]).send, args=({"kind": "ended"}, body))
    sending.start()
    assert Wire(ends[1]).receive() == ({"kind": "ended"}, body)
    sending.join()


def test_who_has_gone_is_noticed_in_both_directions(ends: tuple[socket.socket, socket.socket]) -> None:
    wire = Wire(ends[0])
    ends[1].close()
    with pytest.raises(Gone):
        wire.receive()
    with pytest.raises(Gone):
        wire.send({"kind": "stop"})


@pytest.mark.parametrize("garbage", [LENGTHS.pack(LONGEST, 1), LENGTHS.pack(3, 0) + b"}{}"])
def test_garbage_is_no_message(ends: tuple[socket.socket, socket.socket], garbage: bytes) -> None:
    ends[1].sendall(garbage)
    with pytest.raises(Gone):
        Wire(ends[0]).receive()


def test_what_is_no_json_is_refused_before_anything_is_sent(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    with pytest.raises(TypeError):
        Wire(ends[0]).send({"number": 1 << 80})
    assert Wire(ends[1]).receive(0) is None
