"""What ``serve`` puts in front of the site: only its API, or another server's."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
from django.core.management.base import CommandError
from django.urls import Resolver404, resolve

from executions.cli.frame import usage_error

log = logging.getLogger("c4c.serve")

Message = dict[str, Any]
Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

FORWARDED = "/api/workflow/"
PAGES = frozenset({"c4c", "admin"})
"""URL namespaces of what people look at."""
HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
CHECK_SECONDS = 5.0


class ApiOnly:
    """The site without its pages."""

    def __init__(self, site: Application) -> None:
        self._site = site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and _is_page(scope["path"]):
            await _problem(send, 404, "Not Found", "this server has no pages: c4c serve api")
        else:
            await self._site(scope, receive, send)


class Forward:
    """The site, with ``/api/workflow/*`` answered by the server at ``base``.

    Bodies pass as they come, in both directions, so a stream is one here too. ``Host`` is kept, so that the
    server there sees pages from here as its own; ``X-Forwarded-For`` tells it who really asks.
    """

    def __init__(self, site: Application, base: str) -> None:
        if urlsplit(base).scheme not in ("http", "https") or not urlsplit(base).hostname:
            raise usage_error(f'invalid --api-base "{base}": such as http://localhost:3000')
        self._site = site
        self._base = base.rstrip("/")
        self._client: httpx.AsyncClient | None = None
        self._streams: set[asyncio.Task[None]] = set()

    def check(self) -> None:
        """Raise unless the other server is in good health, waiting a little in case it is just starting."""
        deadline = time.monotonic() + CHECK_SECONDS
        while problem := self._problem():
            if time.monotonic() > deadline:
                raise CommandError(
                    f"no c4c server answers at {self._base} ({problem}): start one there first"
                )
            time.sleep(0.2)

    def close(self) -> None:
        """End what is being forwarded, in order."""
        for stream in self._streams:
            stream.cancel()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(FORWARDED):
            await self._answer(scope, receive, send)
        else:
            await self._site(scope, receive, send)

    def _problem(self) -> str | None:
        try:
            answer = httpx.get(f"{self._base}/health", timeout=2)
        except httpx.HTTPError as error:
            return str(error) or type(error).__name__
        return None if answer.is_success else f"/health says {answer.status_code}"

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            response = await self._open(scope, _body(receive))
        except httpx.HTTPError as error:
            log.warning("%s does not answer: %s", self._base, error)
            await _problem(send, 502, "Bad Gateway", f"{self._base} does not answer")
            return
        try:
            headers = [pair for pair in response.headers.raw if pair[0].lower() not in HOP_BY_HOP]
            await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
            await self._pump(response, receive, send)
        finally:
            await response.aclose()

    async def _open(self, scope: Scope, body: AsyncIterator[bytes]) -> httpx.Response:
        if self._client is None:
            limits = httpx.Limits(max_connections=None, max_keepalive_connections=20)
            self._client = httpx.AsyncClient(timeout=httpx.Timeout(10, read=None), limits=limits)
        query = scope["query_string"].decode()
        url = f"{self._base}{quote(scope['path'])}" + (f"?{query}" if query else "")
        has_body = scope["method"] not in ("GET", "HEAD", "OPTIONS")
        request = httpx.Request(
            scope["method"], url, headers=_headers(scope), content=body if has_body else None
        )
        return await self._client.send(request, stream=True)

    async def _pump(self, response: httpx.Response, receive: Receive, send: Send) -> None:
        """Pass the answer on until it ends, the client goes, or this server does."""
        stream = asyncio.create_task(_pass_on(response, send))
        leaving = asyncio.create_task(_disconnected(receive))
        self._streams.add(stream)
        try:
            await asyncio.wait([stream, leaving], return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._streams.discard(stream)
            for task in (stream, leaving):
                task.cancel()
            await asyncio.gather(stream, leaving, return_exceptions=True)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _pass_on(response: httpx.Response, send: Send) -> None:
    try:
        async for chunk in response.aiter_raw():
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
    except httpx.HTTPError as error:
        log.warning("a forwarded answer broke off: %s", error)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _body(receive: Receive) -> AsyncIterator[bytes]:
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        yield message.get("body", b"")
        if not message.get("more_body"):
            return


def _headers(scope: Scope) -> list[tuple[bytes, bytes]]:
    kept = [(name, value) for name, value in scope["headers"] if name.lower() not in HOP_BY_HOP]
    client = (scope.get("client") or [""])[0]
    known = [value.decode("latin-1") for name, value in kept if name.lower() == b"x-forwarded-for"]
    others = [pair for pair in kept if pair[0].lower() != b"x-forwarded-for"]
    return [*others, (b"x-forwarded-for", ", ".join([*known, client]).encode("latin-1"))]


def _is_page(path: str) -> bool:
    try:
        return bool(PAGES.intersection(resolve(path).namespaces))
    except Resolver404:
        return False


async def _problem(send: Send, status: int, title: str, detail: str) -> None:
    body = json.dumps(
        {"type": "about:blank", "title": title, "status": status, "detail": detail, "error": detail}
    ).encode()
    headers = [(b"content-type", b"application/problem+json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
