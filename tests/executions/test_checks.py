"""What the system checks say of a project with several databases."""

from __future__ import annotations

from typing import Any

from executions.checks import check_database


class Astray:
    def db_for_write(self, model: Any, **hints: Any) -> str | None:
        return "elsewhere" if model._meta.app_label == "c4c_executions" else None


def test_a_router_that_leads_the_engines_tables_elsewhere_is_an_error(settings: Any) -> None:
    assert check_database() == []
    settings.DATABASE_ROUTERS = [Astray()]
    [message] = check_database()
    assert (message.id, "'elsewhere'" in message.msg) == ("c4c.E102", True)
