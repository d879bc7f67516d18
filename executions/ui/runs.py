"""Starting: the run form of a workflow, and the same form for a rerun with another input."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from executions import operations
from executions.errors import ExecutionError, InvalidInput
from executions.models import Execution, NodeRun
from executions.permissions import actor, may
from executions.ui.form import RunForm, Unreadable, read, run_form, typed
from executions.ui.page import page, say, show
from executions.ui.runnable import runnable
from workflows.errors import WorkflowNotFound
from workflows.models import WorkflowVersion

VERSIONS_SHOWN = 50


@page("start", "GET", "HEAD", "POST")
def run(request: HttpRequest) -> HttpResponse:
    """``?workflow=`` chooses. A POST for a workflow whose fields were not shown starts it without input."""
    workflows = runnable()
    named = request.POST.get("workflow") or request.GET.get("workflow") or ""
    chosen = (
        next((one for one in workflows if one.id == named), None) if named else next(iter(workflows), None)
    )
    if chosen is None:
        detail = f"There is no workflow '{named}'." if named else "No workflow is registered yet."
        return say(request, 404, "Workflow not found", detail)
    context = {"workflows": workflows, "chosen": chosen}
    if request.method != "POST":
        given = {name[3:]: value for name, value in request.GET.items() if name.startswith("in.")}
        return show(request, "run", context | {"form": run_form(chosen.input_schema, given)})
    sent = _Sent(request, chosen.input_schema, shown=request.POST.get("fields_of", chosen.id) == chosen.id)
    return sent.start(lambda value: operations.start(chosen.id, input=value), "run", context)


@page("rerun", "GET", "HEAD", "POST")
def edit(request: HttpRequest, execution_id: str) -> HttpResponse:
    """Rerun with edited input, from a node, on another version. ``?from=`` and ``?version=`` choose."""
    execution = Execution.objects.select_related("version").filter(pk=execution_id).first()
    if execution is None:
        return say(request, 404, "Execution not found", f"There is no execution '{execution_id}'.")
    given = request.POST or request.GET
    chosen = {"from": given.get("from", ""), "version": given.get("version", "original")}
    schema = execution.version.definition.get("inputSchema")
    context = {
        "execution": execution,
        "nodes": _nodes(execution),
        "versions": _versions(execution),
        "wanted": chosen,
        "may_rerun": may(request.user, "rerun", execution),
    }
    if request.method != "POST":
        return show(request, "rerun", context | {"form": run_form(schema, execution.input)})
    who = actor(request)
    return _Sent(request, schema).start(
        lambda value: operations.rerun(
            execution_id,
            input=None if value == execution.input else value,
            from_node=chosen["from"] or None,
            version=_version(chosen["version"]),
            actor=who,
        ),
        "rerun",
        context,
    )


def _nodes(execution: Execution) -> list[str]:
    """Those that have run, in the order in which they were reached; not those that undo."""
    runs = NodeRun.objects.filter(execution=execution).exclude(branch__lt=0).order_by("index")
    return list(dict.fromkeys(runs.values_list("node_id", flat=True)))


def _versions(execution: Execution) -> list[WorkflowVersion]:
    """The newest, without their definitions."""
    if execution.version.workflow_id is None:
        return []
    found = WorkflowVersion.objects.filter(workflow=execution.version.workflow_id).order_by("-number")
    return list(found.only("number", "label")[:VERSIONS_SHOWN])


def _version(text: str) -> str | int:
    return int(text) if text.isdigit() and len(text) < 10 else text if text == "latest" else "original"


@dataclass(frozen=True, slots=True)
class _Sent:
    """A run form as it came back."""

    request: HttpRequest
    schema: dict[str, Any] | None
    shown: bool = True

    def start(
        self, begin: Callable[[dict[str, Any]], Execution], template: str, context: dict[str, Any]
    ) -> HttpResponse:
        """Go to the new execution, or show the form again with what is wrong beside the fields."""
        try:
            value = read(self.schema, self.request.POST) if self.shown else {}
            return redirect("c4c:execution", begin(value).pk)
        except (Unreadable, InvalidInput) as problem:
            return show(self.request, template, context | {"form": self._again(problem.problems)}, status=400)
        except WorkflowNotFound as problem:
            return say(self.request, 404, "Workflow not found", str(problem))
        except ExecutionError as problem:
            return say(self.request, 409, "It could not be started", str(problem))

    def _again(self, problems: list[dict[str, Any]]) -> RunForm:
        posted = self.request.POST
        mode = posted.get("mode", "json") if self.shown else ""
        text = posted.get("json") if mode == "json" else None
        return run_form(self.schema, typed(self.schema, posted), mode=mode, text=text, problems=problems)
