"""Expressions in definitions: read once, checked before they run, bounded in what they may cost.

Two dialects: CEL, and the JavaScript-style conditions and ``{{ … }}`` of the seeds.
"""

from workflows.expressions.errors import ExpressionError
from workflows.expressions.expression import Expression, expression
from workflows.expressions.templates import Template, template

__all__ = ["Expression", "ExpressionError", "Template", "expression", "template"]
