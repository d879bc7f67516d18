"""What every response of the site gets: a content security policy; and static files, without a thread."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.decorators import sync_and_async_middleware
from whitenoise.middleware import WhiteNoiseMiddleware

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


@sync_and_async_middleware
def content_security_policy(
    get_response: Callable[[HttpRequest], Any],
) -> Callable[[HttpRequest], HttpResponseBase] | Callable[[HttpRequest], Awaitable[HttpResponseBase]]:
    """The site's policy, unless the view brought its own (as the API's documentation does)."""
    if iscoroutinefunction(get_response):

        async def respond_later(request: HttpRequest) -> HttpResponseBase:
            return _with_policy(await get_response(request))

        return respond_later

    def respond(request: HttpRequest) -> HttpResponseBase:
        return _with_policy(get_response(request))

    return respond


class StaticFiles(WhiteNoiseMiddleware):
    """WhiteNoise, made able to wait.

    As it comes it is synchronous only, which puts every view behind it into a thread: a caller that waits
    for an execution's end would hold one.
    """

    sync_capable = async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        super().__init__(get_response)
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        return self._respond_later(request) if iscoroutinefunction(self) else self._respond(request)

    def _respond(self, request: HttpRequest) -> HttpResponseBase:
        found: HttpResponseBase | None = self._static(request)
        return found or self.get_response(request)

    async def _respond_later(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info.startswith(self.static_prefix):
            found = await asyncio.to_thread(self._static, request)
            if found is not None:
                return found
        response: HttpResponseBase = await self.get_response(request)
        return response

    def _static(self, request: HttpRequest) -> HttpResponse | None:
        path = request.path_info
        file = self.find_file(path) if self.autorefresh else self.files.get(path)
        if file is None:
            return None
        answer = file.get_response(request.method, request.META)
        with answer.file or _Nothing() as opened:
            response = HttpResponse(opened.read(), status=int(answer.status))
        del response["content-type"]
        for name, value in answer.headers:
            response[name] = value
        return response


class _Nothing:
    """The body of an answer that has none (304, HEAD)."""

    def __enter__(self) -> _Nothing:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def read(self) -> bytes:
        return b""


def _with_policy(response: HttpResponseBase) -> HttpResponseBase:
    response.headers.setdefault("Content-Security-Policy", POLICY)
    return response
