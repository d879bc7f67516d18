"""What is too large for its row lies in a file, and is there when it is needed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.files.storage import storages
from django.db import connection, transaction
from django.test import Client, override_settings

from executions import operations, payloads
from executions.checks import check_payload_storage
from executions.executor import Executor
from executions.models import Execution, NodeRun, Payload
from executions.payloads import Place
from executions.vault.stored import Elsewhere
from procedures import procedure
from tests.executions.build import delay, node
from tests.executions.engine import QUICK, ended, executing, has_status, run, start, until

LIMITS = {"OFFLOAD_BYTES": 10_000, "MAX_OUTPUT_BYTES": 20_000, "MAX_PAYLOAD_BYTES": 1 << 20}
LARGE = 50_000
CANARY = "kanarie-Zz9Qx7"
SCHEMA = {"properties": {"token": {"type": "string", "writeOnly": True}}}
MANY = 50 << 20


@procedure("payloads.make")
def make(size: int, mark: str = "x", fail: bool = False) -> dict[str, Any]:
    if fail:
        raise ValueError("as told")
    return {"text": mark * (size // len(mark)), "size": size}


@procedure("payloads.amake")
async def amake(size: int) -> list[str]:
    return ["x" * size]


@procedure("payloads.measure")
def measure(text: str) -> dict[str, Any]:
    return {"length": len(text), "start": text[:14]}


@procedure("payloads.monster")
def monster(how: str) -> Any:
    """Answers that no database wants."""
    match how:
        case "50 MB":
            return {"rows": [{"text": "x" * 1000} for _ in range(MANY // 1000)]}
        case "NUL bytes":
            return {"text": "\0" * 100_000}
        case "1 GB string":
            return {"text": "x" * (1 << 30)}
    return "x" * MANY


def called(name: str, id: str, next: str | None = None, **fields: Any) -> dict[str, Any]:
    return node("procedure", id, next, procedureName=f"payloads.{name}", **fields)


MEASURED = called("measure", "b", config={"text": "${{ nodes['a'].output.text }}"})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found: Path = tmp_path_factory.mktemp("payloads")
    return found


@pytest.fixture(scope="module")
def storage(database: None, folder: Path) -> Iterator[Path]:
    """Files of this module's executions."""
    large = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": str(folder)}}
    told = {**django_settings.C4C, **QUICK, **LIMITS, "PAYLOAD_STORAGE": "large"}
    with override_settings(C4C=told, STORAGES={**django_settings.STORAGES, "large": large}):
        yield folder


@pytest.fixture(scope="module")
def executor(storage: Path) -> Iterator[Executor]:
    with executing() as running:
        yield running


def files(folder: Path, execution_id: str) -> list[Path]:
    return sorted(folder.glob(f"c4c/{execution_id}/*"))


def column(execution_id: str, node_id: str) -> Any:
    with connection.cursor() as cursor:
        table = NodeRun._meta.db_table
        cursor.execute(
            f"SELECT output::text FROM {table} WHERE execution_id = %s AND node_id = %s",
            [execution_id, node_id],
        )
        return json.loads(cursor.fetchone()[0])


def test_a_large_output_lies_in_a_file_and_the_next_node_has_it(executor: Executor, storage: Path) -> None:
    done = run(called("make", "a", "b", config={"size": LARGE}), MEASURED)
    assert done.status == "completed", done.error
    assert done.of("b").output == {"length": LARGE, "start": "x" * 14}
    [file] = files(storage, done.id)
    stored = column(done.id, "a")["$payload"]
    assert stored["name"] == f"c4c/{done.id}/{file.name}"
    assert json.loads(file.read_bytes()) == {"text": "x" * LARGE, "size": LARGE}
    assert isinstance(done.of("a").output, Elsewhere)
    [told] = done.told("node.completed", "a")
    assert told["outputTruncated"] is True
    assert "output" not in told


@pytest.mark.parametrize("name", ["make", "amake"])
def test_what_is_not_large_stays_in_its_row(executor: Executor, storage: Path, name: str) -> None:
    small, large = (run(called(name, "a", config={"size": size})) for size in (100, LARGE))
    assert files(storage, small.id) == []
    assert len(files(storage, large.id)) == 1


def test_a_take_over_has_the_real_value(storage: Path, executor: Executor) -> None:
    waiting = start(
        called("make", "a", "wait", config={"size": LARGE}),
        node("wait", "wait", "b", config={"signal": "go"}),
        MEASURED,
    )
    has_status(waiting, "waiting")
    operations.signal(waiting, "go")
    assert ended(waiting).of("b").output["length"] == LARGE
    assert len(files(storage, waiting)) == 1


