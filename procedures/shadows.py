"""Someone's own top-level ``workflows.py`` or ``executions/`` hides our package of that name.

A module that hides this package is not seen from here: there, Python's own ImportError names its file.
"""

from __future__ import annotations

from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

HERE = Path(__file__).resolve().parent
BESIDE = ("workflows", "executions")
"""The packages that are installed beside this one; the later needs the earlier."""


def shadows() -> dict[str, str]:
    """Installed apps that are not ours though they have the name of one: the name, and where it lies."""
    return {name: place for name in BESIDE if _is_installed(name) and (place := _elsewhere(name))}


def require_none_needed() -> None:
    """Called before the apps' models are loaded, which would fail in a way that nobody understands.

    Raises ``ImproperlyConfigured``. Where nothing of ours needs what is hidden, a system check tells of it.
    """
    found = shadows()
    if "workflows" in found and "executions" not in found and _is_installed("executions"):
        raise ImproperlyConfigured(said("workflows", found["workflows"]))


def said(name: str, place: str) -> str:
    return f"{place} hides the package {name} of django-c4c; give it another name"


def _is_installed(name: str) -> bool:
    return any(entry == name or entry.startswith(f"{name}.") for entry in settings.INSTALLED_APPS)


def _elsewhere(name: str) -> str:
    """Where the package lies, if that is not beside this one."""
    try:
        spec = find_spec(name)
    except ValueError:  # imported by something that told nothing of its origin
        return f"a module {name} of unknown origin"
    place = _place(spec) if spec else None
    return "" if place is None or place == HERE.parent / name / "__init__.py" else str(place)


def _place(spec: ModuleSpec) -> Path | None:
    places = [spec.origin] if spec.origin else list(spec.submodule_search_locations or [])
    return Path(places[0]).resolve() if places else None
