"""The library of workflows: immutable versions by content, and the one of each workflow that is current."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import Max

from workflows import discovery
from workflows.cache import DefinitionCache
from workflows.definition import Definition, parse
from workflows.errors import InvalidDefinition, Problem, WorkflowNotFound
from workflows.models import Workflow, WorkflowVersion
from workflows.validation import problems

_definitions = DefinitionCache()


@dataclass(slots=True)
class SyncReport:
    """Ids of workflows found in code. ``kept``: a document published since holds its place until the code
    changes. ``broken`` has what is wrong with each."""

    published: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    broken: dict[str, list[Problem]] = field(default_factory=dict)


def publish(document: dict[str, Any], *, source: str = Workflow.Source.JSON) -> WorkflowVersion:
    """Make the document its workflow's current version; content that is known keeps its number.

    Raises InvalidDefinition. Safe to call from several processes at once; joins the caller's transaction.
    """
    _refuse_problems(document)
    with transaction.atomic():
        workflow = _locked(document, source)
        version = _version(workflow, document)
        _make_current(workflow, version, document, source)
    return version


def inline(document: dict[str, Any]) -> WorkflowVersion:
    """A version apart from the library, kept by its content. Raises InvalidDefinition."""
    stored = WorkflowVersion.objects.filter(workflow=None)
    known = stored.filter(content_hash=content_hash(document)).first() if _is_hashable(document) else None
    if known is not None:
        return known
    _refuse_problems(document)
    WorkflowVersion.objects.bulk_create([_new_version(None, document, number=0)], ignore_conflicts=True)
    return stored.get(content_hash=content_hash(document))


def current(workflow_id: str) -> WorkflowVersion:
    """Raises WorkflowNotFound."""
    version = (
        WorkflowVersion.objects.filter(id__in=_current_ids(workflow_id)).select_related("workflow").first()
    )
    if version is None:
        raise WorkflowNotFound(workflow_id, _known_ids())
    return version


def version(workflow_id: str, number: int) -> WorkflowVersion:
    """Raises WorkflowNotFound."""
    found = (
        WorkflowVersion.objects.filter(workflow=workflow_id, number=number).select_related("workflow").first()
    )
    if found is None:
        newest = WorkflowVersion.objects.filter(workflow=workflow_id).aggregate(number=Max("number"))
        raise WorkflowNotFound(workflow_id, _known_ids(), number, newest["number"])
    return found


def definition(version: WorkflowVersion) -> Definition:
    """The version's definition, parsed once per content and process."""
    return _definitions.get(version.content_hash, lambda: parse(version.definition))


def sync() -> SyncReport:
    """Bring the definitions found in code into the library. Repeating it changes nothing."""
    report = SyncReport()
    stored = Workflow.objects.select_related("current").in_bulk(list(discovery.documents()))
    for workflow_id, document in sorted(discovery.documents().items()):
        _sync_one(workflow_id, document, stored.get(workflow_id), report)
    return report


def content_hash(document: dict[str, Any]) -> str:
    """Of the content: the order of keys and the spacing do not count."""
    written = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(written.encode()).hexdigest()


def _refuse_problems(document: dict[str, Any]) -> None:
    found = problems(document)
    if found:
        raise InvalidDefinition(found)


def _is_hashable(document: Any) -> bool:
    try:
        content_hash(document)
    except (TypeError, ValueError, RecursionError):
        return False
    return True


def _locked(document: dict[str, Any], source: str) -> Workflow:
    """The workflow's row, made if need be and held: publishers of one workflow go one after the other."""
    row = Workflow(id=document["id"], name=document["name"], source=source)
    Workflow.objects.bulk_create([row], ignore_conflicts=True)
    return Workflow.objects.select_for_update().get(pk=document["id"])


def _version(workflow: Workflow, document: dict[str, Any]) -> WorkflowVersion:
    known = workflow.versions.filter(content_hash=content_hash(document)).first()
    if known is not None:
        return known
    latest = workflow.versions.aggregate(latest=Max("number"))["latest"] or 0
    made = _new_version(workflow, document, number=latest + 1)
    made.save(force_insert=True)
    return made


def _new_version(workflow: Workflow | None, document: dict[str, Any], *, number: int) -> WorkflowVersion:
    return WorkflowVersion(
        workflow=workflow,
        definition_id=document["id"],
        number=number,
        label=document["version"],
        content_hash=content_hash(document),
        definition=document,
    )


def _make_current(
    workflow: Workflow, version: WorkflowVersion, document: dict[str, Any], source: str
) -> None:
    if workflow.current_id == version.pk and workflow.source == source:
        return
    workflow.current, workflow.source = version, Workflow.Source(source)
    workflow.name, workflow.description = document["name"], document.get("description") or ""
    workflow.save()


def _sync_one(
    workflow_id: str, document: dict[str, Any], stored: Workflow | None, report: SyncReport
) -> None:
    found = problems(document)
    if found:
        report.broken[workflow_id] = found
    elif stored is None or stored.current is None:
        _publish_code(workflow_id, document, report)
    elif stored.source == Workflow.Source.JSON and _is_known(stored, document):
        report.kept.append(workflow_id)
    elif stored.current.content_hash == content_hash(document):
        report.unchanged.append(workflow_id)
    else:
        _publish_code(workflow_id, document, report)


def _publish_code(workflow_id: str, document: dict[str, Any], report: SyncReport) -> None:
    publish(document, source=Workflow.Source.CODE)
    report.published.append(workflow_id)


def _is_known(workflow: Workflow, document: dict[str, Any]) -> bool:
    return workflow.versions.filter(content_hash=content_hash(document)).exists()


def _current_ids(workflow_id: str) -> Any:
    return Workflow.objects.filter(pk=workflow_id).values("current")


def _known_ids() -> Any:
    return Workflow.objects.values_list("pk", flat=True)[:2_000]