def test_documents_leave_it_out_and_say_where_it_is(executor: Executor, settings: Any) -> None:
    settings.DEBUG = True
    api = Client(headers={"host": "localhost:3000"})
    done = run(called("make", "a", config={"size": LARGE}))
    base = f"/workflow/executions/{done.id}"
    execution = api.get(base).json()["execution"]
    assert execution["outputs"] == {}
    assert execution["outputsTruncated"] is True
    detail = execution["nodeDetails"]["a"]
    assert detail["outputTruncated"] is True
    assert detail["outputBytes"] > LARGE
    assert detail["outputUrl"] == f"{base}/nodes/{done.id}.0/output"
    [row] = [
        row for row in api.get("/workflow/executions").json()["executions"] if row["executionId"] == done.id
    ]
    assert row["outputsTruncated"] is True
    answer = api.get(detail["outputUrl"])
    assert answer["Content-Type"] == "application/json"
    assert json.loads(b"".join(answer)) == {"text": "x" * LARGE, "size": LARGE}  # type: ignore[arg-type]
    for unknown in (f"{done.id}.7", "other.0", f"{done.id}.x"):
        assert api.get(f"{base}/nodes/{unknown}/output").status_code == 404


def test_who_may_not_look_at_executions_does_not_get_their_values(executor: Executor, settings: Any) -> None:
    settings.DEBUG = False
    settings.C4C = {**settings.C4C, "HOST": "0.0.0.0"}
    done = run(called("make", "a", config={"size": LARGE}))
    stranger = Client(headers={"host": "localhost"})
    answer = stranger.get(f"/workflow/executions/{done.id}/nodes/{done.id}.0/output")
    assert answer.status_code in (401, 403)


