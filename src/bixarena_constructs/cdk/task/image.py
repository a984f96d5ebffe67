"""Image references and the credentials that pull them from a private registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Annotations, Stack
from aws_cdk import aws_ecs as ecs

from bixarena_constructs.aws.ecr_image import EcrRepository
from bixarena_constructs.aws.image_reference import ImageReference
from bixarena_constructs.cdk.neighbours import resolved_name
from bixarena_constructs.cdk.task.secret_arns import require_complete_arn
from bixarena_constructs.cdk.task.worker_image import WorkerImage
from bixarena_constructs.cdk.tokens import is_token
from bixarena_constructs.deployment import WORKER_IMAGE
from bixarena_constructs.worker.contract import RELEASE

if TYPE_CHECKING:
    from aws_cdk import aws_secretsmanager as secretsmanager
    from constructs import Construct

__all__ = ["check_reference", "container_image", "is_reference_worker", "released_image"]

_GHCR = "ghcr.io"


def released_image() -> str:
    """Return the worker of this release: what runs if no image is named."""
    return f"{WORKER_IMAGE}:{RELEASE}"


def container_image(
    scope: Construct,
    image: str | ecs.ContainerImage | None,
    *,
    credentials: secretsmanager.ISecret | None,
) -> ecs.ContainerImage:
    """Return the image of a container definition.

    Args:
        scope: The construct that warnings are attached to.
        image: An image reference, an image that is ready to be used, or None for this release's
            worker.
        credentials: Secret with the registry's user name and password, or None.

    Raises:
        ValueError: The reference is malformed, the credentials' ARN is not complete, or there
            are credentials for a ready image or for one in ECR.
    """
    if image is not None and not isinstance(image, str):
        if credentials is not None:
            raise ValueError(
                "registry_credentials goes with an image reference only; "
                "give a ready ecs.ContainerImage its own credentials"
            )
        if isinstance(image, ecs.EcrImage):
            resolved_name(Stack.of(scope), "image", image.image_name)
        return image
    if credentials is not None:
        require_complete_arn(scope, "registry_credentials", credentials)
        _require_own_account(Stack.of(scope).account, credentials)
    if image is None:
        return ecs.ContainerImage.from_registry(released_image(), credentials=credentials)
    if credentials is not None and not is_token(image) and EcrRepository.find(image) is not None:
        raise ValueError(
            f"registry_credentials are for {image}, in ECR, whose passwords last 12 hours; leave "
            "it out: the execution role pulls from there"
        )
    check_reference(scope, image, has_credentials=credentials is not None)
    return ecs.ContainerImage.from_registry(image, credentials=credentials)


def check_reference(scope: Construct, image: str, *, has_credentials: bool) -> None:
    """Check an image reference, and warn of what its name leaves open; tokens pass.

    Args:
        scope: The construct that warnings are attached to.
        image: The reference.
        has_credentials: Whether it is pulled with credentials.

    Raises:
        ValueError: The reference is malformed.
    """
    if is_token(image):
        return
    reference = ImageReference.parse(image)
    _warn_of_a_moving_image(scope, reference)
    if has_credentials:
        _warn_of_another_registry(scope, reference)


def is_reference_worker(image: str | ecs.ContainerImage | None) -> bool:
    """Return whether an image is the worker that this library ships, judging by its name.

    A tag that moves may point to an image that expects another container.

    Args:
        image: An image reference, an image that is ready to be used, or None for this release's
            worker.
    """
    if image is None or isinstance(image, WorkerImage):
        return True
    if not isinstance(image, str) or is_token(image):
        return False
    reference = ImageReference.parse(image)
    return reference.name == WORKER_IMAGE and not reference.moves


def _require_own_account(account: str, credentials: secretsmanager.ISecret) -> None:
    owner = credentials.env.account
    if owner != account and not is_token(owner) and not is_token(account):
        raise ValueError(
            f"registry_credentials are of account {owner}, and the task is of {account}; ECS "
            "takes them from the task's own account only, so copy the secret there"
        )


def _warn_of_a_moving_image(scope: Construct, reference: ImageReference) -> None:
    if reference.digest is not None:
        return
    if reference.moves:
        Annotations.of(scope).add_warning_v2(
            "bixarena-constructs:mutableImageTag",
            f"image {reference} is whatever the registry holds under "
            f"{reference.tag or 'latest'!r} when a run starts; "
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
