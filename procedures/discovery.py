"""Where procedures come from: the ``procedures`` module of every installed app."""

from __future__ import annotations

import traceback
from importlib import import_module

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import module_has_submodule

MODULE = "procedures"


def discover() -> None:
    """Raises ``ImproperlyConfigured`` naming the module that cannot be imported, and the line."""
    for config in apps.get_app_configs():
        if module_has_submodule(config.module, MODULE):
            _load(f"{config.name}.{MODULE}")


def _load(module: str) -> None:
    try:
        import_module(module)
    except Exception as error:  # a module is any code
        reason = f"{type(error).__name__}: {error}"
        raise ImproperlyConfigured(f"{module} cannot be imported, {_place(error)}: {reason}") from error


def _place(error: Exception) -> str:
    """The last line of a module's own code that was running."""
    if isinstance(error, SyntaxError):
        return f"{error.filename}:{error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.name == "<module>" and not frame.filename.startswith("<")]
    last = (own or frames)[-1]
    return f"{last.filename}:{last.lineno}"
