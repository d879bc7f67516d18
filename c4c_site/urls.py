"""The site's addresses: API and streams, pages, admin."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("executions.api.urls")),
    path("", include("executions.ui.urls")),
    path("admin/", admin.site.urls),
]
