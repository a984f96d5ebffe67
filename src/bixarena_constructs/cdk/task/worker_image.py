"""The worker of this library as an image that the CDK builds, for development."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import publication
from aws_cdk import aws_ecr_assets as ecr_assets
from aws_cdk import aws_ecs as ecs

from bixarena_constructs.cdk.prop_types import checked
from bixarena_constructs.deployment import WORKER_IMAGE

if TYPE_CHECKING:
    from constructs import Construct

__all__ = ["WORKER_FOLDER", "WorkerImage", "runs_reference_worker"]

WORKER_FOLDER: Final = Path(__file__).parents[2] / "worker"
"""The worker's source with its Dockerfile; the image is made of nothing else."""

# Caches that Python leaves in the folder are no part of the image.
_NOT_SOURCE: Final = ("**/__pycache__", "**/*.pyc")
_MARK: Final = "bixarena-constructs:worker-image"
_ARCHITECTURES: Final = {"linux/amd64": "X86_64", "linux/arm64": "ARM64"}


class WorkerImage(ecs.AssetImage):
    """The worker's image, built from the source in this package at deployment, into ECR.

    The machine that deploys needs Docker. A stage that pulls from a registry uses the image's
    reference instead.
    """

    @checked
    def __init__(
        self,
        *,
        platform: ecr_assets.Platform | None = None,
        build_args: Mapping[str, str] | None = None,
    ) -> None:
        """Describe the image; it is built when the stack is deployed.

        Args:
            platform: What to build for, whatever machine builds it; the task runs on the same.
                Default: Platform.LINUX_AMD64.
            build_args: Arguments of the Dockerfile, such as ``BASE`` for another base image.
                Default: - the Dockerfile's own.

        Raises:
            ValueError: Fargate runs no image for the platform.
        """
        target = platform or ecr_assets.Platform.LINUX_AMD64
        if target.platform not in _ARCHITECTURES:
            raise ValueError(
                f"platform is {target.platform}; on Fargate it must be one of "
                f"{', '.join(_ARCHITECTURES)}"
            )
        super().__init__(
            str(WORKER_FOLDER),
            platform=target,
            build_args=dict(build_args or {}),
            exclude=list(_NOT_SOURCE),
        )
        self._cpu_architecture = ecs.CpuArchitecture.of(_ARCHITECTURES[target.platform])

    def bind(
        self, scope: Construct, container_definition: ecs.ContainerDefinition
    ) -> ecs.ContainerImageConfig:
        """Return what the container's definition writes, and mark the container.

        Args:
            scope: The construct that the image is defined in.
            container_definition: The container.
        """
        # Once it is bound, a token is all that a container shows of its image.
        container_definition.node.add_metadata(_MARK, "bound")
        return super().bind(scope, container_definition)

    @property
    def cpu_architecture(self) -> ecs.CpuArchitecture:
        """The architecture that a task needs to run the image."""
        return self._cpu_architecture


def runs_reference_worker(container: ecs.ContainerDefinition) -> bool:
    """Return whether a container runs this library's worker, of whatever version.

    Args:
        container: The container.
    """
    if container.image_name.startswith((f"{WORKER_IMAGE}:", f"{WORKER_IMAGE}@")):
        return True
    return any(entry.type == _MARK for entry in container.node.metadata)


publication.publish()
