"""Asks a container registry for an image as ECS would, by its token authentication.

The exchange is that of https://distribution.github.io/distribution/spec/auth/token/ and the
manifests are those of https://github.com/opencontainers/image-spec.
"""

from __future__ import annotations

import ipaddress
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode, urlsplit

import urllib3

if TYPE_CHECKING:
    from bixarena_constructs.aws.image_reference import ImageReference

__all__ = ["Credentials", "FoundImage", "RegistryClient", "RegistryError"]

_HUB: Final = ("docker.io", "registry-1.docker.io")
_SECONDS: Final = 10.0
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
    """What the registry is told; neither is in the ``repr``'s of errors."""

    username: str
    password: str

    @property
    def headers(self) -> dict[str, str]:
        """The same as a header of HTTP."""
        return urllib3.make_headers(basic_auth=f"{self.username}:{self.password}")

    def __repr__(self) -> str:
        return f"Credentials({self.username!r}, ***)"


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundImage:
    """An image that the registry gives.

    Attributes:
        platforms: As in ``linux/amd64``; those of its index, or its own.
        token_expires: When the credentials expire, in the registry's words, if it says so.
    """

    platforms: frozenset[str]
    token_expires: str | None


class RegistryClient:
    """Asks for one image with one set of credentials."""

    def __init__(self, reference: ImageReference, credentials: Credentials | None) -> None:
        hub, hub_host = _HUB
        host = hub_host if reference.registry == hub else reference.registry
        # As Docker does: a registry on this machine needs no certificate.
        scheme = "http" if _is_loopback(host) else "https"
        self._base = f"{scheme}://{host}/v2/{reference.repository}"
        self._reference = reference
        self._credentials = credentials
        self._authorization: dict[str, str] = {}
        self._expires: str | None = None
        self._http = urllib3.PoolManager(
            timeout=_SECONDS, retries=urllib3.Retry(connect=0, read=0, redirect=3, status=0)
        )

    def find(self) -> FoundImage:
        """Ask for the image.

        Raises:
            RegistryError: The registry is out of reach, refuses, or has no such image.
        """
        which = self._reference.digest or self._reference.tag or "latest"
        manifest = self._json(f"/manifests/{which}", accept=", ".join(_INDEXES + _MANIFESTS))
        return FoundImage(
            platforms=frozenset(self._platforms(manifest)), token_expires=self._expires
        )

    # `Any`: JSON of the registry's.
    def _platforms(self, manifest: dict[str, Any]) -> list[str]:
        if "manifests" in manifest:
            entries = [entry.get("platform", {}) for entry in manifest["manifests"]]
        else:
            digest = manifest.get("config", {}).get("digest", "")
            entries = [self._json(f"/blobs/{digest}", accept="*/*")] if digest else []
        # Attestations lie in an index too, for the platform unknown/unknown.
        return [
            f"{entry.get('os')}/{entry.get('architecture')}"
            for entry in entries
            if entry.get("os") not in (None, "unknown")
        ]

    def _json(self, path: str, *, accept: str) -> dict[str, Any]:
        response = self._get(self._base + path, {"Accept": accept, **self._authorization})
        if response.status == _UNAUTHORIZED and not self._authorization:
            self._authorization = self._answer(response.headers.get("WWW-Authenticate", ""))
            response = self._get(self._base + path, {"Accept": accept, **self._authorization})
        _require_ok(response, f"{self._reference}")
        return _object(response)

    def _answer(self, challenge: str) -> dict[str, str]:
        """Return the header that a challenge asks for."""
        kind, _, rest = challenge.partition(" ")
        named = dict(_PARAMETER.findall(rest))
        basic = self._credentials.headers if self._credentials else {}
        if kind.lower() == "basic":
            return basic
        if kind.lower() != "bearer" or "realm" not in named:
            raise RegistryError("unexpected", f"the registry asks for {challenge or 'nothing'!r}")
        realm = named["realm"]
        url = urlsplit(realm)
        if url.scheme != "https" and not _is_loopback(url.netloc):
            raise RegistryError(
                "unexpected", f"the registry wants the credentials sent to {realm}, unencrypted"
            )
        query = {"service": named.get("service", ""), "scope": self._scope}
        response = self._get(f"{realm}?{urlencode(query)}", basic)
        _require_ok(response, "the registry's token service")
        self._expires = response.headers.get(_EXPIRY)
        answer = _object(response)
        return {"Authorization": f"Bearer {answer.get('token') or answer.get('access_token')}"}

    @property
    def _scope(self) -> str:
        return f"repository:{self._reference.repository}:pull"

    def _get(self, url: str, headers: dict[str, str]) -> urllib3.BaseHTTPResponse:
        try:
            return self._http.request("GET", url, headers=headers)
        except urllib3.exceptions.HTTPError as error:
            host = urlsplit(url).netloc
            # Of many attempts, the last one's reason.
            why = getattr(error, "reason", error)
            raise RegistryError("unreachable", f"{host} is out of reach: {why}") from error


def _require_ok(response: urllib3.BaseHTTPResponse, what: str) -> None:
    if response.status == _OK:
        return
    kinds = {_UNAUTHORIZED: "refused", _FORBIDDEN: "refused", _NOT_FOUND: "not found"}
    kind = kinds.get(response.status, "unexpected")
    raise RegistryError(kind, f"{what}: HTTP {response.status}")


def _object(response: urllib3.BaseHTTPResponse) -> dict[str, Any]:
    try:
        read = json.loads(response.data)
    except ValueError as error:
        raise RegistryError("unexpected", "the registry's answer is not JSON") from error
    return read if isinstance(read, dict) else {}


def _is_loopback(host: str) -> bool:
    name = urlsplit(f"//{host}").hostname or ""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"
