"""Control from the command line: words, decisions, bulk operations, versions."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest
from django.contrib.auth.models import User

from executions.models import BulkOperation, Command, Emission, Execution
from tests.api import stored
from tests.cli.conftest import Run
from tests.executions.build import delay, document, step
from workflows import library

Told = subprocess.CompletedProcess[str]


def as_json(told: Told) -> Any:
    assert told.returncode == 0, told.stderr
    return json.loads(told.stdout)


def waiting(**approval: Any) -> Execution:
    made = stored.execution("waiting")
    asked = {"users": [], "groups": [], "message": "Ship it?", **approval}
    stored.node_run(made, "ask", "waiting", kind="wait", awaits="approval", input=asked)
    return made


def test_a_signal_is_put_into_the_inbox(typed: Run) -> None:
    made = stored.execution("waiting")
    told = typed("signal", made.id, "go", "--payload", '{"a": 1}')
    assert (told.returncode, told.stdout) == (0, f"go is in the inbox of {made.id}\n")
    word = Command.objects.get()
    assert word.payload == {"name": "go", "payload": {"a": 1}} and "(command line)" in word.actor


def test_what_cannot_be_said_is_told_in_one_line(typed: Run) -> None:
    ended = stored.execution("completed")
    refused = typed("signal", ended.id, "go")
    assert refused.returncode == 1 and "cannot signal an execution that is completed" in refused.stderr
    wrong = typed("signal", ended.id, "go", "--payload", "{")
    assert wrong.returncode == 2 and "--payload is not valid JSON" in wrong.stderr
    assert typed("signal", "nobody", "go").returncode == 1
    assert "Traceback" not in refused.stderr + wrong.stderr


def test_an_event_is_emitted(typed: Run) -> None:
    told = typed("emit", "paid", "--key", "order-1", "--payload", "[1]")
    assert told.stdout == "paid order-1 is emitted\n"
    assert Emission.objects.get().payload == [1]


def test_terminating_needs_one_word(typed: Run) -> None:
    made = stored.execution("running")
    assert typed("terminate", made.id, "--reason", "enough").returncode == 0
    assert Command.objects.get().payload == {"reason": "enough", "force": True}


def test_approvals_are_listed_and_decided(typed: Run) -> None:
    User.objects.create_user("ann")
    hers, other = waiting(users=["ann"]), waiting(users=["bob"])
    mine = as_json(typed("approvals", "--user", "ann", "--json"))["approvals"]
    assert [row["executionId"] for row in mine] == [hers.id]
    assert "Ship it?" in typed("approvals").stdout
    assert typed("approve", hers.id, "--user", "ann", "--comment", "fine").returncode == 0
    refused = typed("refuse", other.id, "ask", "--user", "ann")
    assert refused.returncode == 1 and "not yours to give" in refused.stderr
    assert typed("refuse", other.id).returncode == 0
    words = [(word.payload["decision"], word.actor) for word in Command.objects.order_by("pk")]
    assert words[0] == ("approved", "ann")
    assert words[1][0] == "refused" and "(command line)" in words[1][1]
    assert 'unknown user "anna": did you mean ann?' in typed("approvals", "--user", "anna").stderr


def test_a_rerun_takes_an_input_and_a_version(typed: Run) -> None:
    library.publish(document(step("a"), id="again"))
    made = stored.execution("completed", version=library.current("again"))
    library.publish(document(step("a", output={"b": 1}), id="again"))
    told = as_json(typed("rerun", made.id, "-i", '{"x": 1}', "--version", "latest", "--json"))
    again = Execution.objects.select_related("version").get(pk=told["executionId"])
    assert (again.input, again.version.number, again.rerun_of_id) == ({"x": 1}, 2, made.id)
    assert typed("rerun", made.id, "--version", "newest").returncode == 2
    refused = typed("rerun", made.id, "--from-node", "zz")
    assert refused.returncode == 2 and "has not run" in refused.stderr


def test_many_are_cancelled_by_a_filter_and_followed_to_the_end(typed: Run) -> None:
    for _ in range(3):
        stored.execution("running")
    stored.execution("waiting")
    assert typed("bulk", "cancel", "--status", "running", "--dry-run").stdout == "cancel: 3 executions\n"
    told = typed("bulk", "cancel", "--status", "running", "--reason", "enough")
    assert told.returncode == 0 and "3 of 3, 0 refused" in told.stdout
    assert Command.objects.filter(kind="cancel", payload__reason="enough").count() == 3
    assert as_json(typed("bulk", "list", "--json"))["bulk"][0]["status"] == "completed"


def test_what_a_bulk_operation_is_refused_is_told(typed: Run) -> None:
    ended = stored.execution("completed")
    told = typed("bulk", "pause", ended.id)
    assert told.returncode == 1 and f"{ended.id}: cannot pause" in told.stdout


def test_a_bulk_operation_can_be_left_to_the_workers_and_stopped(typed: Run) -> None:
    stored.execution("running")
    typed("bulk", "signal", "--status", "running", "--name", "go", "--payload", "1", "--detach")
    begun = BulkOperation.objects.get()
    assert (begun.status, begun.options) == ("running", {"name": "go", "payload": 1})
    assert "running" in typed("bulk", "show", begun.pk).stdout
    assert "cancelled" in typed("bulk", "stop", begun.pk).stdout
    assert typed("bulk", "show", "nobody").returncode == 1


def test_many_must_be_chosen_somehow(typed: Run) -> None:
    for words in ((), ("x", "--status", "running"), ("--status", "runing")):
        told = typed("bulk", "delete", *words)
        assert told.returncode == 2 and not BulkOperation.objects.exists(), words


def test_versions_are_compared_and_executions_moved(typed: Run) -> None:
    library.publish(document(delay("nap", 60, "end"), step("end"), id="moving"))
    old = stored.execution("waiting", version=library.current("moving"))
    stored.node_run(old, "nap", "waiting", kind="delay")
    library.publish(document(delay("nap", 60, "more"), step("more", "end"), step("end"), id="moving"))
    library.publish(document(step("nap"), id="moving"))
    told = typed("workflows", "diff", "moving", "--from", "1", "--to", "2").stdout
    assert "+ more" in told and "~ nap/next: end → more" in told
    assert as_json(typed("workflows", "diff", "moving", "--json"))["to"] == 3
    blocked = typed("workflows", "migrate", "moving", "--to", "3")
    assert blocked.returncode == 1 and f"{old.id}: node 'nap'" in blocked.stdout
    assert "1 would be moved" in typed("workflows", "migrate", "moving", "--to", "2", "--dry-run").stdout
    assert typed("workflows", "migrate", "moving", "--to", "2").stdout.startswith("1 moved")
    old.refresh_from_db()
    assert old.version.number == 2
    assert typed("workflows", "diff", "nobody").returncode == 2


@pytest.mark.parametrize("words", [("bulk",), ("bulk", "explode"), ("signal", "x"), ("approve",)])
def test_half_a_command_is_a_usage_error(typed: Run, words: tuple[str, ...]) -> None:
    assert typed(*words).returncode == 2
