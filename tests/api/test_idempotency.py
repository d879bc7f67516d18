"""The same request twice does its work once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from executions.models import BulkOperation, Command, Emission, Execution, IdempotentRequest
from tests.api import stored

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("library_workflows")]

EXECUTE = "/workflow/execute"
BODY = {"workflowId": "simple-math-workflow", "async": True}


def start(
    client: Client, body: dict[str, Any] = BODY, key: str = "k1", path: str = "/workflow/execute"
) -> Any:
    return client.post(path, body, content_type="application/json", headers={"Idempotency-Key": key})


def test_the_same_key_and_body_get_the_first_answer(api: Client) -> None:
    first, second = start(api), start(api)
    assert first.status_code == second.status_code == 202
    assert first.json() == second.json() and first.headers["Location"] == second.headers["Location"]
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"
    assert Execution.objects.count() == 1


def test_the_order_of_fields_and_the_spelling_of_the_path_do_not_matter(api: Client) -> None:
    start(api)
    again = start(api, dict(reversed(BODY.items())), path="/api/workflow/execute/")
    assert again.headers["Idempotency-Replayed"] == "true"


def test_the_same_key_with_another_body_is_a_422(api: Client) -> None:
    start(api)
    response = start(api, {**BODY, "input": {"a": 1}})
    assert response.status_code == 422
    assert response.headers["Content-Type"] == "application/problem+json"
    assert Execution.objects.count() == 1


def test_keys_of_different_people_are_different(api: Client, admin_client: Client) -> None:
    start(api)
    other = Client(headers={"host": "localhost:3000"})
    other.cookies = admin_client.cookies
    assert "Idempotency-Replayed" not in start(other).headers
    assert Execution.objects.count() == 2


def test_a_request_in_flight_is_a_409(api: Client) -> None:
    start(api)
    IdempotentRequest.objects.update(status=None)
    response = start(api)
    assert response.status_code == 409 and response.headers["Retry-After"] == "1"


def test_a_request_whose_process_died_is_answered_as_accepted(api: Client) -> None:
    first = start(api)
    IdempotentRequest.objects.update(status=None, created_at=timezone.now() - timedelta(minutes=2))
    again = start(api)
    assert again.status_code == 202 and again.json() == first.json()


def test_a_refused_request_leaves_its_key_free(api: Client) -> None:
    assert start(api, {"workflowId": "nobody"}).status_code == 404
    assert not IdempotentRequest.objects.exists()
    assert start(api).status_code == 202


def test_a_key_is_forgotten_after_a_day(api: Client) -> None:
    start(api)
    IdempotentRequest.objects.update(created_at=timezone.now() - timedelta(hours=25))
    assert "Idempotency-Replayed" not in start(api).headers
    assert Execution.objects.count() == 2 and IdempotentRequest.objects.count() == 1


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb"])
def test_a_key_that_is_none_is_a_400(api: Client, key: str) -> None:
    assert start(api, key=key).status_code == 400


@pytest.mark.parametrize("verb", ["retry", "rerun"])
def test_starting_again_is_idempotent_too(api: Client, verb: str) -> None:
    made = stored.execution("failed")
    path = f"/workflow/executions/{made.id}/{verb}"
    first, second = start(api, {}, path=path), start(api, {}, path=path)
    assert first.status_code == 202 and first.json() == second.json()
    assert Execution.objects.count() == 2


@pytest.mark.parametrize(
    ("path", "body", "model"),
    [
        ("/workflow/executions/{id}/signal", {"name": "go"}, Command),
        ("/workflow/events", {"name": "paid"}, Emission),
        ("/workflow/executions/bulk", {"action": "cancel", "ids": ["x"]}, BulkOperation),
    ],
)
def test_a_word_is_said_once(api: Client, path: str, body: dict[str, Any], model: Any) -> None:
    path = path.format(id=stored.execution("running").id)
    first, second = start(api, body, path=path), start(api, body, path=path)
    assert first.status_code == 202 and first.json() == second.json()
    assert second.headers["Idempotency-Replayed"] == "true"
    assert model.objects.count() == 1
