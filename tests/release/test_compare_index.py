"""What an index has is compared with what was built."""

from __future__ import annotations

import hashlib
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, ClassVar

import pytest
from tools.release.compare_index import OtherFilesError, compare

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WHEEL = "bixarena_constructs-1.0.0-py3-none-any.whl"
SDIST = "bixarena_constructs-1.0.0.tar.gz"


class Index(BaseHTTPRequestHandler):
    answers: ClassVar[list[dict[str, str] | None]] = []

    def do_GET(self) -> None:
        files = self.answers.pop(0)
        self.send_response(404 if files is None else 200)
        self.end_headers()
        listed = [
            {"filename": name, "hashes": {"sha256": digest}}
            for name, digest in (files or {}).items()
        ]
        self.wfile.write(json.dumps({"files": listed}).encode())

    def log_message(self, *_: object) -> None:
        """Keep the output of the tests clean."""


@pytest.fixture
def index() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Index) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/simple"
        server.shutdown()
        thread.join()


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    for name in (WHEEL, SDIST):
        (tmp_path / name).write_text(name)
    return tmp_path


def digests(*names: str) -> dict[str, str]:
    return {name: hashlib.sha256(name.encode()).hexdigest() for name in names}


def test_waits_until_the_index_shows_both_files(index: str, dist: Path) -> None:
    Index.answers = [None, digests(WHEEL), digests(WHEEL, SDIST)]
    compare(index, dist, attempts=3, pause=0)
    assert Index.answers == []


def test_refuses_another_file_under_the_same_name(index: str, dist: Path) -> None:
    Index.answers = [{**digests(WHEEL), SDIST: "0" * 64}]
    with pytest.raises(OtherFilesError, match=f"{SDIST} is [0-9a-f]{{64}} here, and 0{{64}} at"):
        compare(index, dist, attempts=1, pause=0)


def test_names_what_does_not_come_in_time(index: str, dist: Path) -> None:
    Index.answers = [digests(WHEEL), digests(WHEEL)]
    with pytest.raises(OtherFilesError, match=f"has no {SDIST}"):
        compare(index, dist, attempts=2, pause=0)


def test_refuses_a_folder_without_distributions(tmp_path: Path) -> None:
    with pytest.raises(OtherFilesError, match="holds no wheel and no sdist"):
        compare("http://127.0.0.1:9/simple", tmp_path, attempts=1, pause=0)
