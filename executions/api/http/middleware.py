"""Whatever goes wrong outside the API's views still reaches a JSON client as a problem."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from inspect import iscoroutinefunction
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

from executions.api.http.problems import Problem, render, title

API = ("/api/", "/workflow/", "/procedures", "/health", "/metrics", "/openapi.json", "/rpc/", "/webhooks/")
OF_THE_PAGE = frozenset({"content-type", "content-length", "content-encoding", "content-language"})
DETAILS = {
    400: "The request cannot be understood.",
    403: "The request is refused.",
    404: "There is nothing at this address.",
    405: "The address does not know this method.",
    413: "The body is too large.",
    500: "The server failed to answer; its log says why.",
}


@sync_and_async_middleware
def problem_middleware(
    get_response: Callable[[HttpRequest], Any],
) -> Callable[[HttpRequest], HttpResponseBase] | Callable[[HttpRequest], Awaitable[HttpResponseBase]]:
    """First in ``MIDDLEWARE``: error pages become problems for clients that did not ask for HTML."""
    if iscoroutinefunction(get_response):

        async def respond_later(request: HttpRequest) -> HttpResponseBase:
            return as_problem(request, await get_response(request))

        return respond_later

    def respond(request: HttpRequest) -> HttpResponseBase:
        return as_problem(request, get_response(request))

    return respond


def as_problem(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    if response.status_code < 400 or not _is_page(response) or not wants_json(request):
        return response
    detail = DETAILS.get(response.status_code, title(response.status_code))
    headers = {name: value for name, value in response.items() if name.lower() not in OF_THE_PAGE}
    return render(Problem(response.status_code, detail, headers=headers), request)


def wants_json(request: HttpRequest) -> bool:
    """By address or by ``Accept``; of who accepts anything (curl) where no page has answered."""
    accepted = request.headers.get("Accept", "")
    if request.path.startswith(API) or ("json" in accepted and "text/html" not in accepted):
        return True
    return request.resolver_match is None and "text/html" not in accepted


def _is_page(response: HttpResponseBase) -> bool:
    kind = response.get("Content-Type", "")
    return not response.streaming and kind.startswith(("text/html", "text/plain"))
