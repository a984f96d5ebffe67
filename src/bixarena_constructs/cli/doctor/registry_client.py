"""Asks a container registry for an image as ECS does, with token authentication.

The exchange follows https://distribution.github.io/distribution/spec/auth/token/ and the
manifests follow https://github.com/opencontainers/image-spec.
"""

from __future__ import annotations

import base64
import ipaddress
import json
import re
from dataclasses import dataclass, field
from queue import Empty, Queue
from threading import Thread
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlencode, urlsplit

import urllib3

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bixarena_constructs.aws.image_reference import ImageReference

__all__ = ["Credentials", "FoundImage", "RegistryClient", "RegistryError"]

_HUB: Final = ("docker.io", "registry-1.docker.io")
_SECONDS: Final = 10.0
_SECONDS_IN_ALL: Final = 60.0
# What the distribution specification lets a registry limit a manifest to.
_LARGEST_ANSWER: Final = 4 * 1024 * 1024
_UNAUTHORIZED: Final = 401
_FORBIDDEN: Final = 403
_NOT_FOUND: Final = 404
_OK: Final = 200
_INDEXES: Final = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
_MANIFESTS: Final = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_PARAMETER = re.compile(r'(\w+)="([^"]*)"')
# How urllib3's messages begin.
_CONNECTION: Final = re.compile(r"^HTTPS?Connection(Pool)?\(.*?\): ")
_EXPIRY: Final = "GitHub-Authentication-Token-Expiration"


class RegistryError(Exception):
    """The registry does not give the image.

    Attributes:
        kind: ``unreachable``, ``refused``, ``not found`` or ``unexpected``.
    """

    def __init__(self, kind: str, message: str) -> None:
        self.kind = kind
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Credentials:
    """User name and password for the registry; its ``repr`` shows neither."""

    username: str = field(repr=False)
    password: str = field(repr=False)

    @property
    def headers(self) -> dict[str, str]:
        """The header of HTTP's basic authentication, in UTF-8 as Docker sends it."""
        encoded = base64.b64encode(f"{self.username}:{self.password}".encode())
        return {"Authorization": f"Basic {encoded.decode()}"}


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundImage:
    """An image that the registry gives.

    Attributes:
        platforms: Platforms such as ``linux/amd64``, of its index or its own.
        token_expires: When the credentials expire, as the registry writes it; None if it does not.
    """

    platforms: frozenset[str]
    token_expires: str | None


