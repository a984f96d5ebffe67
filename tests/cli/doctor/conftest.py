"""A container registry on loopback that gives images for tokens only."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

TOKEN = "a-token-for-one-pull"
INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


@dataclass
class Registry:
    """What it is shown to do, and what it was asked."""

    host: str
    user: str = "octocat"
    password: str = "ghp_right"
    expires: str | None = None
    realm: str | None = None
    kind: str = "Bearer"
    anonymous: bool = False
    token_status: int = 200
    tag: str = "1.4.0"
    token: str | None = TOKEN
    manifest: object = None
    platforms: tuple[str, ...] = ("linux/amd64", "linux/arm64")
    as_index: bool = True
    answers_at_once: Event = field(default_factory=Event)
    asked: list[str] = field(default_factory=list)

    @property
    def image(self) -> str:
        return f"{self.host}/sage/worker:{self.tag}"


class _Handler(BaseHTTPRequestHandler):
    registry: ClassVar[Registry]

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        self.registry.asked.append(self.path)
        if url.path == "/token":
            self._token(parse_qs(url.query))
        elif self._is_let_in():
            self._pull(url.path)
        else:
            realm = self.registry.realm or f"http://{self.registry.host}/token"
            challenge = f'{self.registry.kind} realm="{realm}",service="the-registry"'
            self._say(401, {}, {"WWW-Authenticate": challenge})

    def _is_let_in(self) -> bool:
        if self.registry.kind == "Basic":
            return self._knows_the_password()
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def _knows_the_password(self) -> bool:
        known = f"{self.registry.user}:{self.registry.password}".encode()
        return self.headers.get("Authorization") == f"Basic {base64.b64encode(known).decode()}"

    def _token(self, query: dict[str, list[str]]) -> None:
        asked_well = query == {
            "service": ["the-registry"],
            "scope": ["repository:sage/worker:pull"],
        }
        if not asked_well or not (self.registry.anonymous or self._knows_the_password()):
            self._say(403, {"errors": [{"code": "DENIED"}]})
            return
        expiry = self.registry.expires
        headers = {"GitHub-Authentication-Token-Expiration": expiry} if expiry else {}
        self._say(self.registry.token_status, {"token": self.registry.token}, headers)

    def _pull(self, path: str) -> None:
        platforms = [
            dict(zip(("os", "architecture"), each.split("/"), strict=True))
            for each in self.registry.platforms
        ]
        if self.registry.manifest is not None:
            self._say(200, self.registry.manifest)
        elif path == "/v2/sage/worker/manifests/1.4.0" and self.registry.as_index:
            entries = [{"platform": each} for each in platforms]
            unknown = {"platform": {"os": "unknown", "architecture": "unknown"}}
            self._say(200, {"manifests": [*entries, unknown]}, {"Content-Type": INDEX})
        elif path == "/v2/sage/worker/manifests/1.4.0":
            config = {"config": {"digest": "sha256:c0ffee"}}
            self._say(200, config, {"Content-Type": MANIFEST})
        elif path == "/v2/sage/worker/blobs/sha256:c0ffee":
            self._say(200, platforms[0])
        else:
            self._say(404, {"errors": [{"code": "MANIFEST_UNKNOWN"}]})

    def _say(self, status: int, body: object, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if not self.registry.answers_at_once.is_set():
            # A byte now and then, until the test ends.
            while not self.registry.answers_at_once.wait(0.02):
                self.wfile.write(b" ")
        self.wfile.write(body if isinstance(body, bytes) else json.dumps(body).encode())

    def log_message(self, *_arguments: Any) -> None:  # `Any`: http.server's
        """Keep the tests' output for the tests."""


@pytest.fixture
def registry() -> Iterator[Registry]:
    class Handler(_Handler):
        pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Handler.registry = Registry(f"127.0.0.1:{server.server_port}")
        Handler.registry.answers_at_once.set()
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield Handler.registry
        Handler.registry.answers_at_once.set()
        server.shutdown()
        thread.join()
