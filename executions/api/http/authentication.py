"""Who asks: the local operator, a session (with CSRF on writes), or a user's name and password (Basic)."""

from __future__ import annotations

from typing import Any

from rest_framework.authentication import BaseAuthentication, BasicAuthentication, SessionAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from executions.permissions import SAFE_METHODS, LocalOperator, is_foreign, may

PUBLIC = "public"
"""The verb of what anybody may ask, such as whether the server lives."""
SIGNED_IN = "signed in"
"""The verb of what is decided by the object that is asked about, for whoever has signed in."""


class OperatorAuthentication(BaseAuthentication):
    """The local operator, whom ``local_operator_middleware`` has found."""

    def authenticate(self, request: Request) -> tuple[Any, None] | None:
        user = getattr(request._request, "user", None)
        return (user, None) if isinstance(user, LocalOperator) else None

    def authenticate_header(self, request: Request) -> str:
        """No Basic challenge for scripts in pages: the browser would open its password box."""
        scheme = "Session" if "Sec-Fetch-Mode" in request.headers else "Basic"
        return f'{scheme} realm="c4c"'


AUTHENTICATION = [OperatorAuthentication, SessionAuthentication, BasicAuthentication]


class SentByOurPages(BasePermission):
    """A write that a foreign page made the browser send is refused, whoever the browser signed in as."""

    message = "This request comes from a page of another origin."

    def has_permission(self, request: Request, view: Any) -> bool:
        return request.method in SAFE_METHODS or not is_foreign(request._request)


class MayDo(BasePermission):
    """``may`` decides, by the view's verb for the method; a method without a verb is nobody's."""

    def has_permission(self, request: Request, view: Any) -> bool:
        method = "GET" if request.method == "HEAD" else str(request.method)
        if not hasattr(view, method.lower()):
            return True  # answered with 405
        verb = view.verbs.get(method)
        if verb == SIGNED_IN:
            return bool(request.user and request.user.is_authenticated and request.user.is_active)
        return verb == PUBLIC or (verb is not None and may(request.user, verb))
