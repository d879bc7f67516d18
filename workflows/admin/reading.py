"""Admin pages for what the engine owns: they show, and neither add, change nor delete."""

from __future__ import annotations

from typing import Any

import orjson
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from workflows.admin.keyset import KeysetChangeList


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs only
    """Lists page by keyset, newest first, and are never counted, so they stay fast at any size."""

    keyset: tuple[str, ...] = ("id",)
    """The fields that a list is ordered by, all descending; together unique, and indexed as such."""
    heavy: tuple[str, ...] = ()
    """Fields that a list does not read."""
    list_per_page = 100
    show_full_result_count = False
    sortable_by = ()

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[KeysetChangeList]:
        return KeysetChangeList

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        return tuple(f"-{field}" for field in self.keyset)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        found = super().get_queryset(request)
        return found.defer(*self.heavy) if _is_list(request) else found

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def pretty(value: object) -> str:
    """JSON as a person reads it."""
    if value is None:
        return ""
    return format_html("<pre>{}</pre>", orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())


def link(text: object, url_name: str, *args: object, query: str = "") -> SafeString:
    return format_html('<a href="{}{}">{}</a>', reverse(url_name, args=args), query, text)


def _is_list(request: HttpRequest) -> bool:
    match = request.resolver_match
    return match is not None and (match.url_name or "").endswith("_changelist")
