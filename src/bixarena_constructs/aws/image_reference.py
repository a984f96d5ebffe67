"""References of container images, read as registries read them."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["ImageReference"]

# The grammar of https://github.com/distribution/reference, piece by piece.
_COMPONENT = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_REGISTRY = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-fA-F:]+\])(?::[0-9]+)?")
_REPOSITORY = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
_DIGEST = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}")
_SHA256 = re.compile(r"sha256:[0-9a-f]{64}")
_NAME_LIMIT = 255
# As a Python package or a semantic version is written, of two numbers at least: `1` follows every
# release of 1, and digits alone may be the start of a commit's hash.
_VERSION = re.compile(
    r"v?[0-9]+(\.[0-9]+)+((a|b|rc)[0-9]+)?(\.post[0-9]+)?(\.dev[0-9]+)?"
    r"|v?[0-9]+\.[0-9]+\.[0-9]+-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*"
)

_DOCKER_HUB = "docker.io"


@dataclass(frozen=True, slots=True)
class ImageReference:
    """A container image by registry, repository, and a tag, a digest or both.

    Attributes:
        registry: Host, with a port if one was given; ``docker.io`` if none was.
        repository: Path of the image within the registry.
        tag: What stands behind the colon, or None.
        digest: Algorithm and hexadecimal sum that stand behind the at sign, or None.
    """

    registry: str
    repository: str
    tag: str | None = None
    digest: str | None = None

    @classmethod
    def parse(cls, text: str) -> ImageReference:
        """Parse an image reference by the distribution grammar.

        Args:
            text: For example ``ghcr.io/sage-bionetworks/bixarena-constructs-worker:0.1.0``.

        Raises:
            ValueError: The text is not an image reference; the message names the wrong part.
        """
        name, at, digest = text.partition("@")
        name, tag = _split_tag(name)
        registry, repository = _split_registry(name)
        _require(_REGISTRY, registry, "registry", "a host name such as ghcr.io", text)
        _require(_REPOSITORY, repository, "repository", "lower-case path components", text)
        if len(name) > _NAME_LIMIT:
            raise ValueError(f"image {text!r} has a name of more than {_NAME_LIMIT} characters")
        if tag is not None:
            _require(_TAG, tag, "tag", "1 to 128 letters, digits, '_', '.' and '-'", text)
        if at:
            pattern = _SHA256 if digest.startswith("sha256:") else _DIGEST
            _require(pattern, digest, "digest", "sha256: and 64 lower-case hex digits", text)
        return cls(registry, repository, tag, digest if at else None)

    @property
    def name(self) -> str:
        """Registry and repository, without tag and digest."""
        return f"{self.registry}/{self.repository}"

    @property
    def moves(self) -> bool:
        """Whether what it names changes as a matter of course: no digest, and no version."""
        return self.digest is None and not _VERSION.fullmatch(self.tag or "")

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag is not None else ""
        digest = f"@{self.digest}" if self.digest is not None else ""
        return f"{self.name}{tag}{digest}"


def _split_tag(name: str) -> tuple[str, str | None]:
    # A colon before the last slash belongs to the registry's port.
    head, slash, last = name.rpartition("/")
    last, colon, tag = last.partition(":")
    return f"{head}{slash}{last}", tag if colon else None


def _split_registry(name: str) -> tuple[str, str]:
    first, slash, rest = name.partition("/")
    is_host = "." in first or ":" in first or first == "localhost" or first != first.lower()
    if slash and is_host:
        return first, rest
    return _DOCKER_HUB, name if slash else f"library/{name}"


def _require(pattern: re.Pattern[str], value: str, part: str, allowed: str, text: str) -> None:
    if not pattern.fullmatch(value):
        raise ValueError(f"image {text!r} has the {part} {value!r}; it must be {allowed}")
