"""Values too large for their rows: in files of a Django storage, written before the row that refers to them.

A file is written once, and named by what it belongs to and by its content. A crash between the file and the
row leaves an orphan, which ``sweep`` removes.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any, NamedTuple

import orjson
from django.core.files.base import ContentFile
from django.core.files.storage import Storage, storages
from django.db import transaction
from django.db.models import Exists, F, OuterRef, TextField
from django.db.models.functions import Cast, Now

from executions import database
from executions.conf import conf
from executions.models import Execution, NodeRun, Payload
from executions.states import NODE_TERMINAL
from executions.transitions import Row
from executions.vault.stored import PAYLOAD, Damaged, Stored, is_special, reference_in, shown

INPUT = -1
CHUNK = 1 << 18
BATCH = 100

_NEW = f"""
INSERT INTO {Payload._meta.db_table} (execution_id, index, attempt, storage, name, size, is_kept)
VALUES (%s, %s, %s, %s, %s, %s, false)
"""


class Place(NamedTuple):
    """What a value belongs to: a run's attempt, or (``INPUT``) the execution."""

    execution_id: str
    run: int
    attempt: int


def is_large(stored: bytes) -> bool:
    """Whether it goes to a file."""
    return conf.OFFLOAD_BYTES is not None and len(stored) > conf.OFFLOAD_BYTES


def largest() -> int:
    """Bytes of an output, wherever it goes."""
    return conf.MAX_OUTPUT_BYTES if conf.OFFLOAD_BYTES is None else conf.MAX_PAYLOAD_BYTES


def put(stored: bytes, place: Place, using: str = "default") -> bytes:
    """Write it to a file; what its column gets instead. Not for the loop; raises what the storage raises.

    The row that knows of the file is committed first, whatever becomes of the caller's transaction.
    """
    digest = hashlib.sha256(stored).hexdigest()
    alias = conf.PAYLOAD_STORAGE
    name = f"c4c/{place.execution_id}/{_part(place)}.{digest[:32]}.json"
    with database.connect("c4c-payloads", using) as connection:
        connection.execute(_NEW, [*place, alias, name, len(stored)])
    storage = storages[alias]
    written = storage.save(name, ContentFile(stored)) if not _has(storage, name, len(stored)) else name
    if written != name:
        with database.connect("c4c-payloads", using) as connection:
            connection.execute(_NEW, [*place, alias, written, len(stored)])
    _settle(storage, written)
    reference: dict[str, Any] = {"storage": alias, "name": written, "bytes": len(stored), "sha256": digest}
    if is_special(stored):
        reference["sealed"] = True
    return orjson.dumps({PAYLOAD: reference})


def fetch(values: Iterable[Stored]) -> None:
    """Read what lies in files. Not for the loop. What is not to be had is ``Damaged``; where a storage cannot
    be reached, opening the value raises what it raised."""
    for value in values:
        try:
            value.fetched = orjson.loads(content(value.reference or {}))
        except Exception as error:
            value.fetched = error


def content(reference: dict[str, Any]) -> bytes:
    """The file's, checked. Raises Damaged."""
    found = b"".join(chunks(reference))
    _check(reference, hashlib.sha256(found))
    return found


def chunks(reference: dict[str, Any]) -> Iterator[bytes]:
    """The file's, as it is stored. Raises Damaged."""
    name = reference["name"]
    try:
        file = storages[reference["storage"]].open(name)
    except FileNotFoundError:
        raise Damaged(f"its file {name} is missing in the storage {reference['storage']!r}") from None
    with file:
        yield from file.chunks(CHUNK)


def shown_chunks(reference: dict[str, Any]) -> Iterator[bytes]:
    """The file's JSON, for people: as it is, but where it has secrets. Raises Damaged before the first."""
    if reference.get("sealed"):
        yield orjson.dumps(shown(orjson.loads(content(reference))))
        return
    digest = hashlib.sha256()
    for chunk in chunks(reference):
        digest.update(chunk)
    _check(reference, digest)
    yield from chunks(reference)


