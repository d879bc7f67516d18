"""A change list that pages by keyset: the next page starts after the last row, however far down it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import Field, Model, Q, QuerySet
from django.http import HttpRequest

CURSOR = "after"
SEPARATOR = "~"


class KeysetChangeList(ChangeList):
    """For admins with ``keyset``. Neither counts nor skips rows: a page is one bounded index scan."""

    next_url: str | None
    first_url: str | None

    def get_filters_params(self, params: Any = None) -> dict[str, Any]:
        filters: dict[str, Any] = super().get_filters_params(params)
        filters.pop(CURSOR, None)
        return filters

    def get_query_string(self, new_params: Any = None, remove: Any = None) -> str:
        """Links to another filter or search start at its first page."""
        return super().get_query_string(new_params, [*(remove or ()), CURSOR])

    def get_results(self, request: HttpRequest) -> None:
        cursor = self.params.get(CURSOR)
        found = self._after(cursor) if cursor else self.queryset
        rows = list(found[: self.list_per_page + 1])
        page, more = rows[: self.list_per_page], len(rows) > self.list_per_page
        self.next_url = self.get_query_string({CURSOR: self._cursor(page[-1])}) if more else None
        self.first_url = self.get_query_string() if cursor else None
        self.result_list = page
        # What is shown is what is known; equal figures keep "select all on all pages" from being offered.
        self.result_count = self.full_result_count = len(page)
        self.show_full_result_count = self.can_show_all = self.multi_page = False
        self.show_admin_actions = True
        self.paginator = Paginator(page, self.list_per_page)

    def _after(self, cursor: str) -> QuerySet[Any]:
        keyset = self._keyset()
        texts = cursor.split(SEPARATOR, len(keyset) - 1)
        try:
            values = [field.to_python(text) for field, text in zip(keyset.values(), texts, strict=True)]
        except (ValueError, ValidationError) as error:
            raise IncorrectLookupParameters(str(error)) from error
        names = list(keyset)
        return self.queryset.filter(_behind(names, values), **{f"{names[0]}__lte": values[0]})

    def _cursor(self, row: Model) -> str:
        return SEPARATOR.join(field.value_to_string(row) for field in self._keyset().values())

    def _keyset(self) -> dict[str, Field[Any, Any]]:
        fields = {field.name: field for field in self.opts.concrete_fields}
        return {name: fields[name] for name in cast(Any, self.model_admin).keyset}


def _behind(keyset: Sequence[str], values: Sequence[Any]) -> Q:
    """Rows that come after ``values`` in descending order."""
    name, value = keyset[0], values[0]
    behind = Q(**{f"{name}__lt": value})
    if len(keyset) > 1:
        behind |= Q(**{name: value}) & _behind(keyset[1:], values[1:])
    return behind
