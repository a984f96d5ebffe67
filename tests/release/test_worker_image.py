"""The image's script, on stand-ins for docker and skopeo that note what they are asked.

The stand-in for a container runs the worker as a process of this machine.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from bixarena_constructs.deployment import WORKER_IMAGE
from bixarena_constructs.worker.contract import RELEASE

ROOT = Path(__file__).parents[2]
DIGEST = f"sha256:{'1' * 64}"
IMAGE = f"{WORKER_IMAGE}:{RELEASE}"
DOCKER = """
import json, os, subprocess, sys
words = sys.argv[1:]
with open(os.environ["NOTES"], "a") as notes:
    notes.write(json.dumps(words) + "\\n")
tagged = open(os.environ["NOTES"]).read().split('"--tag", "')
known = [*os.environ["KNOWN"].split(), *tagged]
match words:
    case [_, "imagetools", "inspect", name, *_] if any(each.startswith(name) for each in known):
        print(os.environ["DIGEST"])
    case ["buildx", "imagetools" | "inspect", *_] if "create" not in words:
        sys.exit(1)
    case ["run", *_, "--entrypoint", "python", _, "-c", program]:
        os.execv(os.environ["CONTAINER"], [os.environ["CONTAINER"], "-c", program])
    case ["run", *_]:
        words = [os.environ["CONTAINER"], "-m", "bixarena_constructs.worker"]
        os.execve(words[0], words, {})
"""
SKOPEO = DOCKER.partition("match")[0]


class Machine:
    """A PATH with both stand-ins, and what they were asked."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._notes = folder / "notes"
        self.known = ["python:3.13-slim-bookworm"]
        self.container = sys.executable
        for name, program in (("docker", DOCKER), ("skopeo", SKOPEO)):
            stand_in = folder / name
            stand_in.write_text(f"#!{sys.executable}\n{program}")
            stand_in.chmod(0o755)

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(ROOT / "tools" / "release" / "worker_image.py"), *words],
            env={
                "PATH": os.pathsep.join([str(self._folder), os.environ["PATH"]]),
                "NOTES": str(self._notes),
                "DIGEST": DIGEST,
                "KNOWN": " ".join(self.known),
                "CONTAINER": self.container,
                "GITHUB_OUTPUT": str(self._folder / "outputs"),
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def asked(self) -> list[list[str]]:
        return [json.loads(line) for line in self._notes.read_text().splitlines()]

    def outputs(self) -> str:
        return (self._folder / "outputs").read_text()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def archive(folder: Path, name: str) -> Path:
    """An OCI archive as buildx writes it, as far as its index."""
    index = json.dumps({"manifests": [{"digest": f"sha256:{name}"}]}).encode()
    path = folder / f"{name}.tar"
    with tarfile.open(path, "w") as files:
        entry = tarfile.TarInfo("index.json")
        entry.size = len(index)
        files.addfile(entry, io.BytesIO(index))
    return path


def test_builds_from_a_digest_with_sbom_and_provenance(machine: Machine) -> None:
    done = machine.run("build", "worker.tar")
    assert done.returncode == 0, done.stderr
    build = " ".join(machine.asked()[-1])
    assert f"--build-arg BASE=python@{DIGEST} " in build
    assert "--provenance mode=max --sbom true" in build
    assert f"--label=org.opencontainers.image.version={RELEASE} " in build
    assert "--output type=oci,dest=worker.tar" in build
    assert build.endswith("src/bixarena_constructs/worker")


def test_tries_the_archive_without_privileges(machine: Machine, tmp_path: Path) -> None:
    # A container in which nobody is root.
    container = tmp_path / "python"
    container.write_text(
        f'#!/bin/sh\n[ "$1" = -m ] || set -- -c "import os; os.getuid = lambda: 65532\n$2"\n'
        f'exec {sys.executable} "$@"\n'
    )
    container.chmod(0o755)
    machine.container = str(container)
    done = machine.run("try", "worker.tar")
    assert done.returncode == 0, done.stderr
    copied, *runs = machine.asked()
    assert copied[:2] == ["copy", "oci-archive:worker.tar"]
    assert len(runs) == 2
    for words in runs:
        assert {"--read-only", "--cap-drop", "ALL", "--network", "none"} <= set(words)


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("exit 0", "ended with 0, expected 2"),
        ('echo \'{"event": "run_failed", "faults": []}\'; exit 2', "without settings logged"),
        (
            f'[ "$1" = -c ] && {{ echo "9.9.9 x86_64 True"; exit; }}; exec {sys.executable} "$@"',
            "are ['9.9.9', 'x86_64', 'True']; they must be",
        ),
    ],
)
def test_refuses_an_image_that_does_something_else(
    machine: Machine, tmp_path: Path, program: str, message: str
) -> None:
    container = tmp_path / "python"
    container.write_text(f"#!/bin/sh\n{program}\n")
    container.chmod(0o755)
    machine.container = str(container)
    done = machine.run("try", "worker.tar")
    assert done.returncode == 1
    assert message in done.stderr


def test_publishes_the_archives_themselves_under_the_version(
    machine: Machine, tmp_path: Path
) -> None:
    archives = [archive(tmp_path, name) for name in ("amd", "arm")]
    done = machine.run("publish", *map(str, archives))
    assert (done.returncode, done.stdout) == (0, f"published {IMAGE}@{DIGEST}\n"), done.stderr
    assert machine.outputs() == f"image={WORKER_IMAGE}\ndigest={DIGEST}\n"
    inspected, *copied, created, _ = machine.asked()
    assert inspected == ["buildx", "imagetools", "inspect", IMAGE]
    assert [words[-2:] for words in copied] == [
        [f"oci-archive:{path}", f"docker://{WORKER_IMAGE}@sha256:{path.stem}"] for path in archives
    ]
    assert all("--preserve-digests" in words for words in copied)
    pushed = [f"{WORKER_IMAGE}@sha256:{path.stem}" for path in archives]
    assert created == ["buildx", "imagetools", "create", "--tag", IMAGE, *pushed]


def test_publishes_a_version_once(machine: Machine, tmp_path: Path) -> None:
    machine.known.append(IMAGE)
    done = machine.run("publish", str(archive(tmp_path, "amd")))
    assert done.returncode == 1
    assert done.stderr == (f"error: {IMAGE} is published already; a version is published once\n")
    assert len(machine.asked()) == 1
