"""Image references and the credentials that pull them from a private registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Annotations, Token
from aws_cdk import aws_ecs as ecs

from bixarena_constructs.aws.image_reference import ImageReference
from bixarena_constructs.cdk.task.secret_arns import require_complete_arn
from bixarena_constructs.cdk.task.worker_image import WorkerImage

if TYPE_CHECKING:
    from aws_cdk import aws_secretsmanager as secretsmanager
    from constructs import Construct

__all__ = ["container_image", "is_reference_worker"]

_GHCR = "ghcr.io"
_WORKER_REPOSITORY = "sage-bionetworks/bixarena-worker"


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
    """Return whether an image is the worker that this library ships, judging by its name.

    A moving tag may point to any image, also to a worker from before this library, which expects
    another container.

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
