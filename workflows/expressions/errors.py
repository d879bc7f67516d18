"""The one error of this package."""

from __future__ import annotations


class ExpressionError(ValueError):
    """An expression that cannot be read, or that cannot be evaluated on what is in reach."""
