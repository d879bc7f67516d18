"""The two streams, to be included under ``workflow/`` and ``api/workflow/``."""

from django.urls import re_path

from executions.database import by_itself
from executions.streams.views import execution_stream, executions_stream

ONE = r"^executions/(?P<execution_id>[^/]+)/stream/?$"

urlpatterns = [
    re_path(ONE, by_itself(execution_stream), name="execution-stream"),
    re_path(r"^executions-stream/?$", by_itself(executions_stream), name="executions-stream"),
]
