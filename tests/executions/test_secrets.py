"""A canary goes through everything that an execution can do, and is seen nowhere; its work is done."""

from __future__ import annotations

import asyncio
import json
import logging
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.db.models.functions import Now
from django.test import AsyncClient, Client
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from executions import operations, telemetry
from executions.errors import InvalidInput
from executions.executor import Executor
from executions.models import Emission, Execution, NodeRun
from tests.executions.build import delay, document, node
from tests.executions.engine import Ended, ended, has_status, run, start, until
from workflows import library

CANARY = 'kanarie-"öf"-Zz9Qx7'
DIGEST = sha256(CANARY.encode()).hexdigest()
SEEN = ("kanarie", "Zz9Qx7", b64encode(CANARY.encode()).decode()[:16])
"""Parts of it that nothing else has, however it is written."""
SCHEMA = {
    "type": "object",
    "properties": {"user": {"type": "string"}, "token": {"type": "string", "writeOnly": True}},
    "required": ["token"],
}


def called(procedure: str, id: str, next: str | None = None, **fields: Any) -> dict[str, Any]:
    return node("procedure", id, next, procedureName=f"secretive.{procedure}", **fields)


TOKEN = {"token": "${{ input.token }}"}
CHILD = document(
    called("carry", "pass", "check", config={"value": "${{ input.note }}"}),
    called("prove", "check", config={"token": "${{ input.list[0] }}", "digest": DIGEST}),
    id="bird-child",
    name="child of the bird",
)
NODES = [
    called("mint", "mint", "gossip", config={"user": "${{ input.user }}", **TOKEN}),
    called("gossip", "gossip", "carry", config=TOKEN, retry={"maxAttempts": 3, "initialInterval": 0.01}),
    called("carry", "carry", "fork", config={"value": "${{ vars.token }}"}),
    node("parallel", "fork", "if", config={"branches": ["call", "each"]}),
    node(
        "subworkflow",
        "call",
        config={
            "workflowId": "bird-child",
            "input": {"note": "for ${{ vars.token }}", "list": ["${{ vars.token }}"]},
        },
    ),
    node("map", "each", config={"items": "${{ [vars.token, 'other'] }}", "node": "item"}),
    called("carry", "item", config={"value": "${{ item }}"}),
    node(
        "condition",
        "if",
        config={"expression": "vars.token == input.token", "trueBranch": "proof", "falseBranch": "proof"},
    ),
    called("prove", "proof", "rest", config={"token": "${{ vars.token }}", "digest": DIGEST}),
    delay("rest", 0),
]
OUTPUTS = {
    "header": "${{ nodes['carry'].output.header }}",
    "real": "${{ vars.real }}",
    "user": "${{ vars.user }}",
}


@pytest.fixture(scope="module")
def spans() -> Iterator[InMemorySpanExporter]:
    """What a project's own exporter gets."""
    provider, exporter = trace.get_tracer_provider(), InMemorySpanExporter()
    if not isinstance(provider, TracerProvider):
        provider = TracerProvider()
        trace.set_tracer_provider(provider)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    yield exporter


class Records(logging.Handler):
    """Everything that c4c's loggers hand on, as a formatter and as a collector of records would see it."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.seen.append(self.format(record))
        self.seen.append(repr(vars(record)))


@pytest.fixture(scope="module")
def records() -> Iterator[Records]:
    logger, handler = logging.getLogger("c4c"), Records()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(level)


@pytest.fixture(scope="module")
def story(spans: InMemorySpanExporter, records: Records, executor: Executor) -> Ended:
    """The canary's whole way."""
    library.publish(CHILD)
    given = {"user": "ann", "token": CANARY}
    return run(*NODES, input=given, fields={"inputSchema": SCHEMA, "outputs": OUTPUTS})


def hides(text: Any) -> bool:
    written = text if isinstance(text, str) else json.dumps(text, ensure_ascii=False, default=str)
    return not any(part in written for part in SEEN)


