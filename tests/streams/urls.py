"""The streams under both prefixes, django-eventstream's own view, and a page that is no stream."""

from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from django_eventstream import send_event


def send(request: HttpRequest) -> HttpResponse:
    send_event("third-party", "hello", {"from": "afar"})
    return HttpResponse("sent")


urlpatterns = [
    path("workflow/", include("executions.streams.urls")),
    path("api/workflow/", include("executions.streams.urls")),
    path("stock/", include("django_eventstream.urls")),
    path("send/", send),
    path("page/", lambda request: HttpResponse("a page " * 1000)),
]
