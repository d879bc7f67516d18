"""The two streams, to be included under ``workflow/`` and ``api/workflow/``."""

from django.urls import re_path

from executions.streams.views import execution_stream, executions_stream

urlpatterns = [
    re_path(r"^executions/(?P<execution_id>[^/]+)/stream/?$", execution_stream, name="execution-stream"),
    re_path(r"^executions-stream/?$", executions_stream, name="executions-stream"),
]
