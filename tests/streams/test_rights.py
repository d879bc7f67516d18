"""Who may open a stream, and what happens when the right is taken away."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.contrib.auth.models import Permission, User
from django.contrib.sessions.backends.db import SessionStore

from tests.streams.server import Server
from tests.streams.writer import Story, new_id

pytestmark = pytest.mark.usefixtures("database")
AFAR = {"X_Forwarded_For": "203.0.113.7"}
"""Makes the request one that is not from this machine: no local operator."""


@pytest.fixture
def viewer(database: None) -> Iterator[User]:
    user = get_user_model().objects.create_user(new_id(), password="secret")
    user.user_permissions.add(Permission.objects.get(codename="view_execution"))
    yield user
    user.delete()


def cookie_of(user: User) -> dict[str, str]:
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    return {"Cookie": f"sessionid={session.session_key}", **AFAR}


@pytest.mark.parametrize("path", ["/workflow/executions/{id}/stream", "/workflow/executions-stream"])
def test_a_stranger_gets_403_before_the_stream_starts(server: Server, path: str) -> None:
    answer = server.get(path.format(id=Story().id), **AFAR)
    assert answer.status_code == 403
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_a_stranger_learns_nothing_of_what_exists(server: Server) -> None:
    assert server.get("/workflow/executions/nobody/stream", **AFAR).status_code == 403


@pytest.mark.parametrize("path", ["/workflow/executions/{id}/stream", "/workflow/executions-stream"])
def test_a_right_taken_away_ends_the_stream(server: Server, viewer: User, path: str) -> None:
    with server.stream(path.format(id=Story().id), **cookie_of(viewer)) as reader:
        reader.until("heartbeat")
        viewer.user_permissions.clear()
        last = reader.rest()[-1]
    assert (last.event, last.data["condition"]) == ("stream-error", "forbidden")
    assert f"of {viewer.username} closed: forbidden" in server.log


def test_another_method_than_get_is_405(server: Server) -> None:
    answer = server.request("POST", "/workflow/executions-stream")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET")