def tables() -> dict[str, str]:
    """All rows of all tables as text."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        names = [row[0] for row in cursor.fetchall()]
        found = {}
        for name in names:
            cursor.execute(f"SELECT coalesce(string_agg(t::text, chr(10)), '') FROM \"{name}\" t")
            found[name] = cursor.fetchone()[0]
    return found


def visible(name: str, text: str) -> str:
    """Definitions are the author's own words; a digest of the canary is in them."""
    return text.replace(DIGEST, "")


def test_the_work_is_done_with_the_real_value(story: Ended) -> None:
    assert story.status == "completed", story.error
    assert story.of("proof").output == {"real": True}
    assert story.of("gossip").output == {"attempts": 2}
    assert story.of("if").next_node_id == "proof"
    child = Execution.objects.get(workflow_id="bird-child", parent=story.id)
    assert NodeRun.objects.get(execution=child, node_id="check").output == {"real": True}


def test_what_people_read_of_it_shows_stars(story: Ended) -> None:
    assert story.row.input == {"user": "ann", "token": "***"}
    assert story.row.result == {"header": "Bearer ***", "real": True, "user": "ann"}
    assert story.of("mint").input == {"user": "ann", "token": "***"}
    assert story.of("mint").output == {"user": "ann", "token": "***", "pin": "***"}
    assert story.of("carry").output == {
        "header": "Bearer ***",
        "parts": ["***", {"deep": "***"}],
        "open": "seen by all",
    }
    [told] = story.told("node.completed", "carry")
    assert told["output"] == story.of("carry").output
    [failed] = story.told("node.retrying", "gossip")
    assert failed["error"]["message"] in ("cannot log in with '***'", "cannot log in with ***")
    child = Execution.objects.get(workflow_id="bird-child", parent=story.id)
    assert child.input == {"note": "for ***", "list": ["***"]}


def test_the_canary_is_in_no_table(story: Ended) -> None:
    shown = [name for name, text in tables().items() if not hides(visible(name, text))]
    assert shown == []


def test_the_canary_is_in_no_answer_of_the_api(story: Ended, settings: Any) -> None:
    settings.DEBUG = True
    api = Client(headers={"host": "localhost:3000"})
    base = f"/workflow/executions/{story.id}"
    for path in ("/workflow/executions?include=spans", base, f"{base}/nodes", f"{base}/events"):
        text = api.get(path).content.decode()
        assert story.id in text
        assert hides(text), path


def test_the_canary_is_in_no_stream(story: Ended) -> None:
    for query in ("", "?after=0"):
        text = asyncio.run(streamed(f"/workflow/executions/{story.id}/stream{query}"))
        assert "workflow.result" in text
        assert hides(text)
    text = asyncio.run(streamed("/workflow/executions-stream", frames=2))
    assert story.id in text
    assert hides(text)


def _chief() -> User:
    return User.objects.filter(username="chief").first() or User.objects.create_superuser("chief")


async def streamed(path: str, frames: int = 10_000) -> str:
    client = AsyncClient()
    await client.aforce_login(await sync_to_async(_chief)())
    response = await client.get(path)
    assert response.status_code == 200, response.content
    found = b""
    async for chunk in response.streaming_content:  # type: ignore[attr-defined]
        found += chunk
        if found.count(b"\n\n") > frames:
            break
    return found.decode()


def test_the_canary_is_on_no_page_and_not_in_the_admin(story: Ended, settings: Any) -> None:
    settings.DEBUG = True
    pages = Client(headers={"host": "localhost:3000"})
    nodes = [f"/executions/{story.id}?node={run.node_id}" for run in story.runs]
    for path in ["/executions", f"/executions/{story.id}", *nodes, f"/executions/{story.id}/edit"]:
        assert hides(pages.get(path).content.decode()), path
    admin = Client(headers={"host": "localhost:3000"})
    admin.force_login(_chief())
    base = "/admin/c4c_executions/execution/"
    for path in (base, f"{base}{story.id}/change/", f"{base}{story.id}/history/"):
        assert hides(admin.get(path, follow=True).content.decode()), path


