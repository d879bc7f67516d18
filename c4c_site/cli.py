"""The program ``c4c``: the command of the nearest project, else of the reference site."""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path

from django.core.management import execute_from_command_line


def main() -> None:
    """``c4c …`` is ``manage.py c4c …`` of the first manage.py upward from here."""
    arguments = ["c4c", *sys.argv[1:]]
    project = nearest_project(Path.cwd())
    if project is None:
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "c4c_site.settings")
        execute_from_command_line([sys.argv[0], *arguments])
    else:
        sys.argv = [str(project), *arguments]
        sys.path.insert(0, str(project.parent))
        runpy.run_path(str(project), run_name="__main__")


def nearest_project(folder: Path) -> Path | None:
    """A manage.py of a Django project in ``folder`` or above it."""
    for place in (folder, *folder.parents):
        candidate = place / "manage.py"
        if candidate.is_file() and "DJANGO_SETTINGS_MODULE" in candidate.read_text(errors="replace"):
            return candidate
    return None