def test_a_secret_in_a_large_value_is_sealed_in_its_file(
    executor: Executor, storage: Path, settings: Any
) -> None:
    settings.DEBUG = True
    done = run(
        called("make", "a", "b", config={"size": LARGE, "mark": "${{ input.token }}"}),
        MEASURED,
        input={"token": CANARY},
        fields={"inputSchema": SCHEMA},
    )
    assert done.status == "completed", done.error
    assert done.of("b").output == {"length": LARGE // 14 * 14, "start": "***"}
    [file] = files(storage, done.id)
    assert CANARY.encode() not in file.read_bytes()
    answer = Client(headers={"host": "localhost:3000"}).get(
        f"/workflow/executions/{done.id}/nodes/{done.id}.0/output"
    )
    told = json.loads(b"".join(answer))  # type: ignore[arg-type]
    assert told["text"] == "***" * (LARGE // 14)


@pytest.mark.parametrize("harm", ["missing", "corrupt"])
def test_a_lost_file_fails_the_execution_and_names_the_node(
    executor: Executor, storage: Path, settings: Any, harm: str
) -> None:
    settings.DEBUG = True
    waiting = start(
        called("make", "a", "wait", config={"size": LARGE}),
        node("wait", "wait", "b", config={"signal": "go"}),
        MEASURED,
    )
    has_status(waiting, "waiting")
    [file] = files(storage, waiting)
    if harm == "missing":
        file.unlink()
    else:
        file.write_text(json.dumps({"text": "forged"}))
    operations.signal(waiting, "go")
    failed = ended(waiting)
    assert failed.status == "failed"
    assert failed.error["name"] == "PayloadLost"
    assert failed.error["nodeId"] == "a"
    assert file.name in failed.error["message"]
    answer = Client(headers={"host": "localhost:3000"}).get(
        f"/workflow/executions/{waiting}/nodes/{waiting}.0/output"
    )
    assert answer.status_code == 410
    assert file.name in answer.json()["detail"]


def test_a_storage_that_cannot_be_written_fails_the_attempt(
    executor: Executor, storage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(storages["large"], "save", full)
    failed = run(called("make", "a", config={"size": LARGE}))
    assert failed.status == "failed"
    assert failed.error["name"] == "PayloadNotStored"
    assert "No space left on device" in failed.error["message"]


def test_deleting_an_execution_removes_its_files_once_that_is_committed(
    executor: Executor, storage: Path
) -> None:
    done = run(called("make", "a", config={"size": LARGE}))
    with transaction.atomic():
        operations.delete(done.id)
        assert len(files(storage, done.id)) == 1
    assert files(storage, done.id) == []
    assert not Payload.objects.filter(execution_id=done.id).exists()


def test_an_adopted_result_keeps_its_file_when_its_source_is_deleted(
    executor: Executor, storage: Path
) -> None:
    failing = [
        called("make", "a", "c", config={"size": LARGE}),
        called("make", "c", "b", config={"size": 1, "fail": "${{ execution.id == 'the-source' }}"}),
        MEASURED,
    ]
    source = run(*failing, execution_id="the-source")
    assert source.status == "failed"
    again = ended(operations.retry("the-source").id)
    assert again.status == "completed", again.error
    assert again.of("b").output["length"] == LARGE
    operations.delete("the-source")
    assert len(files(storage, "the-source")) == 1
    operations.delete(again.id)
    assert files(storage, "the-source") == []


def test_a_large_input_lies_in_a_file_too(executor: Executor, storage: Path, settings: Any) -> None:
    settings.DEBUG = True
    given = {"text": "y" * LARGE, "token": CANARY}
    done = run(
        called("measure", "b", config={"text": "${{ input.text }}"}),
        input=given,
        fields={"inputSchema": SCHEMA},
    )
    assert done.of("b").output["length"] == LARGE
    [file] = files(storage, done.id)
    assert CANARY.encode() not in file.read_bytes()
    api = Client(headers={"host": "localhost:3000"})
    execution = api.get(f"/workflow/executions/{done.id}").json()["execution"]
    assert execution["inputTruncated"] is True
    told = json.loads(b"".join(api.get(f"/workflow/executions/{done.id}/input")))  # type: ignore[arg-type]
    assert told == {"text": "y" * LARGE, "token": "***"}
    assert ended(operations.rerun(done.id).id).of("b").output["length"] == LARGE


def test_orphans_are_removed_and_what_is_referred_to_is_not(
    executor: Executor, storage: Path, settings: Any
) -> None:
    done = run(called("make", "a", config={"size": LARGE}))
    kept = files(storage, done.id)
    payloads.put(b'"of a lost attempt"', Place(done.id, 0, 7))
    payloads.put(b'"of nobody"', Place("nobody", 0, 1))
    payloads.put(b'"of an input that was never stored"', Place(done.id, payloads.INPUT, 1))
    assert payloads.sweep() == 0, "they are too young"
    settings.C4C = {**settings.C4C, "ORPHAN_SECONDS": 0.0}
    until(lambda: payloads.sweep() or not Payload.objects.filter(execution_id="nobody").exists())
    assert files(storage, done.id) == kept
    assert files(storage, "nobody") == []
    assert Payload.objects.get(execution_id=done.id).is_kept


def test_an_attempt_that_may_still_be_written_keeps_its_file(
    executor: Executor, storage: Path, settings: Any
) -> None:
    settings.C4C = {**settings.C4C, "ORPHAN_SECONDS": 0.0}
    waiting = start(node("wait", "a", config={"signal": "go"}))
    has_status(waiting, "waiting")
    payloads.put(b'"about to be written"', Place(waiting, 0, 1))
    payloads.sweep()
    assert len(files(storage, waiting)) == 1
    operations.cancel(waiting)
    until(lambda: Execution.objects.get(pk=waiting).ended_at)
    until(lambda: payloads.sweep() or files(storage, waiting) == [])
    assert files(storage, waiting) == []


@pytest.mark.parametrize("how", ["50 MB", "NUL bytes", "1 GB string", "50 MB text"])
def test_f19_an_oversized_output_fails_its_node_and_not_the_engine(executor: Executor, how: str) -> None:
    failed = run(called("monster", "a", config={"how": how}))
    assert failed.status == "failed"
    assert failed.error["name"] == "InvalidOutput"
    assert failed.error["nodeId"] == "a"
    assert run(delay("a", 0)).status == "completed", "the engine goes on"


def test_without_offloading_the_databases_limit_holds(
    executor: Executor, settings: Any, storage: Path
) -> None:
    settings.C4C = {**settings.C4C, "OFFLOAD_BYTES": None}
    failed = run(called("make", "a", config={"size": LARGE}))
    assert failed.error["name"] == "InvalidOutput"
    assert "at most 20000" in failed.error["message"]
    assert files(storage, failed.id) == []


def test_a_storage_that_is_none_is_told_by_the_system_checks(settings: Any) -> None:
    settings.C4C = {**settings.C4C, "OFFLOAD_BYTES": 1, "PAYLOAD_STORAGE": "lare"}
    [error] = check_payload_storage()
    assert error.id == "c4c.E103"
    assert "lare" in error.msg
    settings.C4C = {**settings.C4C, "PAYLOAD_STORAGE": "default"}
    assert check_payload_storage() == []