def test_the_canary_is_in_no_exported_span(story: Ended, spans: InMemorySpanExporter) -> None:
    execution = Execution.objects.select_related("version").get(pk=story.id)
    telemetry.export(execution, execution.node_runs.all())
    exported = spans.get_finished_spans()
    assert any(span.name == "login ***" for span in exported), "user code's own"
    assert any(span.name == "workflow.execute" for span in exported), "ours"
    assert all(hides(span.to_json()) for span in exported)


def test_the_canary_is_in_no_record_of_a_log(story: Ended, records: Records) -> None:
    assert any("the token is ***" in text for text in records.seen)
    assert any("refused: ***" in text for text in records.seen)
    assert all(hides(text) for text in records.seen)


def test_progress_logs_and_chunks_tell_stars(story: Ended) -> None:
    told = json.dumps(story.told("node.progress", "gossip"))
    assert "logging in with ***" in told
    assert "the token is ***" in told
    assert "chunk of *** " in told


def test_a_retry_and_a_rerun_carry_the_secret_on(story: Ended) -> None:
    again = ended(operations.rerun(story.id).id)
    assert again.status == "completed", again.error
    assert again.of("proof").output == {"real": True}
    failing = [
        called("mint", "mint", "gossip", config={"user": "ann", **TOKEN}),
        called(
            "gossip", "gossip", "proof", config={**TOKEN, "times": "${{ execution.id == input.id ? 9 : 0 }}"}
        ),
        called("prove", "proof", config={"token": "${{ vars.token }}", "digest": DIGEST}),
    ]
    given = {"token": CANARY, "id": "the-failing-one"}
    source = run(*failing, input=given, execution_id="the-failing-one", fields={"inputSchema": SCHEMA})
    assert source.status == "failed"
    retried = ended(operations.retry(source.id).id)
    assert retried.of("mint").adopted_from == source.id
    assert retried.of("mint").output["token"] == "***"
    assert retried.of("proof").output == {"real": True}
    assert hides("".join(visible(*each) for each in tables().items()))


def test_a_rerun_with_an_edited_input_keeps_what_it_shows_as_stars(story: Ended) -> None:
    again = ended(operations.rerun(story.id, input={"user": "bob", "token": "***"}).id)
    assert again.status == "completed", again.error
    assert again.row.input == {"user": "bob", "token": "***"}
    assert again.of("proof").output == {"real": True}


def test_a_refused_input_does_not_tell_its_secret(executor: Executor) -> None:
    schema = {
        "properties": {
            "token": {"type": "string", "format": "password", "maxLength": 3},
            "other": {"const": 1},
        }
    }
    with pytest.raises(InvalidInput) as refusal:
        start(delay("a", 0), input={"token": CANARY, "other": CANARY}, fields={"inputSchema": schema})
    assert hides(refusal.value.problems)
    assert {problem["pointer"] for problem in refusal.value.problems} == {"/input/token", "/input/other"}


def test_a_secret_names_nothing_that_is_waited_for(executor: Executor) -> None:
    waiting = node("wait", "a", config={"signal": "for-${{ input.token }}"})
    failed = run(waiting, input={"token": CANARY}, fields={"inputSchema": SCHEMA})
    assert failed.error["name"] == "SecretExposed"
    assert hides("".join(visible(*each) for each in tables().items()))


def test_data_that_looks_like_an_envelope_goes_through_unharmed(executor: Executor) -> None:
    strange = {"$secret": "gAAAAABl", "$payload": {"name": "/etc/passwd"}, "$$secret": [1]}
    value = {"a": strange, **strange}
    done = run(
        node("procedure", "a", "b", procedureName="scripted.aok", config={"output": value}),
        delay("b", 0.01, "c"),
        node("procedure", "c", procedureName="scripted.aok", config={"output": "${{ nodes['a'].output }}"}),
        input=value,
    )
    assert done.status == "completed", done.error
    assert done.row.input == done.of("a").output == done.of("c").output == value


