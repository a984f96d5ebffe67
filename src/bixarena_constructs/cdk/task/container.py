"""The task definition that the construct makes for the worker's container."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final

from aws_cdk import Stack
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam

from bixarena_constructs.cdk.durations import require_seconds_within
from bixarena_constructs.cdk.task.image import container_image, is_reference_worker
from bixarena_constructs.cdk.task.image_pull import note_granted_pull, pull_statements
from bixarena_constructs.cdk.task.secret_arns import CREDENTIALS
from bixarena_constructs.cdk.task.secret_decryption import (
    decrypt_statements,
    imported_keys,
    refuse_keys_of_another_stack,
)
from bixarena_constructs.cdk.task.secrets import container_secrets, visible_secrets
from bixarena_constructs.cdk.task.size import require_fargate_size
from bixarena_constructs.cdk.task.worker_image import WorkerImage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aws_cdk import Duration
    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_secretsmanager as secretsmanager
    from constructs import Construct

    from bixarena_constructs.cdk.task.secrets import SecretSource

__all__ = ["CONTAINER_NAME", "WorkerContainer"]

CONTAINER_NAME: Final = "bixarena-worker"
"""Name of the worker's container in the task definition."""

_DEFAULT_CPU: Final = 1024
_DEFAULT_MEMORY_MIB: Final = 2048
_SCRATCH_VOLUME: Final = "tmp"
_SCRATCH_PATH: Final = "/tmp"  # noqa: S108 - a volume of the container's own
# Fargate's limits.
_STOP_SECONDS: Final = range(1, 120 + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerContainer:
    """The props of the container; None stands for the default."""

    image: str | ecs.ContainerImage | None
    registry_credentials: secretsmanager.ISecret | None
    container_name: str | None
    entry_point: Sequence[str] | None
    command: Sequence[str] | None
    environment: Mapping[str, str] | None
    secrets: Mapping[str, SecretSource] | None
    secret_keys: Sequence[kms.IKey] | None
    cpu: int | None
    memory_limit_mib: int | None
    runtime_platform: ecs.RuntimePlatform | None
    ephemeral_storage_gib: int | None
    family: str | None
    task_role: iam.IRole | None
    execution_role: iam.IRole | None
    user: str | None
    readonly_root_filesystem: bool | None
    stop_timeout: Duration | None

    def refuse_with_task_definition(self) -> None:
        """Check that no prop of the container is set next to a task definition of the user's.

        Raises:
            ValueError: One is; it would have no effect.
        """
        given = [
            field.name
            for field in fields(self)
            # The keys are granted to its execution role.
            if field.name != "secret_keys" and getattr(self, field.name) is not None
        ]
        if given:
            raise ValueError(
                f"{', '.join(given)} would have no effect with task_definition; set it there"
            )

    @property
    def has_readonly_root(self) -> bool:
        """Whether the container's root will be read-only."""
        if self.readonly_root_filesystem is not None:
            return self.readonly_root_filesystem
        return is_reference_worker(self.image)

    def define(
        self, scope: Construct, *, logging: ecs.LogDriver, variables: Mapping[str, str]
    ) -> ecs.FargateTaskDefinition:
        """Define the task definition with its container and all that its roles need for it.

        Args:
            scope: The construct that it is defined in, under the id that a bare
                ScheduledFargateTask gives it.
            logging: Where the container's output goes.
            variables: Plain variables besides those of the user.

        Raises:
            ValueError: A prop has a value that would fail when deployed.
        """
        if self.stop_timeout is not None:
            require_seconds_within("stop_timeout", self.stop_timeout, _STOP_SECONDS)
        refuse_keys_of_another_stack(scope, self._visible_secrets(scope))
        task_definition = self._define_task(scope)
        has_readonly_root = self.has_readonly_root
        container = task_definition.add_container(
            CONTAINER_NAME,
            image=container_image(scope, self.image, credentials=self.registry_credentials),
            logging=logging,
            container_name=self.container_name,
            entry_point=list(self.entry_point) if self.entry_point else None,
            command=list(self.command) if self.command else None,
            environment={**(self.environment or {}), **variables},
            secrets=container_secrets(
                scope, self.secrets or {}, environment=self.environment or {}
            ),
            user=self.user,
            readonly_root_filesystem=has_readonly_root or None,
            stop_timeout=self.stop_timeout,
        )
        if self.pull_statements(scope):
            note_granted_pull(container)
        if has_readonly_root:
            _add_writable_scratch(task_definition, container)
        return task_definition

    def _visible_secrets(self, scope: Construct) -> dict[str, secretsmanager.ISecret]:
        secrets = visible_secrets(scope, self.secrets or {})
        if self.registry_credentials is not None:
            secrets["registry_credentials"] = self.registry_credentials
        return secrets

    def decrypt_statements(self, scope: Construct) -> tuple[iam.PolicyStatement, ...]:
        """Return what the ECS agent needs to decrypt the secrets, beyond what the CDK grants.

        Args:
            scope: A construct in the stack of the task.
        """
        secrets = self._visible_secrets(scope).values()
        return decrypt_statements(scope, [*imported_keys(secrets), *(self.secret_keys or ())])

    def pull_statements(self, scope: Construct) -> tuple[iam.PolicyStatement, ...]:
        """Return what the ECS agent needs to pull an image that a text names.

        Args:
            scope: A construct in the stack of the task.

        Raises:
            ValueError: The text is a token that does not show its registry.
        """
        # With credentials it is not in ECR, which takes none.
        if not isinstance(self.image, str) or self.registry_credentials is not None:
            return ()
        return pull_statements(scope, "image", self.image)

    @property
    def has_settled_image(self) -> bool:
        """Whether the image's reference is checked and its pull granted, here or by the CDK."""
        granted_by_cdk = ecs.AssetImage | ecs.EcrImage | ecs.TagParameterContainerImage
        return isinstance(self.image, str | granted_by_cdk | None)

    @property
    def granted_secrets(self) -> list[str]:
        """Names of the secrets whose keys `decrypt_statements` covers."""
        names = [
            name
            for name, source in (self.secrets or {}).items()
            if not isinstance(source, ecs.Secret)
        ]
        return names if self.registry_credentials is None else [*names, CREDENTIALS]

    def _define_task(self, scope: Construct) -> ecs.FargateTaskDefinition:
        cpu = _DEFAULT_CPU if self.cpu is None else self.cpu
        memory = _DEFAULT_MEMORY_MIB if self.memory_limit_mib is None else self.memory_limit_mib
        require_fargate_size(
            cpu=cpu, memory_limit_mib=memory, ephemeral_storage_gib=self.ephemeral_storage_gib
        )
        _refuse_role_of_another_stack(scope, self.execution_role)
        return ecs.FargateTaskDefinition(
            scope,
            "ScheduledTaskDef",
            cpu=cpu,
            memory_limit_mib=memory,
            runtime_platform=self._runtime_platform(),
            ephemeral_storage_gib=self.ephemeral_storage_gib,
            family=self.family,
            task_role=self.task_role,
            execution_role=self.execution_role,
        )

    def _runtime_platform(self) -> ecs.RuntimePlatform | None:
        given = self.runtime_platform
        architecture = None if given is None else given.cpu_architecture
        system = None if given is None else given.operating_system_family
        if system is not None and not system.is_linux():
            raise ValueError(
                "runtime_platform is not Linux, which the container is defined for; bring a "
                "task_definition of another operating system"
            )
        if isinstance(self.image, WorkerImage):
            if architecture is not None:
                raise ValueError(
                    "the architecture of runtime_platform is that of WorkerImage; leave it out, "
                    "and set WorkerImage(platform=Platform.LINUX_ARM64) for ARM64"
                )
            architecture = self.image.cpu_architecture
        if given is None and architecture is None:
            return None
        return ecs.RuntimePlatform(
            cpu_architecture=architecture,
            operating_system_family=ecs.OperatingSystemFamily.LINUX,
        )


def _add_writable_scratch(
    task_definition: ecs.FargateTaskDefinition, container: ecs.ContainerDefinition
) -> None:
    # Fargate mounts it owned by root; the image lets its user write there by declaring the path
    # as a volume of mode 1777.
    task_definition.add_volume(name=_SCRATCH_VOLUME)
    container.add_mount_points(
        ecs.MountPoint(
            source_volume=_SCRATCH_VOLUME, container_path=_SCRATCH_PATH, read_only=False
        )
    )


def _refuse_role_of_another_stack(scope: Construct, role: iam.IRole | None) -> None:
    # An imported one is no `iam.Role`, and gets its policies in this stack.
    if isinstance(role, iam.Role) and Stack.of(role) is not Stack.of(scope):
        raise ValueError(
            f"execution_role is {role.node.path} of another stack, whose policy would need this "
            "one; leave it out, or pass iam.Role.from_role_arn(self, id, role.role_arn), whose "
            "policy is in this stack"
        )
