"""Who sits at the command line."""

from __future__ import annotations

import getpass


def person() -> str:
    """As commands and events name them."""
    try:
        return f"{getpass.getuser()} (command line)"
    except (KeyError, OSError, ImportError):  # a user id without a name
        return "command line"
