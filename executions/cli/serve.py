"""``c4c serve``: the API, the pages and an executor in one process."""

from __future__ import annotations

import errno
import os
import socket
import sys
from argparse import ArgumentParser, Namespace
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler
from django.core.asgi import get_asgi_application
from django.core.management.base import CommandError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils.module_loading import import_string
from whitenoise.middleware import WhiteNoiseMiddleware

from executions.cli.collecting import relax
from executions.cli.doors import ApiOnly, Application, Forward
from executions.cli.frame import Subcommand, usage_error
from executions.cli.serving import Service
from executions.conf import conf
from executions.executor import Executor
from executions.permissions import startup_problem
from workflows import library
from workflows.library import SyncReport

PORT, UI_PORT = 3000, 3100


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "part",
        nargs="?",
        choices=["all", "api", "ui"],
        default="all",
        help="all: pages, API and executor; api: without the pages; ui: without the executor",
    )
    parser.add_argument("-p", "--port", help="3000, or PORT; for ui 3100, or C4C_UI_PORT")
    parser.add_argument("--host", help="127.0.0.1, or HOST; any other needs signed-in users")
    parser.add_argument(
        "--api-base",
        metavar="URL",
        help="ui: another server (such as http://localhost:3000) to which /api/workflow/* is forwarded",
    )


def run(options: Namespace) -> int:
    host, port = address(options)
    refuse_taken(host, port)
    refuse_stale_database()
    refuse_exposed(host)
    tell_broken(library.sync())
    application, forward = _application(options)
    # What has been prepared a moment ago has reached the database: from here on the server waits for it.
    executor = None if options.part == "ui" else Executor(patient=True)
    service = Service(application, host, port, executor, forward)
    relax()
    service.run(lambda: print(banner(options, host, port), flush=True))
    return service.exit_code


def address(options: Namespace) -> tuple[str, int]:
    """Where to listen: the options, else the settings HOST and PORT (for ui UI_PORT)."""
    host = options.host or conf.HOST or "127.0.0.1"
    text = str(options.port or _usual_port(options.part))
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise usage_error(f'invalid port "{text}": a number from 1 to 65535')
    if options.api_base and options.part != "ui":
        raise usage_error("--api-base is for c4c serve ui")
    return host, int(text)


def _usual_port(part: str) -> str | int:
    """The setting; a project that has none may name it in the environment, as the reference site does."""
    name, variable, default = ("UI_PORT", "C4C_UI_PORT", UI_PORT) if part == "ui" else ("PORT", "PORT", PORT)
    usual: str | int = getattr(settings, name, None) or os.environ.get(variable) or default
    return usual


def refuse_taken(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host.strip("[]"), port))
        except OSError as error:
            raise CommandError(_why_not(error, host, port)) from error


def refuse_stale_database() -> None:
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        raise CommandError(f"the database lacks {len(missing)} migrations: run manage.py migrate first")


def refuse_exposed(host: str) -> None:
    """The start-up rule: an address that others reach wants users who sign in, and DEBUG off."""
    settings.C4C = {**getattr(settings, "C4C", {}), "HOST": host}
    conf.reset()
    problem = startup_problem()
    if problem:
        raise CommandError(problem)


def tell_broken(report: SyncReport) -> None:
    """A workflow in code that is invalid harms nothing but itself; its last good version stays."""
    for workflow_id, problems in report.broken.items():
        for problem in problems:
            sys.stderr.write(f"c4c: workflow {workflow_id} is invalid: {problem.pointer} {problem.detail}\n")


def banner(options: Namespace, host: str, port: int) -> str:
    shown = "localhost" if host in ("127.0.0.1", "0.0.0.0", "::1", "::") else host
    base = f"http://{shown}:{port}"
    does = {"all": "pages, API, executor", "api": "API, executor", "ui": "pages"}[options.part]
    lines = [f"c4c {does} on {base}  (Ctrl-C stops it)"]
    if options.part != "api":
        lines.append(f"  pages   {base}/executions")
    if options.part != "ui":
        lines.append(f"  API     {base}/workflow/execute, described at {base}/docs")
    if options.api_base:
        lines.append(f"  API     {base}/api/workflow/* forwarded to {options.api_base}")
    return "\n".join(lines)


def _application(options: Namespace) -> tuple[Application, Forward | None]:
    named = getattr(settings, "ASGI_APPLICATION", None)
    site: Application = import_string(named) if named else get_asgi_application()
    if _lacks_static_files():
        served: Any = site
        site = ASGIStaticFilesHandler(served)  # as runserver does
    if options.part == "api":
        return ApiOnly(site), None
    if not options.api_base:
        return site, None
    forward = Forward(site, options.api_base)
    forward.check()
    return forward, forward


def _lacks_static_files() -> bool:
    """A project in development that leaves static files to ``runserver``: the pages need theirs here, too."""
    if not settings.DEBUG or not apps.is_installed("django.contrib.staticfiles"):
        return False
    middleware = map(import_string, settings.MIDDLEWARE)
    return not any(isinstance(each, type) and issubclass(each, WhiteNoiseMiddleware) for each in middleware)


def _why_not(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is taken: stop what listens there, or choose another with --port"
    if error.errno == errno.EACCES:
        return f"port {port} needs rights that you do not have: choose one above 1023 with --port"
    return f"cannot listen on {host}:{port}: {error.strerror or error}"


SERVE = Subcommand("serve", "serve the API and the pages, with an executor", add_arguments, run)