class _Response(NamedTuple):
    """An answer of a registry."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class RegistryClient:
    """Asks for one image, with one set of credentials or none."""

    def __init__(self, reference: ImageReference, credentials: Credentials | None) -> None:
        hub, hub_host = _HUB
        host = hub_host if reference.registry == hub else reference.registry
        # As Docker does: a registry on loopback needs no certificate.
        scheme = "http" if _is_loopback(host) else "https"
        self._base = f"{scheme}://{host}/v2/{reference.repository}"
        self._reference = reference
        self._credentials = credentials
        self._authorization: dict[str, str] = {}
        self._expires: str | None = None
        self._http = urllib3.PoolManager(
            timeout=_SECONDS, retries=urllib3.Retry(connect=0, read=0, redirect=3, status=0)
        )

    def find(self, *, seconds: float = _SECONDS_IN_ALL) -> FoundImage:
        """Ask for the image.

        Args:
            seconds: How long the registry may take in all, however it answers.

        Raises:
            RegistryError: The registry is out of reach, refuses, or has no such image.
        """
        answers: Queue[FoundImage | Exception] = Queue()

        def ask() -> None:
            try:
                answers.put(self._find())
            except Exception as error:  # noqa: BLE001 - it is raised where the caller is
                answers.put(error)

        # A registry that sends a byte now and then keeps within every limit but this one.
        Thread(target=ask, daemon=True).start()
        try:
            answer = answers.get(timeout=seconds)
        except Empty:
            raise RegistryError(
                "unreachable", f"{self._reference.registry} took more than {seconds:g} s to answer"
            ) from None
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _find(self) -> FoundImage:
        version = self._reference.digest or self._reference.tag or "latest"
        manifest = self._json(f"/manifests/{version}", accept=", ".join(_INDEXES + _MANIFESTS))
        return FoundImage(
            platforms=frozenset(self._platforms(manifest)), token_expires=self._expires
        )

    def _platforms(self, manifest: Mapping[str, object]) -> Iterator[str]:
        entries, config = manifest.get("manifests"), _object(manifest.get("config"))
        if isinstance(entries, list):
            platforms = [_object(_object(entry).get("platform")) for entry in entries]
        elif config:
            platforms = [self._json(f"/blobs/{config.get('digest')}", accept="*/*")]
        else:
            raise RegistryError("unexpected", "the registry's answer is not an image's manifest")
        for each in platforms:
            # An index holds attestations too, for the platform unknown/unknown.
            if each.get("os") not in (None, "unknown"):
                yield f"{each.get('os')}/{each.get('architecture')}"

    def _json(self, path: str, *, accept: str) -> Mapping[str, object]:
        response = self._get(self._base + path, {"Accept": accept, **self._authorization})
        if response.status == _UNAUTHORIZED and not self._authorization:
            self._authorization = self._authorize(response.headers.get("WWW-Authenticate", ""))
            response = self._get(self._base + path, {"Accept": accept, **self._authorization})
        return _parsed(response, f"{self._reference}")

    def _authorize(self, challenge: str) -> dict[str, str]:
        """Return the header that a challenge asks for."""
        kind, _, rest = challenge.partition(" ")
        named = dict(_PARAMETER.findall(rest))
        basic = self._credentials.headers if self._credentials else {}
        if kind.lower() == "basic":
            return basic
        if kind.lower() != "bearer" or "realm" not in named:
            raise RegistryError("unexpected", f"the registry asks for {challenge or 'nothing'!r}")
        realm = named["realm"]
        if not _keeps_secrets(realm):
            raise RegistryError(
                "unexpected",
                f"the registry asks for the credentials at {realm}, which is not encrypted",
            )
        query = {"service": named.get("service", ""), "scope": self._scope}
        response = self._get(f"{realm}?{urlencode(query)}", basic)
        answer = _parsed(response, "the registry's token service")
        self._expires = response.headers.get(_EXPIRY)
        token = answer.get("token") or answer.get("access_token")
        if not token:
            raise RegistryError("unexpected", "the registry's token service gave no token")
        return {"Authorization": f"Bearer {token}"}

    @property
    def _scope(self) -> str:
        return f"repository:{self._reference.repository}:pull"

    def _get(self, url: str, headers: dict[str, str]) -> _Response:
        try:
            # Nothing is decompressed: a small answer may become a very large one.
            plain = {**headers, "Accept-Encoding": "identity"}
            response = self._http.request("GET", url, headers=plain, preload_content=False)
            try:
                body = response.read(_LARGEST_ANSWER + 1, decode_content=False)
            finally:
                response.close()
            return _Response(response.status, response.headers, body)
        except urllib3.exceptions.HTTPError as error:
            host = urlsplit(url).netloc
            # After several attempts: the reason of the last.
            why = _CONNECTION.sub("", str(getattr(error, "reason", error)))
            raise RegistryError("unreachable", f"{host} is out of reach: {why}") from error


def _parsed(response: _Response, what: str) -> Mapping[str, object]:
    """Return the answer's JSON object; an answer that has none is an error."""
    if response.status != _OK:
        kinds = {_UNAUTHORIZED: "refused", _FORBIDDEN: "refused", _NOT_FOUND: "not found"}
        kind = kinds.get(response.status, "unexpected")
        raise RegistryError(kind, f"{what}: HTTP {response.status}")
    if len(response.body) > _LARGEST_ANSWER:
        raise RegistryError(
            "unexpected", f"the registry's answer is longer than {_LARGEST_ANSWER} bytes"
        )
    try:
        return _object(json.loads(response.body))
    except (RecursionError, ValueError) as error:
        raise RegistryError("unexpected", "the registry's answer is not JSON") from error


def _object(value: object) -> Mapping[str, object]:
    """Return a JSON object; anything else is one without members."""
    return value if isinstance(value, dict) else {}


def _keeps_secrets(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:  # such as brackets around what is no address
        return False
    return parts.scheme == "https" or _is_loopback(parts.netloc)


def _is_loopback(host: str) -> bool:
    name = urlsplit(f"//{host}").hostname or ""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"