def test_an_execution_without_secrets_is_stored_in_plain_json(executor: Executor) -> None:
    done = run(node("procedure", "a", procedureName="scripted.aok", config={"output": {"x": 1}}))
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT output::text FROM {NodeRun._meta.db_table} WHERE execution_id = %s", [done.id]
        )
        assert cursor.fetchone()[0] == '{"x": 1}'


def test_exec_prints_stars(story: Ended, capsys: Any) -> None:
    library.publish(document(*NODES, id="bird-exec", inputSchema=SCHEMA, outputs=OUTPUTS))
    given = json.dumps({"token": CANARY, "user": "ann"})
    call_command("c4c", "exec", "--workflow", "bird-exec", "--json", "-i", given)
    out, err = capsys.readouterr()
    assert "Bearer ***" in out
    assert hides(out)
    assert hides(err)


def test_exec_of_one_procedure_prints_stars(capsys: Any) -> None:
    call_command("c4c", "exec", "secretive.mint", "-i", json.dumps({"token": CANARY, "user": "ann"}))
    assert json.loads(capsys.readouterr().out) == {"user": "ann", "token": "***", "pin": "***"}


def test_what_user_code_hands_to_other_executions_is_sealed_there(story: Ended) -> None:
    by_signal, by_event = (
        start(
            node("wait", "w", "carry", config=waiting, **fields),
            called("carry", "carry", "proof", config={"value": "${{ nodes['w'].output.payload.note }}"}),
            called("prove", "proof", config={"token": "${{ input.token }}", "digest": DIGEST}),
            input={"token": CANARY},
            fields={"inputSchema": SCHEMA},
        )
        for waiting, fields in [({"signal": "spread"}, {}), ({"event": "spread"}, {"key": "'birds'"})]
    )
    has_status(by_signal, "waiting")
    has_status(by_event, "waiting")
    telling = {"workflow": "bird-child", "execution": by_signal, **TOKEN}
    told = run(called("spread", "a", config=telling), input={"token": CANARY}, fields={"inputSchema": SCHEMA})
    assert told.status == "completed", told.error
    for waiter in (by_signal, by_event):
        assert ended(waiter).of("carry").output["header"] == "Bearer with ***"
    child = ended(told.of("a").output)
    assert child.row.input == {"note": "with ***", "list": ["***"]}
    assert child.of("check").output == {"real": True}
    assert Emission.objects.get(name="spread").payload == {"note": "with ***"}
    assert [name for name, text in tables().items() if not hides(visible(name, text))] == []


def test_a_secret_that_is_the_key_of_a_limit_is_in_no_lane(executor: Executor) -> None:
    limits = {"concurrency": {"limit": 1, "key": "input.token"}}
    done = run(delay("a", 0), input={"token": CANARY}, fields={"inputSchema": SCHEMA, "limits": limits})
    assert done.status == "completed"
    assert done.row.lane is not None
    assert [name for name, text in tables().items() if not hides(visible(name, text))] == []


def test_an_execution_whose_key_is_gone_is_put_off_until_it_is_back(
    executor: Executor, settings: Any
) -> None:
    waiting = start(
        node("wait", "w", "proof", config={"signal": "go"}),
        called("prove", "proof", config={"token": "${{ input.token }}", "digest": DIGEST}),
        input={"token": CANARY},
        fields={"inputSchema": SCHEMA},
    )
    has_status(waiting, "waiting")
    before = settings.C4C
    settings.C4C = {**before, "SECRET_KEYS": ["another"]}
    operations.signal(waiting, "go")
    until(lambda: "none of the keys fits" in Execution.objects.get(pk=waiting).wait_reason)
    settings.C4C = {**before, "SECRET_KEYS": ["new", django_settings.SECRET_KEY]}
    Execution.objects.filter(pk=waiting).update(available_at=Now())
    assert ended(waiting).of("proof").output == {"real": True}
