"""What every page shares: who may see it, the headers it carries, and the page that says no."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render, resolve_url
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from executions.permissions import may
from executions.ui.vocabulary import WORDS

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'self'",
    )
)
"""No inline script or style, no eval, nothing from elsewhere."""

PLACES = (
    ("c4c:executions", "Executions"),
    ("c4c:approvals", "Approvals"),
    ("c4c:queues", "Queues"),
    ("c4c:workflows", "Workflows"),
    ("c4c:bulks", "Bulk"),
)
"""The header's links: each page's name, and what it is called."""

THEMES = ("system", "light", "dark")
THEME_COOKIE = "c4c_theme"

View = Callable[..., HttpResponse]


SIGNED_IN = ""
"""The verb of a page whose object decides, for whoever has signed in."""


def page(verb: str, *methods: str) -> Callable[[View], View]:
    """A page for who may ``verb``; others are led to the sign-in, or told no."""

    def decorate(view: View) -> View:
        @require_http_methods(methods or ("GET", "HEAD"))
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            user = request.user
            allowed = may(user, verb) if verb else bool(user.is_authenticated and user.is_active)
            return with_headers(view(request, *args, **kwargs) if allowed else refuse(request))

        return guarded

    return decorate


def show(request: HttpRequest, template: str, context: dict[str, Any], status: int = 200) -> HttpResponse:
    """A page, or with ``?fragment=1`` only what the live client replaces: the same template, included.

    ``template``: below ``c4c``, in ``executions`` unless it names its folder.
    """
    folder, _, name = (template if "/" in template else f"executions/{template}").rpartition("/")
    name = f"c4c/{folder}/_{name}.html" if is_fragment(request) else f"c4c/{folder}/{name}.html"
    return render(request, name, {**context, **chrome(request)}, status=status)


def followed_at(tail: str) -> str:
    """Where the live client listens and asks: below the API's executions, wherever the API is mounted."""
    return reverse("c4c_api:executions_alias") + tail


def is_fragment(request: HttpRequest) -> bool:
    return "fragment" in request.GET


def chrome(request: HttpRequest) -> dict[str, Any]:
    chosen = request.COOKIES.get(THEME_COOKIE, "")
    return {
        "theme": chosen if chosen in THEMES else THEMES[0],
        "themes": THEMES,
        "words": WORDS,
        "places": PLACES,
        "here": request.get_full_path(),
    }


def refuse(request: HttpRequest) -> HttpResponse:
    anonymous = not request.user.is_authenticated
    if anonymous and request.method == "GET" and not is_fragment(request):
        return redirect_to_login(request.get_full_path(), resolve_url(settings.LOGIN_URL))
    return say(
        request, 401 if anonymous else 403, "Not allowed", "Your account may not do this. Ask an operator."
    )


def say(request: HttpRequest, status: int, title: str, detail: str, back: str = "") -> HttpResponse:
    """A page with nothing but a sentence: what was not found, or not allowed. ``back``: to this execution."""
    context = {"title": title, "detail": detail, "back": back, **chrome(request)}
    return with_headers(render(request, "c4c/message.html", context, status=status))


def with_headers(response: HttpResponse) -> HttpResponse:
    response["Content-Security-Policy"] = POLICY
    response["X-Frame-Options"] = "SAMEORIGIN"
    response["Referrer-Policy"] = "same-origin"
    response.setdefault("Cache-Control", "private, no-cache")
    return response
