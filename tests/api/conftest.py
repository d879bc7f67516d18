"""Clients of the API: the local operator, and people who have signed in."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from workflows import library


@pytest.fixture
def api(db: Any, settings: Any) -> Client:
    """curl on a developer's machine: nobody signed in, on loopback, with DEBUG. CSRF is checked."""
    settings.DEBUG = True
    settings.C4C = {**settings.C4C, "HOST": "127.0.0.1"}
    return Client(headers={"host": "localhost:3000"}, enforce_csrf_checks=True)


@pytest.fixture
def anybody(db: Any, settings: Any) -> Client:
    """A stranger to a server that others reach."""
    settings.DEBUG = False
    settings.C4C = {**settings.C4C, "HOST": "0.0.0.0"}
    return Client(headers={"host": "localhost"}, enforce_csrf_checks=True)


@pytest.fixture
def library_workflows(db: Any) -> None:
    library.sync()


@pytest.fixture
def viewer(db: Any) -> User:
    """Somebody who may look at executions, and do nothing else."""
    user = User.objects.create_user("viewer", password="secret")
    user.user_permissions.add(Permission.objects.get(codename="view_execution"))
    return user
