"""The columns that may hold sealed values. Whoever reads them with the ORM sees what may be shown."""

from __future__ import annotations

from typing import Any

import orjson
from django.db import models

from executions.vault.current import current_secrets
from executions.vault.stored import escaped, is_special, shown


class SealedField(models.JSONField):
    """JSON in which secrets read as ``***``, and a value in a file as ``Elsewhere``.

    What is written with the ORM is taken for plain data; inside an attempt what its execution knows to be
    secret is sealed. The journal writes sealed values, and claims read them, in SQL of their own.
    """

    def deconstruct(self) -> Any:
        """To the database it is a JSONField."""
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.JSONField", args, kwargs

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        if isinstance(value, str) and is_special(value.encode()):
            return shown(orjson.loads(value))
        return super().from_db_value(value, expression, connection)

    def get_prep_value(self, value: Any) -> Any:
        found = super().get_prep_value(value)
        return found if found is None or hasattr(found, "as_sql") else escaped(found, current_secrets())
