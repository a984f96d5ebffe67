"""Wait until a package index has what was built: ``compare_index.py https://.../simple dist``.

The index must have each file of the folder, with the same SHA-256 digest.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from pathlib import Path
from typing import Final
from urllib.error import HTTPError
from urllib.request import Request, urlopen

_PROJECT: Final = "bixarena-constructs"
_ATTEMPTS: Final = 30
_PAUSE_SECONDS: Final = 10
_NOT_FOUND: Final = 404


class OtherFilesError(Exception):
    """The index has other files, or none."""


def compare(index: str, folder: Path, *, attempts: int, pause: float) -> None:
    """Compare the files of a folder with those of the index.

    Args:
        index: Address of its simple API.
        folder: The distributions that were uploaded.
        attempts: How often to ask, as an index shows an upload only after a while.
        pause: Seconds between two attempts.

    Raises:
        OtherFilesError: A file differs, or is not there in time.
    """
    built = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in [*folder.glob("*.whl"), *folder.glob("*.tar.gz")]
    }
    if not built:
        raise OtherFilesError(f"{folder} holds no wheel and no sdist")
    for attempt in range(attempts):
        listed = _digests(index)
        missing = sorted(built.keys() - listed.keys())
        if not missing:
            break
        if attempt < attempts - 1:
            time.sleep(pause)
    else:
        raise OtherFilesError(f"{index} has no {', '.join(missing)}")
    for name, digest in built.items():
        if listed[name] != digest:
            raise OtherFilesError(f"{name} is {digest} here, and {listed[name]} at {index}")


def _digests(index: str) -> dict[str, str]:
    request = Request(  # noqa: S310 - the index of the command line
        f"{index.rstrip('/')}/{_PROJECT}/",
        headers={"Accept": "application/vnd.pypi.simple.v1+json", "Cache-Control": "no-cache"},
    )
    try:
        with urlopen(request, timeout=60) as answer:  # noqa: S310 - likewise
            files = json.load(answer)["files"]
    except HTTPError as error:
        error.close()
        if error.code == _NOT_FOUND:
            return {}
        raise
    return {file["filename"]: file["hashes"]["sha256"] for file in files}


if __name__ == "__main__":
    try:
        compare(sys.argv[1], Path(sys.argv[2]), attempts=_ATTEMPTS, pause=_PAUSE_SECONDS)
    except OtherFilesError as error:
        sys.exit(f"error: {error}")
