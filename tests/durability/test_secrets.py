"""A secret survives its worker: sealed in the rows, real for those who go on."""

from __future__ import annotations

from hashlib import sha256

import pytest
from django.db import connection

from executions import operations
from executions.models import Execution, NodeRun
from tests.durability.conftest import StartWorker, until
from workflows import library

TOKEN = "kanarie-Zz9Qx7"
DOCUMENT = {
    "id": "guarded",
    "name": "guarded",
    "version": "1",
    "startNode": "mint",
    "inputSchema": {"properties": {"token": {"type": "string", "writeOnly": True}}},
    "nodes": [
        {
            "id": "mint",
            "type": "procedure",
            "procedureName": "secretive.mint",
            "config": {"user": "ann", "token": "${{ input.token }}"},
            "next": "carry",
        },
        {
            "id": "carry",
            "type": "procedure",
            "procedureName": "secretive.carry",
            "config": {"value": "${{ vars.token }}"},
            "next": "each",
        },
        {
            "id": "each",
            "type": "map",
            "config": {"items": "${{ [vars.header] }}", "node": "item"},
            "next": "proof",
        },
        {
            "id": "item",
            "type": "procedure",
            "procedureName": "secretive.carry",
            "config": {"value": "${{ item }}"},
        },
        {
            "id": "proof",
            "type": "procedure",
            "procedureName": "secretive.prove",
            "config": {
                "token": "${{ nodes['carry'].output.parts[0] }}",
                "digest": sha256(TOKEN.encode()).hexdigest(),
            },
        },
    ],
}


@pytest.mark.parametrize("nth", [1, 3, 4])
def test_after_a_kill_another_worker_goes_on_with_the_real_value(worker: StartWorker, nth: int) -> None:
    library.publish(DOCUMENT)
    execution_id = operations.start("guarded", input={"token": TOKEN}).id
    dying = worker("committed", nth)
    dying.wait(30)
    assert dying.returncode == -9
    worker()
    until(lambda: not Execution.objects.active().exists(), "it ends")
    assert Execution.objects.get(pk=execution_id).status == "completed"
    assert NodeRun.objects.get(execution=execution_id, node_id="proof").output == {"real": True}
    with connection.cursor() as cursor:
        for model in (Execution, NodeRun):
            cursor.execute(f"SELECT string_agg(t::text, ' ') FROM {model._meta.db_table} t")
            assert "kanarie" not in cursor.fetchone()[0]
