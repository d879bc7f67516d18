"""The site's addresses: streams, API, pages, admin."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("workflow/", include("executions.streams.urls")),
    path("api/workflow/", include("executions.streams.urls")),
    path("", include("executions.api.urls")),
    path("", include("executions.ui.urls")),
    path("admin/", admin.site.urls),
]
