"""The input's side of a contract."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter, ValidationError

from procedures.errors import InvalidInput
from procedures.refusals import problems_of, with_integers
from procedures.schemas import schema_of, secrets_of
from procedures.storable import encoded, is_suspect, some, unstorable


class Input:
    def __init__(self, declared: Any) -> None:
        adapter: TypeAdapter[Any] = TypeAdapter(declared)
        self._validate_json = adapter.validator.validate_json
        self.schema = schema_of(adapter, "validation")
        self.secrets = secrets_of(self.schema)

    def validate(self, values: Any) -> Any:
        """An instance of the declared type. Judged by its JSON, where dates and the like are text."""
        try:
            text = encoded(values)
        except TypeError as error:
            found = some(unstorable(values))
            raise InvalidInput(
                found or [{"detail": f"the input is not JSON: {error}", "pointer": ""}]
            ) from None
        if is_suspect(text) and (found := some(unstorable(values))):
            raise InvalidInput(found)
        try:
            return self._validate_json(text, strict=True)
        except ValidationError as error:
            return self._validate_again(values, error)

    def _validate_again(self, values: Any, error: ValidationError) -> Any:
        """JSON Schema and JavaScript know no difference between 5 and 5.0; pydantic, strictly asked, does."""
        mended = with_integers(values, error)
        if mended is not None:
            try:
                return self._validate_json(encoded(mended), strict=True)
            except ValidationError as again:
                error = again
        raise InvalidInput(some(problems_of(error, values, self.secrets))) from None
