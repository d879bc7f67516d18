"""The pages' addresses; each works with and without a trailing slash."""

from __future__ import annotations

from django.urls import re_path
from django.views.generic import RedirectView

from executions.ui.actions import VERBS, act
from executions.ui.bulk import begin, bulk, bulks, stop
from executions.ui.deciding import approvals, decide
from executions.ui.detail import execution
from executions.ui.listing import executions
from executions.ui.queues import hold, queues
from executions.ui.runs import edit, run
from executions.ui.theme import theme
from executions.ui.versions import migrate, versions, workflows

app_name = "c4c"

ID = r"(?P<execution_id>[A-Za-z0-9_-]{1,64})"
BULK = r"(?P<bulk_id>[A-Za-z0-9_-]{1,64})"
WORKFLOW = r"(?P<workflow_id>[^/\x00]{1,64})"

urlpatterns = [
    re_path(r"^$", RedirectView.as_view(pattern_name="c4c:executions"), name="home"),
    re_path(r"^executions/?$", executions, name="executions"),
    re_path(rf"^executions/{ID}/?$", execution, name="execution"),
    re_path(rf"^executions/{ID}/edit/?$", edit, name="edit"),
    re_path(rf"^executions/{ID}/decide/?$", decide, name="decide"),
    re_path(rf"^executions/{ID}/(?P<verb>{'|'.join(VERBS)})/?$", act, name="act"),
    re_path(r"^approvals/?$", approvals, name="approvals"),
    re_path(r"^bulk/?$", bulks, name="bulks"),
    re_path(r"^bulk/new/?$", begin, name="begin_bulk"),
    re_path(rf"^bulk/{BULK}/?$", bulk, name="bulk"),
    re_path(rf"^bulk/{BULK}/stop/?$", stop, name="stop_bulk"),
    re_path(r"^queues/?$", queues, name="queues"),
    re_path(r"^queues/(?P<name>[A-Za-z0-9_.-]{1,64})/(?P<verb>pause|resume)/?$", hold, name="hold_queue"),
    re_path(r"^workflows/?$", workflows, name="workflows"),
    re_path(rf"^workflows/{WORKFLOW}/?$", versions, name="versions"),
    re_path(rf"^workflows/{WORKFLOW}/migrate/?$", migrate, name="migrate"),
    re_path(r"^run/?$", run, name="run"),
    re_path(r"^theme/?$", theme, name="theme"),
]
