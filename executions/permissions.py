"""Who may do what: ``may`` decides for every door.

A user has what Django's permissions give; a superuser has everything. On a developer's own machine (``HOST``
is a loopback address, ``DEBUG`` is on) an anonymous request from that machine is the *local operator*, who
has everything too, unless a foreign web page sent it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from fnmatch import fnmatchcase
from inspect import iscoroutinefunction
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponseBase
from django.utils.decorators import sync_and_async_middleware
from django.utils.functional import SimpleLazyObject

from executions.conf import conf

PERMISSIONS = {
    "view": "c4c_executions.view_execution",
    "start": "c4c_executions.add_execution",
    "retry": "c4c_executions.add_execution",
    "rerun": "c4c_executions.add_execution",
    "cancel": "c4c_executions.change_execution",
    "pause": "c4c_executions.change_execution",
    "resume": "c4c_executions.change_execution",
    "terminate": "c4c_executions.change_execution",
    "signal": "c4c_executions.change_execution",
    "decide": "c4c_executions.change_execution",  # an approval that names nobody
    "hold_queue": "c4c_executions.change_queue",  # pause and resume it
    "emit": "c4c_executions.change_execution",
    "migrate": "c4c_executions.change_execution",
    "delete": "c4c_executions.delete_execution",
    "see_errors": "c4c_executions.change_execution",  # stack traces: for those who operate
    "define": "c4c_workflows.view_workflow",  # read definitions and procedures
    "publish": "c4c_workflows.change_workflow",
    "inline": "c4c_workflows.change_workflow",  # an inline definition calls any procedure
    "call": "c4c_workflows.change_workflow",
    "metrics": "c4c_executions.view_execution",
}
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
DEVELOPMENT_KEYS = ("development-only", "django-insecure-")


class LocalOperator:
    """Whoever sits at this machine: no account, every right in c4c, no entry to the admin."""

    pk = id = None
    username = "local operator"
    is_active = is_authenticated = is_superuser = True
    is_anonymous = is_staff = False

    def get_username(self) -> str:
        return self.username

    def has_perm(self, permission: str, obj: object = None) -> bool:
        return True

    def has_perms(self, permissions: list[str], obj: object = None) -> bool:
        return True

    def has_module_perms(self, label: str) -> bool:
        return True

    def __str__(self) -> str:
        return self.username


LOCAL_OPERATOR = LocalOperator()


def may(user: Any, verb: str, obj: object = None) -> bool:
    """Whether ``user`` may do ``verb`` (a key of ``PERMISSIONS``), to ``obj`` where one is given.

    To ``decide``, ``obj`` is the node run that waits; whom its approval names needs no further permission.
    """
    permission = PERMISSIONS[verb]
    if user is None or not user.is_active:
        return False
    if verb == "decide" and obj is not None:
        approval = getattr(obj, "input", None) or {}
        users, groups = approval.get("users"), approval.get("groups")
        if users or groups:
            return user.is_superuser or _is_named(user, users or [], groups or [])
    return bool(user.has_perm(permission))


def actor(request: HttpRequest) -> str:
    """Who asks, as logs, commands and events name them; empty for nobody."""
    user: Any = getattr(request, "user", None)
    return user.get_username() if user is not None and user.is_authenticated else ""


def is_loopback(host: str) -> bool:
    """Whether a host name or address can only mean this machine. Empty means nothing."""
    name = host.strip().strip("[]").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def is_local(request: HttpRequest) -> bool:
    """Whether the request comes from this machine to a development server that only this machine reaches.

    The ``Host`` header must name the loopback too: a foreign name that resolves here (DNS rebinding) fails.
    """
    peers = [request.META.get("REMOTE_ADDR", "")]
    peers += filter(None, request.headers.get("X-Forwarded-For", "").split(","))
    return (
        settings.DEBUG
        and is_loopback(conf.HOST)
        and is_loopback(_host(request))
        and all(is_loopback(peer) for peer in peers)
    )


def is_foreign(request: HttpRequest) -> bool:
    """Whether a page of another origin made the browser send this. Never curl, never a followed link."""
    origin = request.headers.get("Origin")
    if origin is not None:
        return not any(fnmatchcase(origin, known) for known in _own_origins(request))
    site = request.headers.get("Sec-Fetch-Site", "none")
    followed = request.method in SAFE_METHODS and request.headers.get("Sec-Fetch-Mode") == "navigate"
    return site not in ("none", "same-origin") and not followed


@sync_and_async_middleware
def local_operator_middleware(
    get_response: Callable[[HttpRequest], Any],
) -> Callable[[HttpRequest], HttpResponseBase] | Callable[[HttpRequest], Awaitable[HttpResponseBase]]:
    """Make ``request.user`` the local operator where the rule says so. After ``AuthenticationMiddleware``."""
    if iscoroutinefunction(get_response):

        async def respond_later(request: HttpRequest) -> HttpResponseBase:
            response: HttpResponseBase = await get_response(_with_operator(request))
            return response

        return respond_later

    def respond(request: HttpRequest) -> HttpResponseBase:
        response: HttpResponseBase = get_response(_with_operator(request))
        return response

    return respond


def startup_problem() -> str | None:
    """Why a server may not listen on ``HOST``, for who starts it; None when it may. Reads the database."""
    return configuration_problem() or _nobody_can_sign_in()


def configuration_problem() -> str | None:
    """The part of ``startup_problem`` that the settings alone tell."""
    if not conf.HOST or is_loopback(conf.HOST):
        return None
    reach = f"HOST={conf.HOST} is reached by other machines"
    if settings.DEBUG:
        return f"{reach}, and DEBUG shows them the server's inside: set DEBUG=0, or HOST=127.0.0.1."
    if settings.SECRET_KEY.startswith(DEVELOPMENT_KEYS):
        return f"{reach}, who could forge sessions with the published SECRET_KEY: set a secret one."
    return None


def _is_named(user: Any, users: list[str], groups: list[str]) -> bool:
    return user.get_username() in users or user.groups.filter(name__in=groups).exists()


def _nobody_can_sign_in() -> str | None:
    if not conf.HOST or is_loopback(conf.HOST) or get_user_model()._default_manager.exists():
        return None
    return f"HOST={conf.HOST} needs signed-in users, and there is none: run manage.py createsuperuser first."


def _with_operator(request: HttpRequest) -> HttpRequest:
    signed_in, signed_in_later = request.user, request.auser

    def user() -> Any:
        return LOCAL_OPERATOR if signed_in.is_anonymous and _is_operator(request) else signed_in

    async def auser() -> Any:
        found = await signed_in_later()
        return LOCAL_OPERATOR if found.is_anonymous and _is_operator(request) else found

    request.user = SimpleLazyObject(user)  # type: ignore[assignment]
    request.auser = auser
    return request


def _is_operator(request: HttpRequest) -> bool:
    return is_local(request) and not is_foreign(request)


def _host(request: HttpRequest) -> str:
    try:
        return urlsplit(f"//{request.get_host()}").hostname or ""
    except (DisallowedHost, ValueError):
        return ""


def _own_origins(request: HttpRequest) -> list[str]:
    allowed = [*getattr(settings, "CORS_ALLOWED_ORIGINS", ()), *settings.CSRF_TRUSTED_ORIGINS]
    try:
        return [f"{request.scheme}://{request.get_host()}", *allowed]
    except DisallowedHost:
        return allowed
