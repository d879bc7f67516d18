"""A procedure's contract: what goes in and what comes out, as types, checks and JSON Schema (2020-12).

Made from the handler's own annotations. Either it takes one pydantic model, or its parameters are the fields.
JSON's types are taken strictly (``"5"`` is no number, 5.0 is an integer as in JSON Schema), dates and the
like from their text; fields that the contract does not name are dropped.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import PydanticUserError

from procedures.errors import BadProcedure
from procedures.inputs import Input
from procedures.outputs import Output
from procedures.schemas import is_object, properties
from procedures.signatures import Signature, read
from procedures.storable import unstorable

__all__ = ["Contract", "unstorable"]


class Contract:
    """``fields`` are the input's names on the wire; ``secrets`` those of them that are never to be shown,
    ``output_secrets`` the output's. ``context_parameter`` is the handler's parameter for the context, if any.
    """

    def __init__(self, handler: Callable[..., Any], name: str) -> None:
        """Raises ``BadProcedure``."""
        signature = read(handler, name)
        self.context_parameter = signature.context_parameter
        self._model_parameter = signature.model_parameter
        self._input, self._output = _sides(signature)
        self.input_schema, self.output_schema = self._input.schema, self._output.schema
        self.secrets, self.output_secrets = self._input.secrets, self._output.secrets
        self.fields = tuple(properties(self.input_schema))
        if not is_object(self.input_schema):
            raise BadProcedure("its input must be an object with named fields")
        if signature.count is not None and signature.count != len(self.fields):
            raise BadProcedure("two of its fields have the same name on the wire")

    def validate_input(self, values: dict[str, Any]) -> dict[str, Any]:
        """The handler's keyword arguments. Raises ``InvalidInput`` with every problem."""
        found = self._input.validate(values)
        return found if self._model_parameter is None else {self._model_parameter: found}

    def dump_output(self, value: Any) -> Any:
        """The handler's answer as JSON data. Raises ``InvalidOutput`` with every problem."""
        return self._output.dump(value)


def _sides(signature: Signature) -> tuple[Input, Output]:
    try:
        return Input(signature.input_type), Output(signature.output_type)
    except (PydanticUserError, TypeError, ValueError, NameError) as error:
        raise BadProcedure(f"its contract cannot be read: {' '.join(str(error).split())}") from None
