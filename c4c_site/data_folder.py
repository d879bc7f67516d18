"""The folder of what the reference site keeps: the embedded database and its secret key."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured
from django.core.management.utils import get_random_secret_key


def data_folder(named: str, site: Path) -> Path:
    """``C4C_DATA_DIR``; else ``.c4c`` beside manage.py; else, installed from a wheel, the user's own."""
    if named:
        return Path(named).expanduser().absolute()
    if (site / "manage.py").exists():
        return site / ".c4c"
    shared = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(shared).expanduser() / "c4c"


def secret_key(folder: Path) -> str:
    """This installation's own key: made once, readable by its owner only."""
    path = folder / "secret_key"
    try:
        if not path.exists():
            _make(path)
        return path.read_text().strip()
    except OSError as error:
        raise ImproperlyConfigured(
            f"cannot keep a secret key in {folder} ({error.strerror}): set SECRET_KEY, or C4C_DATA_DIR"
        ) from error


def make_folder(folder: Path) -> None:
    """Closed to others; as root, open to walk through for the account that runs the embedded database."""
    folder.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)


def _make(path: Path) -> None:
    """Whole or not at all, and the first of several processes wins."""
    make_folder(path.parent)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text(get_random_secret_key())
    with suppress(FileExistsError):
        os.link(draft, path)
    draft.unlink()
