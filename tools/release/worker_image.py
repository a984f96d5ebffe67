"""Build, try and publish the worker's image; what is published is the archive that was tried.

``worker_image.py build|try ARCHIVE`` and ``worker_image.py publish ARCHIVE...``. It runs docker
with buildx, and skopeo; nothing of the package needs to be installed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).parents[2]
sys.path.insert(0, str(_ROOT / "src"))

from bixarena_constructs.deployment import WORKER_IMAGE  # noqa: E402 - from the checkout
from bixarena_constructs.worker.contract import RELEASE, SETTINGS, Event  # noqa: E402 - likewise

_SOURCE: Final = "https://github.com/Sage-Bionetworks/bixarena-constructs"
_CONTEXT: Final = _ROOT / "src" / "bixarena_constructs" / "worker"
_BUILDER: Final = "bixarena-constructs"
_TRIAL: Final = "bixarena-constructs-worker:trial"
_ARCHITECTURES: Final = {"aarch64": "arm64", "arm64": "arm64", "x86_64": "amd64"}
_REQUIRED_VARIABLES: Final = 4


class ImageError(Exception):
    """The image is not what it should be, or a program failed."""


def build(archive: Path) -> None:
    """Build the image for this machine's architecture, with its SBOM and provenance.

    Args:
        archive: Where to write it, as an OCI archive.
    """
    named = re.search(r"^ARG BASE=(\S+)", (_CONTEXT / "Dockerfile").read_text(), re.MULTILINE)
    if named is None:
        raise ImageError("the Dockerfile has no ARG BASE")
    # What the tag means today; the digest becomes a part of the provenance.
    digest = _run(
        *("docker", "buildx", "imagetools", "inspect", named[1]),
        *("--format", "{{ .Manifest.Digest }}"),
    )
    # The default builder makes neither SBOM nor OCI archives.
    if _fails("docker", "buildx", "inspect", _BUILDER):
        _run("docker", "buildx", "create", "--name", _BUILDER, "--driver", "docker-container")
    labels = {
        "source": _SOURCE,
        "version": RELEASE,
        "revision": _run("git", "-C", str(_ROOT), "rev-parse", "HEAD"),
        "licenses": "Apache-2.0",
    }
    _run(
        *("docker", "buildx", "build", "--builder", _BUILDER),
        *("--platform", f"linux/{_architecture()}"),
        *("--build-arg", f"BASE={named[1].partition(':')[0]}@{digest.strip()}"),
        *(
            f"--label=org.opencontainers.image.{name}={text.strip()}"
            for name, text in labels.items()
        ),
        *("--provenance", "mode=max", "--sbom", "true"),
        *("--output", f"type=oci,dest={archive}", str(_CONTEXT)),
    )


def try_out(archive: Path) -> None:
    """Start the image with no privilege, no network and nothing writable.

    Without settings it names all of them in JSON and exits with 2.

    Args:
        archive: As `build` wrote it.

    Raises:
        ImageError: It does something else.
    """
    _run("skopeo", "copy", f"oci-archive:{archive}", f"docker-daemon:{_TRIAL}")
    confined = ["docker", "run", "--rm", "--read-only", "--cap-drop", "ALL", "--network", "none"]
    output = _run(*confined, _TRIAL, code=SETTINGS.exit_code)
    last = json.loads(output.splitlines()[-1])
    if last["event"] != Event.RUN_FAILED or len(last["faults"]) < _REQUIRED_VARIABLES:
        raise ImageError(f"the image without settings logged {output}")
    program = (
        "import os, platform; from bixarena_constructs.worker.contract import RELEASE; "
        "print(RELEASE, platform.machine(), os.getuid() != 0)"
    )
    found = _run(*confined, "--entrypoint", "python", _TRIAL, "-c", program).split()
    expected = [RELEASE, platform.machine(), "True"]
    if found != expected:
        raise ImageError(
            f"version, architecture and 'runs as another user than root' are {found}; "
            f"they must be {expected}"
        )


def publish(archives: list[Path]) -> None:
    """Push the archives, and tag all of them together with the version.

    Args:
        archives: One for each architecture; they were built and tried.

    Raises:
        ImageError: The version is published already.
    """
    image = f"{WORKER_IMAGE}:{RELEASE}"
    inspect = ["docker", "buildx", "imagetools", "inspect", image]
    if not _fails(*inspect):
        raise ImageError(f"{image} is published already; a version is published once")
    pushed = []
    for archive in archives:
        by_digest = f"{WORKER_IMAGE}@{_digest(archive)}"
        _run(
            *("skopeo", "copy", "--all", "--preserve-digests"),
            *(f"oci-archive:{archive}", f"docker://{by_digest}"),
        )
        pushed.append(by_digest)
    _run("docker", "buildx", "imagetools", "create", "--tag", image, *pushed)
    digest = _run(*inspect, "--format", "{{ .Manifest.Digest }}").strip()
    sys.stdout.write(f"published {image}@{digest}\n")
    if "GITHUB_OUTPUT" in os.environ:
        with Path(os.environ["GITHUB_OUTPUT"]).open("a") as outputs:
            outputs.write(f"image={WORKER_IMAGE}\ndigest={digest}\n")


def _architecture() -> str:
    machine = platform.machine()
    if machine not in _ARCHITECTURES:
        raise ImageError(f"no image is published for {machine}, only for amd64 and arm64")
    return _ARCHITECTURES[machine]


def _digest(archive: Path) -> str:
    with tarfile.open(archive) as files:
        index = files.extractfile("index.json")
        if index is None:
            raise ImageError(f"{archive} is no OCI archive: index.json is missing")
        (manifest,) = json.load(index)["manifests"]
    return str(manifest["digest"])


def _fails(*words: str) -> bool:
    return subprocess.run(words, capture_output=True, check=False).returncode != 0


def _run(*words: str, code: int = 0) -> str:
    """Run a program and return its output; its errors are shown as they come."""
    try:
        done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=False)
    except FileNotFoundError as error:
        raise ImageError(f"{words[0]} is not installed") from error
    if done.returncode != code:
        raise ImageError(
            f"{' '.join(words)} ended with {done.returncode}, expected {code}\n{done.stdout}"
        )
    return done.stdout


def main() -> None:
    """Carry out one command."""
    parser = argparse.ArgumentParser(description="Build, try and publish the worker's image.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("build", "try"):
        commands.add_parser(name).add_argument("archive", type=Path)
    commands.add_parser("publish").add_argument("archives", type=Path, nargs="+")
    options = parser.parse_args()
    try:
        match options.command:
            case "build":
                build(options.archive)
            case "try":
                try_out(options.archive)
            case _:
                publish(options.archives)
    except ImageError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
