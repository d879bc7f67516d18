"""Who uses the server: file locks, which the kernel lets go however a process ends."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from c4c_site.postgres.errors import ServerError


class Sharing:
    """The two locks of a data folder.

    ``alone()`` is held for moments, by whoever starts or stops the server. A *share* is held by every process
    that uses the server, for as long as it does. Shares are taken and given back under ``alone()`` only, so
    that nobody starts using a server which is just being stopped.
    """

    def __init__(self, home: Path) -> None:
        self._door = home / "postgres.lock"
        self._users = home / "postgres.users"
        self._share: int | None = None
        self._holder = 0

    @property
    def held(self) -> bool:
        """Whether this process has its share; a fork has not, although it inherits the file."""
        return self._share is not None and self._holder == os.getpid()

    @contextmanager
    def alone(self) -> Iterator[None]:
        descriptor = _opened(self._door)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def join(self) -> None:
        if self.held:
            return
        descriptor = _opened(self._users)
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        self._share, self._holder = descriptor, os.getpid()

    def leave(self) -> None:
        if self.held and self._share is not None:
            os.close(self._share)
        self._share = None

    def others(self) -> bool:
        """Whether another process has a share. Ours, if we had one, is given back."""
        self.leave()
        descriptor = _opened(self._users)
        try:
            with suppress(BlockingIOError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return False
            return True
        finally:
            os.close(descriptor)


def _opened(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except PermissionError as error:
        raise ServerError(
            f"{path.parent} belongs to another user: run as that user, or set C4C_DATA_DIR or DATABASE_URL"
        ) from error
