"""The worker of this library as an image that the CDK builds, for development."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import publication
from aws_cdk import aws_ecr_assets as ecr_assets
from aws_cdk import aws_ecs as ecs

from bixarena_constructs.cdk.checked import checked

__all__ = ["WORKER_FOLDER", "WorkerImage"]

WORKER_FOLDER: Final = Path(__file__).parents[2] / "worker"
"""The worker's source with its Dockerfile; the image is made of nothing else."""

# Caches that Python leaves in the folder are no part of the image.
_NOT_SOURCE: Final = ("**/__pycache__", "**/*.pyc")
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

    @property
    def cpu_architecture(self) -> ecs.CpuArchitecture:
        """The architecture that a task needs to run the image."""
        return self._cpu_architecture


publication.publish()
