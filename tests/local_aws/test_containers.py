from __future__ import annotations

import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from local_aws.containers import (
    ContainerStartError,
    Images,
    Runtime,
    kill_left_over,
)

if TYPE_CHECKING:
    from local_aws.containers import ContainerProcess


@pytest.fixture
def runtime(tmp_path: Path) -> Runtime:
    return Runtime(Images({}), tmp_path)


def _start(
    runtime: Runtime, program: str, lines: list[str], **environment: str
) -> ContainerProcess:
    return runtime.start(
        [sys.executable, "-c", program], environment=environment, on_line=lines.append
    )


def _await_line(lines: list[str]) -> str:
    deadline = time.monotonic() + 60
    while not lines and time.monotonic() < deadline:
        time.sleep(0.01)
    return lines[0]


def _ends(process_id: int) -> bool:
    """Tell whether a process ends; one that was killed may take its time."""
    deadline = time.monotonic() + 30
    while _is_running(process_id):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def _is_running(process_id: int) -> bool:
    try:
        state = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.mark.parametrize(
    "image",
    [
        "ghcr.io/example/worker",
        "ghcr.io/example/worker:1.4.0",
        "ghcr.io/example/worker@sha256:0123",
        "ghcr.io/example/worker:1.4.0@sha256:0123",
    ],
)
def test_finds_an_images_entry_point_whatever_its_tag_or_digest(image: str) -> None:
    assert Images({"ghcr.io/example/worker": ["run"]}).entry_point_of(image) == ["run"]


@pytest.mark.parametrize(
    "image", ["localhost:5000/worker", "ghcr.io/example/worker-2:1", "worker:1"]
)
def test_cannot_pull_an_image_of_another_repository(image: str) -> None:
    images = Images({"ghcr.io/example/worker": ["run"], "localhost": ["run"]})
    with pytest.raises(ContainerStartError, match=f"CannotPullContainerError: .*{image}"):
        images.entry_point_of(image)


def test_gives_a_container_the_images_environment_under_its_own(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALLERS_SECRET", "1")
    lines: list[str] = []
    program = "import os; [print(f'{k}={v}') for k, v in sorted(os.environ.items())]"
    runtime.wait(_start(runtime, program, lines, LANG="de_DE.UTF-8", GREETING="hello"))
    names = [line.partition("=")[0] for line in lines]
    assert [name for name in names if name != "LC_CTYPE"] == [
        "GREETING",
        "HOME",
        "LANG",
        "PATH",
        "TMPDIR",
    ]
    assert "LANG=de_DE.UTF-8" in lines


def test_forwards_every_line_before_it_tells_the_exit_code(runtime: Runtime) -> None:
    lines: list[str] = []
    program = "import sys; [print(number) for number in range(2000)]; sys.exit(4)"
    assert runtime.wait(_start(runtime, program, lines)) == 4
    assert lines == [str(number) for number in range(2000)]


def test_ends_what_the_first_process_leaves_behind(runtime: Runtime) -> None:
    lines: list[str] = []
    program = (
        "import subprocess, sys;"
        "print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']).pid)"
    )
    assert runtime.wait(_start(runtime, program, lines)) == 0
    assert _ends(int(lines[0]))


def test_tells_an_end_by_a_signal_as_docker_does(runtime: Runtime) -> None:
    lines: list[str] = []
    container = _start(runtime, "import time; print(1, flush=True); time.sleep(600)", lines)
    _await_line(lines)
    container.stop(timeout_seconds=60)
    assert runtime.wait(container) == 128 + signal.SIGTERM


def test_removes_a_containers_files_with_it(runtime: Runtime, tmp_path: Path) -> None:
    lines: list[str] = []
    program = "import os; open('file', 'w').close(); print(os.getcwd())"
    runtime.wait(_start(runtime, program, lines))
    assert lines[0].startswith(str(tmp_path))
    assert [each for each in tmp_path.rglob("*") if not each.is_dir()] == []
    assert not Path(lines[0]).exists()


def test_ends_every_container_and_starts_no_other_once_told_to(runtime: Runtime) -> None:
    container = _start(runtime, "import time; time.sleep(600)", [])
    runtime.kill_all()
    assert runtime.wait(container) == 128 + signal.SIGKILL
    with pytest.raises(ContainerStartError, match="shutting down"):
        _start(runtime, "pass", [])


def test_ends_containers_whose_runtime_is_gone(runtime: Runtime, tmp_path: Path) -> None:
    container = _start(runtime, "import time; time.sleep(600)", [])
    kill_left_over(tmp_path)
    assert runtime.wait(container) == 128 + signal.SIGKILL
    assert list((tmp_path / "process-groups").iterdir()) == []
    kill_left_over(tmp_path)
