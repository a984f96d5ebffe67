"""Image references and the credentials that pull them from a private registry."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import publication
from aws_cdk import Annotations, Token
from aws_cdk import aws_ecs as ecs

from bixarena_constructs.secret_arns import require_complete_arn
from bixarena_constructs.worker_image import WorkerImage

if TYPE_CHECKING:
    from aws_cdk import aws_secretsmanager as secretsmanager
    from constructs import Construct

__all__ = ["ImageReference", "container_image", "is_reference_worker"]

# The grammar of https://github.com/distribution/reference, piece by piece.
_COMPONENT = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_REGISTRY = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-fA-F:]+\])(?::[0-9]+)?")
_REPOSITORY = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
_DIGEST = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}")
_SHA256 = re.compile(r"sha256:[0-9a-f]{64}")
_NAME_LIMIT = 255

_DOCKER_HUB = "docker.io"
_GHCR = "ghcr.io"
_WORKER_REPOSITORY = "sage-bionetworks/bixarena-worker"
_MUTABLE_TAGS = frozenset({None, "edge", "latest"})


@dataclass(frozen=True, slots=True)
class ImageReference:
    """Names a container image: registry, repository, and a tag or a digest or both.

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
        """Take an image reference apart as the distribution grammar reads it.

        Args:
            text: For example ``ghcr.io/sage-bionetworks/bixarena-worker:1.4.0``.

        Raises:
            ValueError: The text is no image reference; the message names the part at fault.
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
    def moves(self) -> bool:
        """Whether what it names changes as a matter of course: ``latest``, ``edge`` or no tag."""
        return self.digest is None and self.tag in _MUTABLE_TAGS

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag is not None else ""
        digest = f"@{self.digest}" if self.digest is not None else ""
        return f"{self.registry}/{self.repository}{tag}{digest}"


def container_image(
    scope: Construct,
    image: str | ecs.ContainerImage,
    *,
    credentials: secretsmanager.ISecret | None,
) -> ecs.ContainerImage:
    """Return the image of a container definition.

    Args:
        scope: The construct that warnings are attached to.
        image: An image reference, or an image that is ready to be used.
        credentials: Secret with the registry's user name and password, or None.

    Raises:
        ValueError: The reference is malformed, the credentials' ARN is not complete, or there
            are credentials for a ready image.
    """
    if not isinstance(image, str):
        if credentials is not None:
            raise ValueError(
                "registry_credentials goes with an image reference only; "
                "give a ready ecs.ContainerImage its own credentials"
            )
        return image
    if credentials is not None:
        require_complete_arn(scope, "registry_credentials", credentials)
    if not Token.is_unresolved(image):
        reference = ImageReference.parse(image)
        _warn_of_a_moving_image(scope, reference)
        if credentials is not None:
            _warn_of_another_registry(scope, reference)
    return ecs.ContainerImage.from_registry(image, credentials=credentials)


def is_reference_worker(image: str | ecs.ContainerImage) -> bool:
    """Tell whether an image is the worker that this library ships, as far as its name says.

    A tag that moves says nothing of what is behind it: it may be a worker from before this
    library, which expects other things of its container.

    Args:
        image: An image reference, or an image that is ready to be used.
    """
    if isinstance(image, WorkerImage):
        return True
    if not isinstance(image, str) or Token.is_unresolved(image):
        return False
    reference = ImageReference.parse(image)
    is_of_its_name = (reference.registry, reference.repository) == (_GHCR, _WORKER_REPOSITORY)
    return is_of_its_name and not reference.moves


def _warn_of_a_moving_image(scope: Construct, reference: ImageReference) -> None:
    if reference.digest is not None:
        return
    if reference.moves:
        Annotations.of(scope).add_warning_v2(
            "bixarena-constructs:mutableImageTag",
            f"image {reference} names what the registry holds under "
            f"{reference.tag or 'latest'!r} when a run starts, which no deployment decides; "
            "name a version, best with its digest",
        )
        return
    Annotations.of(scope).add_warning_v2(
        "bixarena-constructs:imageWithoutDigest",
        f"image {reference} can be pushed again under the same tag; add its digest, as in "
        f"{reference}@sha256:...",
    )


def _warn_of_another_registry(scope: Construct, reference: ImageReference) -> None:
    if reference.registry != _GHCR:
        Annotations.of(scope).add_warning_v2(
            "bixarena-constructs:credentialsForAnotherRegistry",
            f"registry_credentials are sent to {reference.registry}, not to {_GHCR}; make sure "
            "that they are that registry's",
        )


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
        raise ValueError(f"image {text!r} has the {part} {value!r}, allowed is {allowed}")


publication.publish()
