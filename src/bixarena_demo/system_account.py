"""The system account that the embedded PostgreSQL runs as, and folders that it can reach."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Account", "temporary_folder"]


@dataclass(frozen=True)
class Account:
    """Our own account, or an unprivileged one where we are root: PostgreSQL refuses root."""

    uid: int
    gid: int

    @classmethod
    def choose(cls) -> Account:
        """Take our own account, or ``nobody``'s when we are root."""
        if os.geteuid() != 0:
            return cls(os.geteuid(), os.getegid())
        nobody = pwd.getpwnam("nobody")
        return cls(nobody.pw_uid, nobody.pw_gid)

    @property
    def is_ours(self) -> bool:
        """Whether programs run as this account without changing to it."""
        return self.uid == os.geteuid()

    def reaches(self, folder: Path) -> bool:
        """Return whether the account may walk down to ``folder``, by the mode of each above it."""
        return self.is_ours or all(self._may_enter(part) for part in (folder, *folder.parents))

    def _may_enter(self, folder: Path) -> bool:
        status = folder.stat()
        if status.st_uid == self.uid:
            return bool(status.st_mode & 0o100)
        if status.st_gid == self.gid:
            return bool(status.st_mode & 0o010)
        return bool(status.st_mode & 0o001)

    def own(self, folder: Path) -> None:
        """Give ``folder`` and all in it to the account, closed to everybody else."""
        folder.chmod(0o700)
        if self.is_ours:
            return
        os.chown(folder, self.uid, self.gid)
        for parent, folders, files in os.walk(folder):
            for name in (*folders, *files):
                os.chown(Path(parent, name), self.uid, self.gid, follow_symlinks=False)

    def popen(
        self, command: list[str], *, feed: int = subprocess.DEVNULL, output: int
    ) -> subprocess.Popen[bytes]:
        """Start a program as this account, in its own session: Ctrl-C is for us, not for it.

        Args:
            command: The program and its arguments.
            feed: Its standard input, as ``subprocess`` takes it.
            output: Its standard output and error.
        """
        return subprocess.Popen(
            command,
            stdin=feed,
            stdout=output,
            stderr=subprocess.STDOUT,
            user=None if self.is_ours else self.uid,
            group=None if self.is_ours else self.gid,
            extra_groups=None if self.is_ours else [],
            cwd="/",
            start_new_session=True,
            # Not the whole environment: it would read our PGDATA or PGPORT.
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"},
        )


@contextmanager
def temporary_folder(account: Account) -> Iterator[Path]:
    """Make a folder that ``account`` owns and can reach, and remove it at the end.

    Raises:
        FileNotFoundError: Every temporary folder of this machine is closed to the account.
    """
    candidates = [Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")]  # noqa: S108 - only parents for mkdtemp
    parent = next((c for c in candidates if c.is_dir() and account.reaches(c.resolve())), None)
    if parent is None:
        tried = ", ".join(map(str, candidates))
        raise FileNotFoundError(
            f"no temporary folder is open to user {account.uid}, tried {tried}"
        )
    folder = Path(tempfile.mkdtemp(prefix="bixarena-postgres-", dir=parent)).resolve()
    account.own(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