def share(rows: Iterable[Row], using: str = "default") -> None:
    """New runs that adopt results refer to the same files."""
    adopted = [(row, found) for row in rows if (found := _reference_of(row)) is not None]
    Payload.objects.using(using).bulk_create(
        Payload(
            execution_id=row["x"],
            index=row["i"],
            attempt=row["attempt"],
            storage=found["storage"],
            name=found["name"],
            size=found["bytes"],
        )
        for row, found in adopted
    )


def forget(execution_id: str, using: str = "default") -> None:
    """The execution is being deleted: its files go once that is committed, but for what others refer to."""
    rows = list(Payload.objects.using(using).filter(execution_id=execution_id))
    if rows:
        transaction.on_commit(lambda: _remove(rows, using), using=using, robust=True)


def sweep(using: str = "default") -> int:
    """Remove some files to which no row refers, and none will: the executions are gone, or the attempts over.

    How many were removed.
    """
    known = Payload.objects.using(using)
    executions = Execution.objects.using(using).filter(pk=OuterRef("execution_id"))
    old = known.filter(created_at__lt=Now() - timedelta(seconds=conf.ORPHAN_SECONDS))
    gone = list(old.filter(~Exists(executions))[:BATCH])
    kept, orphans = _judged(list(old.filter(Exists(executions), is_kept=False)[:BATCH]), using)
    known.filter(pk__in=kept).update(is_kept=True)
    _remove([*gone, *orphans], using)
    return len(gone) + len(orphans)


def _check(reference: dict[str, Any], digest: Any) -> None:
    if digest.hexdigest() != reference["sha256"]:
        raise Damaged(f"its file {reference['name']} is not what was written")


def _judged(rows: list[Payload], using: str) -> tuple[list[int], list[Payload]]:
    """Those that are referred to, and those that never will be; of the rest nobody can know yet."""
    kept: list[int] = []
    orphans: list[Payload] = []
    for row in rows:
        name, is_over = _standing(row, using)
        if name == row.name:
            kept.append(row.pk)
        elif is_over:
            orphans.append(row)
    return kept, orphans


def _standing(row: Payload, using: str) -> tuple[str | None, bool]:
    """The file that the place refers to, and whether the attempt that has written this one is over."""
    if row.index == INPUT:
        inputs = Execution.objects.using(using).annotate(stored=Cast("input", TextField()))
        return _name_in(inputs.filter(pk=row.execution_id).values_list("stored", flat=True).first()), True
    runs = NodeRun.objects.using(using).filter(execution_id=row.execution_id, index=row.index)
    told = runs.annotate(stored=Cast("output", TextField()), over=F("execution__ended_at"))
    found = told.values_list("stored", "status", "attempt", "over").first()
    if found is None:
        return None, True
    stored, status, attempt, over = found
    return _name_in(stored), status in NODE_TERMINAL or attempt > row.attempt or over is not None


def _name_in(stored: str | None) -> str | None:
    found = None if stored is None or PAYLOAD not in stored[:100] else reference_in(orjson.loads(stored))
    return None if found is None else str(found["name"])


def _remove(rows: Iterable[Payload], using: str) -> None:
    """Their rows, and the files to which no other row refers. A file that cannot be removed keeps its row."""
    for row in rows:
        others = Payload.objects.using(using).filter(name=row.name, storage=row.storage).exclude(pk=row.pk)
        if not others.exists():
            storages[row.storage].delete(row.name)
        row.delete(using=using)


def _reference_of(row: Row) -> dict[str, Any] | None:
    output = row["output"]
    if not isinstance(output, orjson.Fragment):
        return None
    written = orjson.dumps(output)
    return reference_in(orjson.loads(written)) if written.startswith(_REFERS) else None


_REFERS = orjson.dumps({PAYLOAD: 0})[:-2]


def _part(place: Place) -> str:
    return "input" if place.run == INPUT else f"{place.run}.{place.attempt}"


def _has(storage: Storage, name: str, size: int) -> bool:
    """Whether it is there already: the name tells the content."""
    return storage.exists(name) and storage.size(name) == size


def _settle(storage: Storage, name: str) -> None:
    """What lies on a disk of this machine is to outlive its power as the row does."""
    with suppress(NotImplementedError):
        file = os.open(storage.path(name), os.O_RDONLY)
        try:
            os.fsync(file)
        finally:
            os.close(file)
