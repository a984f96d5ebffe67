"""The local AWS's process as its caller sees it: started, awaited, ended, whatever happens."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from local_aws.containers import kill_left_over

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

__all__ = ["ACCOUNT", "REGION", "LocalAwsError", "await_answer", "serve"]

ACCOUNT = "000000000000"
REGION = "us-east-1"
_START_SECONDS = 30
_END_SECONDS = 10
_POLL_SECONDS = 0.05
_LOG_TAIL_LINES = 30


class LocalAwsError(Exception):
    """The local AWS did not start, refused an event, or a task did not end in time."""


@contextmanager
def serve(folder: Path, *, images: Mapping[str, Sequence[str]]) -> Iterator[int]:
    """Run the server with the block, and yield its port once it answers.

    Raises:
        LocalAwsError: It did not come up.
    """
    log_file = folder / "local-aws.log"
    # Bound here and handed down, so that nobody can take the port in between.
    with socket.create_server(("127.0.0.1", 0)) as listener, log_file.open("wb") as log:
        port: int = listener.getsockname()[1]
        process = subprocess.Popen(
            [sys.executable, "-m", "local_aws", str(listener.fileno())],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=_environment(folder, port=port),
            cwd=folder,
            pass_fds=[listener.fileno()],
            start_new_session=True,  # Ctrl-C is the caller's; the server follows its caller
        )
    try:
        _hand_over(process, {"folder": str(folder), "images": images})
        await_answer(process, port=port, log_file=log_file)
        yield port
    finally:
        _end(process, folder=folder)


def _environment(folder: Path, *, port: int) -> dict[str, str]:
    return {
        "BIND_HOST": "127.0.0.1",
        # Whatever Docker this machine has is none of its business.
        "DOCKER_HOST": f"unix://{folder / 'no-docker.sock'}",
        "GATEWAY_PORT": str(port),
        "HOME": str(folder),
        # Listeners of other services, on ports of their own.
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "MINISTACK_HOST": "127.0.0.1",
        "MINISTACK_REGION": REGION,
        "PATH": os.environ["PATH"],
        "PERSIST_STATE": "0",
        "S3_PERSIST": "0",
        "TMPDIR": str(folder),
    }


def _hand_over(process: subprocess.Popen[bytes], settings: Mapping[str, object]) -> None:
    """Write the settings; the pipe stays open, and closing it ends the child."""
    if process.stdin is not None:
        with suppress(BrokenPipeError):  # why it ended is in its log
            process.stdin.write(json.dumps(settings).encode() + b"\n")
            process.stdin.flush()


def await_answer(process: subprocess.Popen[bytes], *, port: int, log_file: Path) -> None:
    """Return once the server answers.

    Raises:
        LocalAwsError: It ended, or did not answer in time; the message has the end of its log.
    """
    url = f"http://127.0.0.1:{port}/_ministack/ready"
    # Without the proxies that the caller's environment may name.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise LocalAwsError(
                f"the local AWS ended with code {process.returncode}:\n{_tail(log_file)}"
            )
        try:
            with opener.open(url, timeout=1):
                return
        except OSError:
            time.sleep(_POLL_SECONDS)
    raise LocalAwsError(
        f"the local AWS did not answer within {_START_SECONDS} s:\n{_tail(log_file)}"
    )


def _tail(log_file: Path) -> str:
    return "\n".join(log_file.read_text(errors="replace").splitlines()[-_LOG_TAIL_LINES:])


def _end(process: subprocess.Popen[bytes], *, folder: Path) -> None:
    if process.stdin is not None:
        process.stdin.close()
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    kill_left_over(folder)
