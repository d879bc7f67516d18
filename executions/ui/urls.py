"""The pages' addresses; each works with and without a trailing slash."""

from __future__ import annotations

from django.urls import re_path
from django.views.generic import RedirectView

from executions.ui.actions import VERBS, act
from executions.ui.detail import execution
from executions.ui.listing import executions
from executions.ui.runs import edit, run
from executions.ui.theme import theme

app_name = "c4c"

ID = r"(?P<execution_id>[A-Za-z0-9_-]{1,64})"

urlpatterns = [
    re_path(r"^$", RedirectView.as_view(pattern_name="c4c:executions"), name="home"),
    re_path(r"^executions/?$", executions, name="executions"),
    re_path(rf"^executions/{ID}/?$", execution, name="execution"),
    re_path(rf"^executions/{ID}/edit/?$", edit, name="edit"),
    re_path(rf"^executions/{ID}/(?P<verb>{'|'.join(VERBS)})/?$", act, name="act"),
    re_path(r"^run/?$", run, name="run"),
    re_path(r"^theme/?$", theme, name="theme"),
]
