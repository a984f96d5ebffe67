"""Containers as processes of this machine: a stand-in for images, a registry and a runtime.

Knows nothing of ECS but its words: an image, an entry point, a command, an environment.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock, Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = [
    "REMOVED_IMAGE",
    "ContainerProcess",
    "ContainerStartError",
    "Images",
    "Runtime",
    "base_environment",
    "kill_left_over",
]

REMOVED_IMAGE = "removed-image"
"""File in the private folder that names an image that cannot be pulled."""

# What the base images of Docker's library put on PATH.
_CONTAINER_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class ContainerStartError(Exception):
    """A container never ran; the message is what ECS would give as the reason."""


@dataclass(frozen=True)
class Images:
    """The images that can be pulled, each stood in for by a program.

    Attributes:
        entry_points: Repository of the image, without tag or digest, to the image's entry point.
        removed: File with the repository of an image that cannot be pulled for now.
    """

    entry_points: Mapping[str, Sequence[str]]
    removed: Path | None = None

    def entry_point_of(self, image: str) -> Sequence[str]:
        """Return the image's own entry point, whatever its tag or digest.

        Raises:
            ContainerStartError: No image of that repository can be pulled.
        """
        repository = image.partition("@")[0]
        if ":" in repository.rpartition("/")[2]:
            repository = repository.rpartition(":")[0]
        file = self.removed
        removed = file.read_text() if file and file.exists() else None
        if repository == removed or repository not in self.entry_points:
            raise ContainerStartError(
                f"CannotPullContainerError: pull image manifest has been retried 1 time(s): "
                f"failed to resolve ref {image}: {image}: not found"
            )
        return self.entry_points[repository]


def base_environment(folder: Path) -> dict[str, str]:
    """Return what an image sets by itself, with the folder as home, and nothing of the caller's.

    The interpreter's folder comes first on PATH: it stands in for the Python of the image.
    """
    return {
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "PATH": f"{Path(sys.executable).parent}:{_CONTAINER_PATH}",
        "TMPDIR": str(folder),
    }


class ContainerProcess:
    """A running container: one process group, the lines it writes, the code it exits with."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        folder: Path,
        on_line: Callable[[str], None],
    ) -> None:
        try:
            self._process = subprocess.Popen(
                list(command),
                cwd=folder,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                process_group=0,
            )
        except OSError as error:
            raise ContainerStartError(
                f"CannotStartContainerError: failed to create task for container: "
                f'exec: "{command[0] if command else ""}": {error.strerror}'
            ) from error
        self.folder = folder
        self._on_line = on_line
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def process_group(self) -> int:
        """The id that a signal to the whole container goes to."""
        return self._process.pid

    def _read(self) -> None:
        if self._process.stdout is None:
            return
        with self._process.stdout as stream:
            for line in stream:
                self._on_line(line.decode(errors="replace").rstrip("\r\n"))

    def wait(self) -> int:
        """Return the exit code as Docker reports it, once every line has been read.

        A container ends with its first process: what that one left behind is killed.
        """
        code = self._process.wait()
        self.signal(signal.SIGKILL)
        self._reader.join()
        return code if code >= 0 else 128 - code

    def stop(self, timeout_seconds: float) -> None:
        """Ask the first process to end, and kill the container if it has not in time."""
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            self.signal(signal.SIGKILL)

    def signal(self, number: signal.Signals) -> None:
        """Signal every process of the container, if there is any."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process_group, number)


class Runtime:
    """Starts containers and knows which ones run, so that none outlives it.

    Args:
        images: What can be run.
        folder: Private folder; holds a working folder for each container, and a file named
            after each running process group, by which the parent process can end what is left
            when this process could not.
    """

    def __init__(self, images: Images, folder: Path) -> None:
        self.images = images
        self._containers_folder = folder / "containers"
        self._groups_folder = folder / "process-groups"
        for each in (self._containers_folder, self._groups_folder):
            each.mkdir()
        self._running: set[ContainerProcess] = set()
        self._lock = Lock()
        self._closed = False

    def start(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        on_line: Callable[[str], None],
    ) -> ContainerProcess:
        """Start a container whose environment is the image's, then the given one.

        Raises:
            ContainerStartError: There is no such program, or everything is being ended.
        """
        folder = Path(tempfile.mkdtemp(dir=self._containers_folder))
        with self._lock:
            if self._closed:
                raise ContainerStartError("CannotStartContainerError: the host is shutting down")
            container = ContainerProcess(
                command,
                environment={**base_environment(folder), **environment},
                folder=folder,
                on_line=on_line,
            )
            self._running.add(container)
            (self._groups_folder / str(container.process_group)).touch()
        return container

    def wait(self, container: ContainerProcess) -> int:
        """Return a container's exit code once it has ended, and forget it."""
        code = container.wait()
        with self._lock:
            self._running.discard(container)
            shutil.rmtree(container.folder, ignore_errors=True)
            (self._groups_folder / str(container.process_group)).unlink(missing_ok=True)
        return code

    def kill_all(self) -> None:
        """End every container now, and start no other."""
        with self._lock:
            self._closed = True
            for container in self._running:
                container.signal(signal.SIGKILL)


def kill_left_over(folder: Path) -> None:
    """End the containers of a runtime whose own process is gone."""
    for entry in (folder / "process-groups").glob("*"):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(int(entry.name), signal.SIGKILL)
