"""What runs: a worker's container as a Fargate task, whatever starts it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import jsii
import publication
from aws_cdk import Duration, IResource, RemovalPolicy, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_scheduler_targets as scheduler_targets
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sqs as sqs
from constructs import Construct, IConstruct

from bixarena_constructs.cdk.capacity import CapacityCheck, CapacityShare, capacity_shares
from bixarena_constructs.cdk.claims import Claim, ClaimsCheck
from bixarena_constructs.cdk.delivery import (
    EventDelivery,
    default_event_age,
    define_dead_letter_queue,
)
from bixarena_constructs.cdk.durations import duration_of, require_seconds_within, seconds_as_text
from bixarena_constructs.cdk.late_changes import PartsCheck, TrustCheck
from bixarena_constructs.cdk.neighbours import require_near, resolved_name
from bixarena_constructs.cdk.outputs import OutputsCheck, TaskOutputs
from bixarena_constructs.cdk.pass_role_check import PassRoleCheck
from bixarena_constructs.cdk.permissions import (
    RUN_TAG,
    execute_command_statement,
    grant_all,
    operator_statements,
    run_tag_value,
    takes_policy,
    warn_of_an_immutable_role,
)
from bixarena_constructs.cdk.prop_types import checked
from bixarena_constructs.cdk.run_events import RunEvents
from bixarena_constructs.cdk.schedule_target import (
    define_schedule_role,
    scheduled_time_input,
    selection_with_address,
)
from bixarena_constructs.cdk.synthesis_checks import Checks
from bixarena_constructs.cdk.task.container import CONTAINER_NAME, WorkerContainer
from bixarena_constructs.cdk.task.definition_check import MOST_TAGS, DefinitionCheck
from bixarena_constructs.cdk.task.ecs_agent_access import AgentAccess
from bixarena_constructs.cdk.task.guardduty import GuardDutyAgentPull, agent_pull_statements
from bixarena_constructs.cdk.task.log import WorkerLog, write_statements
from bixarena_constructs.cdk.task.network import (
    TaskNetwork,
    define_security_group,
    require_each_once,
    require_vpc,
    vpc_of,
)
from bixarena_constructs.cdk.task.secret_arns import SecretsCheck, is_plain_secret
from bixarena_constructs.cdk.task.secrets import SecretSource
from bixarena_constructs.cdk.task.worker_image import runs_reference_worker
from bixarena_constructs.cdk.task_launch import TaskLaunch, log_tail_command
from bixarena_constructs.cdk.tokens import is_token, read, stack_of
from bixarena_constructs.deployment import OUTPUTS_ID, Output
from bixarena_constructs.worker.contract import VERSION, Variable

__all__ = ["SnapshotTask"]

_DEFAULT_RUNTIME_SECONDS: Final = 15 * 60
# What the worker takes; a task that runs longer than a day meets the next one.
_RUNTIME_SECONDS: Final = range(1, 24 * 60 * 60 + 1)

# One is the construct's own.
_MOST_TAGS: Final = MOST_TAGS - 1
_LONGEST_DESCRIPTION: Final = 512  # of a rule
_PLATFORM_VERSIONS: Final = {
    None: None,
    ecs.FargatePlatformVersion.LATEST: "LATEST",
    ecs.FargatePlatformVersion.VERSION1_4: "1.4.0",
}
# GuardDuty's sidecar and JSON fields of secrets need 1.4.0.
_OLD_PLATFORMS: Final = (
    ecs.FargatePlatformVersion.VERSION1_0,
    ecs.FargatePlatformVersion.VERSION1_1,
    ecs.FargatePlatformVersion.VERSION1_2,
    ecs.FargatePlatformVersion.VERSION1_3,
)


@jsii.implements(ec2.IConnectable, iam.IGrantable)
class SnapshotTask(Construct):
    """Defines a worker's container as a Fargate task, for any scheduler to start.

    `ScheduledSnapshotTask` adds a rule that starts it at a time in UTC. For a time in a time
    zone, hand `schedule_target` to an ``aws_scheduler.Schedule``. A state machine or a pipeline
    may start it too; it passes the scheduled time as the variable ``SCHEDULED_AT``.

    Resources that it defines: a task definition with its execution and task roles, a log group,
    and a security group.

    Permissions of the program go to the task role: the construct is an ``IGrantable``
    (``bucket.grant_read(task)``). The network is opened through it as an ``IConnectable``
    (``database.connections.allow_default_port_from(task)``).
    """

    @checked
    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        cluster: ecs.ICluster,
        image: str | ecs.ContainerImage | None = None,
        task_definition: ecs.FargateTaskDefinition | None = None,
        registry_credentials: secretsmanager.ISecret | None = None,
        max_runtime: Duration | None = None,
        container_name: str | None = None,
        entry_point: Sequence[str] | None = None,
        command: Sequence[str] | None = None,
        environment: Mapping[str, str] | None = None,
        secrets: Mapping[str, SecretSource] | None = None,
        secret_keys: Sequence[kms.IKey] | None = None,
        cpu: int | None = None,
        memory_limit_mib: int | None = None,
        runtime_platform: ecs.RuntimePlatform | None = None,
        ephemeral_storage_gib: int | None = None,
        family: str | None = None,
        task_role: iam.IRole | None = None,
        execution_role: iam.IRole | None = None,
        user: str | None = None,
        readonly_root_filesystem: bool | None = None,
        stop_timeout: Duration | None = None,
        enable_execute_command: bool = False,
        subnet_selection: ec2.SubnetSelection | None = None,
        assign_public_ip: bool | None = None,
        security_groups: Sequence[ec2.ISecurityGroup] | None = None,
        platform_version: ecs.FargatePlatformVersion | None = None,
        capacity_provider_strategies: Sequence[ecs.CapacityProviderStrategy] | None = None,
        task_tags: Mapping[str, str] | None = None,
        propagate_tags: ecs.PropagatedTagSource | None = None,
        enable_ecs_managed_tags: bool = False,
        log_group: logs.ILogGroup | None = None,
        log_stream_prefix: str | None = None,
        log_retention: logs.RetentionDays | None = None,
        log_removal_policy: RemovalPolicy | None = None,
        guardduty_agent_pull: GuardDutyAgentPull = GuardDutyAgentPull.AGENT_REPOSITORY,
        outputs: bool = True,
        export_prefix: str | None = None,
    ) -> None:
        """Define the task and its outputs.

        Args:
            scope: The construct that this one is defined in.
            construct_id: Id below that scope.
            cluster: Cluster to run in. Its VPC must reach the image's registry and the database.
            image: Reference of the worker's image, such as
                ``ghcr.io/sage-bionetworks/bixarena-constructs-worker:0.1.0``, ``WorkerImage()``,
                or any other ``ecs.ContainerImage``.
                Default: - this release's worker, or the image of ``task_definition``.
            task_definition: A task definition to run instead of a new one; its default container
                is the worker. Props of the container cannot be combined with it, and
                ``log_group`` names where it logs. Default: - a new one for ``image``.
            registry_credentials: Secret with the JSON fields ``username`` and ``password`` for a
                private image that is named by a reference. Default: - the image is public.
            max_runtime: How long a run may take; the container gets it as
                ``MAX_RUNTIME_SECONDS``. Default: 15 minutes.
            container_name: Name of the worker's container. Default: bixarena-worker.
            entry_point: Words that replace the image's own entry point.
                Default: - the image's own.
            command: Words that replace the image's own command. Default: - the image's own.
            environment: Plain environment variables of the container. Default: - none.
            secrets: Environment variables whose values the ECS agent takes from a secret when
                the task starts: a secret, a pair of a secret and a JSON field, or an
                ``ecs.Secret``. Default: - none.
            secret_keys: Customer keys of secrets that the app does not import with their key.
                Default: - none.
            cpu: CPU units of the task; 1024 is one vCPU. Default: 1024.
            memory_limit_mib: Memory of the task in MiB. Default: 2048.
            runtime_platform: Architecture of the image; its operating system is Linux.
                Default: - that of a ``WorkerImage``, or Fargate's own, X86_64.
            ephemeral_storage_gib: Disk of the task in GiB, 21 to 200. Default: - Fargate's own,
                20.
            family: Name of all revisions of the task definition. Default: - a generated name.
            task_role: What the program may do. Default: - a new role without permissions.
            execution_role: What the ECS agent may do. Default: - a new role.
            user: User that the program runs as. Default: - the image's own.
            readonly_root_filesystem: Whether the container's root is read-only, with a writable
                ``/tmp``. Default: - True for a version of the reference worker, False for other
                images and for a tag that moves.
            stop_timeout: Time between SIGTERM and SIGKILL, up to 2 minutes.
                Default: - Fargate's own, 30 seconds.
            enable_execute_command: Whether ECS Exec may open a shell in the container.
                Default: False.
            subnet_selection: Subnets to run in. Default: - private subnets with egress.
            assign_public_ip: Whether the task gets a public address, without which public
                subnets have no way to the internet.
                Default: - only if ``subnet_selection`` is by the type PUBLIC.
            security_groups: Security groups of the task. Default: - a new one.
            platform_version: Fargate platform version, 1.4.0 or later. Default: - the latest.
            capacity_provider_strategies: Capacity providers to run on, FARGATE and FARGATE_SPOT,
                which the cluster must have. Default: - the launch type FARGATE.
            task_tags: Tags of each run's task, besides ``bixarena-constructs:task``, by which
                `grant_run` recognises the runs of this task. Default: - none.
            propagate_tags: Where a run's task takes further tags from. Default: - nowhere.
            enable_ecs_managed_tags: Whether ECS tags each run's task with its cluster.
                Default: False.
            log_group: Log group of the worker. Default: - a new one.
            log_stream_prefix: What the names of log streams begin with.
                Default: bixarena-worker.
            log_retention: How long a new log group keeps the worker's log.
                Default: three months.
            log_removal_policy: What happens to a new log group when the stack is deleted.
                Default: RemovalPolicy.RETAIN.
            guardduty_agent_pull: From where the execution role may pull GuardDuty's sidecar.
                Default: GuardDutyAgentPull.AGENT_REPOSITORY.
            outputs: Whether to define CloudFormation outputs. Default: True.
            export_prefix: What the outputs' export names begin with.
                Default: - the outputs are not exported.

        Raises:
            ValueError: A prop has a value that would fail when deployed or run.
        """
        super().__init__(scope, construct_id)
        self._stack = _stack_of(self)
        self._cluster = cluster
        self._vpc = vpc_of(cluster)
        self._is_definition_brought = task_definition is not None
        self._platform_version = platform_version
        # EventBridge has no word for NONE, which is what it does without one.
        nowhere = ecs.PropagatedTagSource.NONE
        self._propagate_tags = None if propagate_tags is nowhere else propagate_tags
        self._capacity_provider_strategies = capacity_provider_strategies
        _check_launch(platform_version, propagate_tags, task_tags or {})
        _check_environment(self._stack, environment or {})
        container = WorkerContainer(
            image=image,
            registry_credentials=registry_credentials,
            container_name=container_name,
            entry_point=entry_point,
            command=command,
            environment=environment,
            secrets=secrets,
            secret_keys=secret_keys,
            cpu=cpu,
            memory_limit_mib=memory_limit_mib,
            runtime_platform=runtime_platform,
            ephemeral_storage_gib=ephemeral_storage_gib,
            family=family,
            task_role=task_role,
            execution_role=execution_role,
            user=user,
            readonly_root_filesystem=readonly_root_filesystem,
            stop_timeout=stop_timeout,
        )
        log = WorkerLog(
            log_group=log_group,
            log_stream_prefix=log_stream_prefix,
            log_retention=log_retention,
            log_removal_policy=log_removal_policy,
        )
        self._check_places(container, log, task_definition, security_groups or ())
        self._max_runtime = max_runtime or duration_of(_DEFAULT_RUNTIME_SECONDS)
        require_seconds_within("max_runtime", self._max_runtime, _RUNTIME_SECONDS)
        self._own_node = read(self, "node")
        self._own_queue: sqs.Queue | None = None
        self._has_failure_rule = False
        self._log_group = _define_log(self, log, container, task_definition)
        self._task_definition = self._define_worker(container, log, task_definition)
        self._container_name = _name_of_worker(container, task_definition)
        self._grant_to_agent(container, guardduty_agent_pull)
        if enable_execute_command:
            self._allow_execute_command(container)
        self._network = self._define_network(subnet_selection, assign_public_ip=assign_public_ip)
        self._security_groups = list(security_groups or ()) or [self._define_security_group()]
        given = (log_group, task_definition, *(security_groups or ()))
        parts = (self._log_group, self._task_definition, *self._security_groups)
        self._parts: list[IConstruct] = [part for part in parts if part not in given]
        self._connections: ec2.Connections | None = None
        self._launch = self._define_launch(
            tags={**(task_tags or {}), RUN_TAG: run_tag_value(self)},
            capacity_shares=capacity_shares(capacity_provider_strategies or ()),
            enable_ecs_managed_tags=enable_ecs_managed_tags,
            enable_execute_command=enable_execute_command,
        )
        self._check_at_synthesis(container)
        self._outputs = self._define_outputs(export_prefix) if outputs else None

    @property
    def cluster(self) -> ecs.ICluster:
        """The cluster that the task runs in."""
        return self._cluster

    @property
    def connections(self) -> ec2.Connections:
        """The network connections of the task."""
        if self._connections is None:
            self._connections = ec2.Connections(security_groups=self._security_groups)
        return self._connections

    @property
    def container_name(self) -> str:
        """Name of the worker's container; sidecars come and go, so select it by name."""
        return self._container_name

    @property
    def execution_role(self) -> iam.IRole:
        """What the ECS agent may do: pull the images, read the secrets, write the log."""
        return self._task_definition.obtain_execution_role()

    @property
    def grant_principal(self) -> iam.IPrincipal:
        """The task role: what the program in the container is allowed to do."""
        return self._task_definition.task_role.grant_principal

    @property
    def launch(self) -> TaskLaunch:
        """All that RunTask needs to start the task as its schedule does."""
        return self._launch

    @property
    def log_group(self) -> logs.ILogGroup:
        """The log group of the worker."""
        return self._log_group

    @property
    def log_tail_command(self) -> str:
        """The command line that follows the worker's log."""
        return log_tail_command(
            region=read(self._stack, "region"), log_group_name=self._log_group.log_group_name
        )

    @property
    def max_runtime(self) -> Duration:
        """How long a run may take."""
        return self._max_runtime

    @property
    def run_task_command(self) -> str:
        """The command line that runs the task now, as the schedule would."""
        return self._launch.command

    @property
    def security_groups(self) -> Sequence[ec2.ISecurityGroup]:
        """The security groups of the task."""
        return tuple(self._security_groups)

    @property
    def task_definition(self) -> ecs.FargateTaskDefinition:
        """The task definition, with its roles and containers."""
        return self._task_definition

    @property
    def task_role(self) -> iam.IRole:
        """What the program in the container may do."""
        return self._task_definition.task_role

    @checked
    def schedule_target(
        self,
        *,
        dead_letter_queue: sqs.IQueue | None = None,
        max_event_age: Duration | None = None,
        retry_attempts: int | None = None,
    ) -> scheduler_targets.EcsRunFargateTask:
        """Return the task as the target of an ``aws_scheduler.Schedule``.

        Each run gets the schedule's time as ``SCHEDULED_AT``, in UTC. Schedules of one task share
        a role.

        Args:
            dead_letter_queue: Where events go whose run could not be started.
                Default: - a new queue, encrypted by SQS, that keeps them for two weeks.
            max_event_age: How long EventBridge Scheduler tries to start a run, 1 minute to 24
                hours. Default: an hour.
            retry_attempts: How often it tries again, up to 185. Default: - 185.

        Raises:
            ValueError: The queue is a FIFO queue, or a number is out of bounds.
        """
        delivery = self._event_delivery(
            max_event_age=max_event_age or default_event_age(None),
            retry_attempts=retry_attempts,
            dead_letter_queue=dead_letter_queue,
        )
        return scheduler_targets.EcsRunFargateTask(
            self._cluster,
            task_definition=self._task_definition,
            vpc_subnets=selection_with_address(self._vpc, self._network),
            assign_public_ip=self._network.assign_public_ip,
            security_groups=self._security_groups,
            platform_version=self._platform_version,
            capacity_provider_strategies=self._capacity_provider_strategies,
            tags=[
                scheduler_targets.Tag(key=key, value=value)
                for key, value in self._launch.tags.items()
            ],
            propagate_tags=self._propagate_tags is not None or None,
            enable_ecs_managed_tags=self._launch.enable_ecs_managed_tags or None,
            enable_execute_command=self._launch.enable_execute_command or None,
            input=scheduled_time_input(self._container_name),
            dead_letter_queue=delivery.dead_letter_queue,
            max_event_age=delivery.max_event_age,
            retry_attempts=delivery.retry_attempts,
            role=define_schedule_role(self, dead_letter_queue=delivery.dead_letter_queue),
        )

    @checked
    def grant_run(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let a grantee run the task, watch its runs, stop them and read its log.

        It may read the rule of a `ScheduledSnapshotTask` as well. Other tasks of the cluster stay
        out of reach. Anyone who may run a task can run another command in it, which can print
        its secrets: grant it as you would grant those.

        Args:
            grantee: A role or user, such as that of the people who operate the task.

        Raises:
            ValueError: The grantee takes no policy, or is of another account.
        """
        return grant_all(self, grantee, self._operator_statements())

    @checked
    def on_failure(
        self, construct_id: str, *, target: events.IRuleTarget | None = None
    ) -> events.Rule:
        """Define a rule that matches a run that failed or could not start.

        Args:
            construct_id: Id of the rule below this construct.
            target: Where the event goes. Default: - nowhere; add targets to the rule.
        """
        self._has_failure_rule = True
        return events.Rule(
            self,
            construct_id,
            description=f"A run of {self.node.path} failed or could not start"[
                :_LONGEST_DESCRIPTION
            ],
            event_pattern=RunEvents.of(
                cluster=self._cluster,
                task_definition=self._task_definition,
                container_name=self._container_name,
            ).failures(),
            targets=[target] if target is not None else None,
        )

    def _operator_statements(self) -> tuple[iam.PolicyStatement, ...]:
        return operator_statements(
            cluster=self._cluster,
            task_definition=self._task_definition,
            log_group=self._log_group,
            run_tag=self._launch.tags[RUN_TAG],
        )

    def _define_worker(
        self,
        container: WorkerContainer,
        log: WorkerLog,
        brought: ecs.FargateTaskDefinition | None,
    ) -> ecs.FargateTaskDefinition:
        longest_run: dict[str, str] = {
            Variable.MAX_RUNTIME_SECONDS: seconds_as_text(self._max_runtime)
        }
        if brought is None:
            return container.define(
                self, logging=log.driver(self._log_group), variables=longest_run
            )
        worker = _default_container(brought)
        for name, value in longest_run.items():
            worker.add_environment(name, value)
        return brought

    def _check_places(
        self,
        container: WorkerContainer,
        log: WorkerLog,
        task_definition: ecs.FargateTaskDefinition | None,
        security_groups: Sequence[ec2.ISecurityGroup],
    ) -> None:
        neighbours: list[tuple[str, IResource | None]] = [
            ("cluster", self._cluster),
            ("VPC of cluster", self._vpc),
            ("task_definition", task_definition),
            ("log_group", log.log_group),
            ("task_role", container.task_role),
            ("execution_role", container.execution_role),
            *(("security_groups", group) for group in security_groups),
        ]
        for prop, neighbour in neighbours:
            require_near(self._stack, prop, neighbour)
        require_vpc(self._vpc, "security_groups", security_groups)
        ids = [read(group, "security_group_id") for group in security_groups]
        require_each_once("security_groups", security_groups, ids)

    def _define_network(
        self, subnets: ec2.SubnetSelection | None, *, assign_public_ip: bool | None
    ) -> TaskNetwork:
        return TaskNetwork.of(
            self, self._vpc, subnet_selection=subnets, assign_public_ip=assign_public_ip
        )

    def _define_security_group(self) -> ec2.ISecurityGroup:
        if self._is_definition_brought:
            return _security_group_of(self._task_definition, self._vpc)
        return define_security_group(self._task_definition, self._vpc)

    def _grant_to_agent(self, container: WorkerContainer, agent_pull: GuardDutyAgentPull) -> None:
        is_role_brought = self._is_definition_brought or container.execution_role is not None
        role = self._task_definition.obtain_execution_role() if is_role_brought else None
        # The mapping of GuardDuty's accounts must be in the stack of the policy.
        stack = self._stack if role is None else stack_of(role)
        if role is not None and agent_pull is GuardDutyAgentPull.AGENT_REPOSITORY:
            (first, *_) = agent_pull_statements(stack, GuardDutyAgentPull.ANY_REPOSITORY)
            self._task_definition.add_to_execution_role_policy(first)
            if not takes_policy(role):
                # No policy would refer to the mapping.
                agent_pull = GuardDutyAgentPull.ANY_REPOSITORY
        statements = [
            *agent_pull_statements(stack, agent_pull),
            *container.pull_statements(self),
            *container.decrypt_statements(self),
            *write_statements(self, self._log_group),
        ]
        for statement in statements:
            self._task_definition.add_to_execution_role_policy(statement)
        if role is not None:
            warn_of_an_immutable_role(self, "execution_role", role, statements)

    def _check_at_synthesis(self, container: WorkerContainer) -> None:
        # A task definition of the user's, sidecars, and what is added to the containers later.
        access = AgentAccess(
            self,
            self._task_definition,
            worker=self._container_name,
            has_settled_image=not self._is_definition_brought and container.has_settled_image,
            granted_secrets=container.granted_secrets,
            granted_keys=container.secret_keys or (),
        )
        access.bind()
        self._checks = Checks(
            SecretsCheck(self._task_definition),
            PassRoleCheck(self._task_definition),
            TrustCheck(task_role=container.task_role, execution_role=container.execution_role),
            DefinitionCheck(
                self._task_definition,
                worker=self._container_name,
                max_runtime=seconds_as_text(self._max_runtime),
                log_group=self._log_group if self._is_definition_brought else None,
                propagated_to=self._launch.tags if self._propagate_tags is not None else (),
            ),
            access,
            PartsCheck([self, self._task_definition], self._parts),
            ClaimsCheck(self, self._claims),
            OutputsCheck(self._stack),
            CapacityCheck(self, self._cluster, self._launch.capacity_shares),
        )
        self._own_node.add_validation(self._checks)

    def _claims(self) -> Iterator[Claim]:
        # A `TaskMonitoring` claims family and log group, too, and alone.
        family = (self._launch.cluster_arn, read(self._task_definition, "family"))
        yield Claim("family", family, alone=self._has_failure_rule)
        if self._is_definition_brought:
            yield Claim("task_definition", (self._launch.task_definition_arn,))
        if runs_reference_worker(_default_container(self._task_definition)):
            yield Claim("log_group", (read(self._log_group, "log_group_name"),), alone=False)
        if self._outputs is not None:
            for name in self._outputs.export_names:
                yield Claim("export_prefix", (name,))

    def _allow_execute_command(self, container: WorkerContainer) -> None:
        if container.has_readonly_root:
            raise ValueError(
                "enable_execute_command does not work on a read-only root; "
                "set readonly_root_filesystem=False with it"
            )
        statement = execute_command_statement()
        self._task_definition.add_to_task_role_policy(statement)
        role = self._task_definition.task_role
        warn_of_an_immutable_role(self, "task_role", role, [statement])

    def _define_launch(
        self,
        *,
        tags: Mapping[str, str],
        capacity_shares: Sequence[CapacityShare],
        enable_ecs_managed_tags: bool,
        enable_execute_command: bool,
    ) -> TaskLaunch:
        propagate_tags = self._propagate_tags
        return TaskLaunch(
            region=read(self._stack, "region"),
            cluster_arn=read(self._cluster, "cluster_arn"),
            task_definition_arn=self._task_definition.task_definition_arn,
            container_name=self._container_name,
            subnet_ids=self._network.subnet_ids,
            security_group_ids=[
                read(group, "security_group_id") for group in self._security_groups
            ],
            assign_public_ip=self._network.assign_public_ip,
            platform_version=_PLATFORM_VERSIONS[self._platform_version],
            tags=dict(tags),
            capacity_shares=capacity_shares,
            propagate_tags=None if propagate_tags is None else propagate_tags.name,
            enable_ecs_managed_tags=enable_ecs_managed_tags,
            enable_execute_command=enable_execute_command,
        )

    def _event_delivery(
        self,
        *,
        max_event_age: Duration,
        retry_attempts: int | None,
        dead_letter_queue: sqs.IQueue | None,
    ) -> EventDelivery:
        require_near(self._stack, "dead_letter_queue", dead_letter_queue)
        return EventDelivery(
            max_event_age=max_event_age,
            retry_attempts=retry_attempts,
            dead_letter_queue=dead_letter_queue or self._define_dead_letter_queue(),
            is_own_queue=dead_letter_queue is None,
        )

    def _define_dead_letter_queue(self) -> sqs.IQueue:
        if self._own_queue is None:
            self._own_queue = define_dead_letter_queue(self)
            self._parts.append(self._own_queue)
        return self._own_queue

    def _define_outputs(self, export_prefix: str | None) -> TaskOutputs:
        log_group_name = read(self._log_group, "log_group_name")
        return TaskOutputs(
            self,
            OUTPUTS_ID,
            export_prefix=export_prefix,
            values={
                Output.CONTRACT_VERSION: str(VERSION),
                Output.TASK_DEFINITION_ARN: self._launch.task_definition_arn,
                Output.TASK_DEFINITION_FAMILY: read(self._task_definition, "family"),
                Output.CONTAINER_NAME: self._container_name,
                Output.CLUSTER_ARN: self._launch.cluster_arn,
                Output.LOG_GROUP_NAME: log_group_name,
                Output.LOG_TAIL_COMMAND: log_tail_command(
                    region=self._launch.region, log_group_name=log_group_name
                ),
                Output.RUN_TASK_COMMAND: self.run_task_command,
            },
        )


def _stack_of(task: Construct) -> Stack:
    try:
        return Stack.of(task)
    except RuntimeError as error:  # of jsii, whatever the CDK raises
        raise ValueError(
            f"scope of {task.node.path} is in no Stack; define the task in a Stack"
        ) from error


def _define_log(
    scope: Construct,
    log: WorkerLog,
    container: WorkerContainer,
    brought: ecs.FargateTaskDefinition | None,
) -> logs.ILogGroup:
    if brought is None:
        return log.define(scope)
    container.refuse_with_task_definition()
    return log.of_task_definition()


def _check_launch(
    version: ecs.FargatePlatformVersion | None,
    source: ecs.PropagatedTagSource | None,
    tags: Mapping[str, str],
) -> None:
    if version in _OLD_PLATFORMS:
        raise ValueError(
            f"platform_version is {version.name}; it must be 1.4.0 or later, which GuardDuty's "
            "sidecar and JSON fields of secrets need"
        )
    if source is ecs.PropagatedTagSource.SERVICE:
        raise ValueError(
            "propagate_tags is SERVICE; it must be TASK_DEFINITION or NONE, as no service starts "
            "the task"
        )
    if RUN_TAG in tags:
        raise ValueError(f"task_tags sets {RUN_TAG}, which the construct sets; leave it out")
    if len(tags) > _MOST_TAGS:
        raise ValueError(
            f"task_tags has {len(tags)} tags; it may have up to {_MOST_TAGS}, as ECS takes "
            f"{MOST_TAGS} and one is {RUN_TAG}"
        )


def _check_environment(stack: Stack, environment: Mapping[str, str]) -> None:
    if Variable.MAX_RUNTIME_SECONDS in environment:
        raise ValueError(
            f"environment sets {Variable.MAX_RUNTIME_SECONDS}; set max_runtime instead"
        )
    if Variable.SCHEDULED_AT in environment:
        raise ValueError(
            f"environment sets {Variable.SCHEDULED_AT}, which each run gets from the schedule's "
            "event; leave it out"
        )
    for name, value in environment.items():
        prop = f"environment[{name!r}]"
        found = resolved_name(stack, prop, value) if is_token(value) else value
        if is_plain_secret(found):
            raise ValueError(
                f"{prop} takes a secret's value, which CloudFormation would write "
                "into the task definition; use secrets"
            )


def _default_container(task_definition: ecs.FargateTaskDefinition) -> ecs.ContainerDefinition:
    container = task_definition.default_container
    if container is None:
        raise ValueError("task_definition has no container; add the worker's before you pass it")
    return container


def _name_of_worker(container: WorkerContainer, brought: ecs.FargateTaskDefinition | None) -> str:
    if brought is None:
        return container.container_name or CONTAINER_NAME
    return _default_container(brought).container_name


def _security_group_of(
    task_definition: ecs.FargateTaskDefinition, vpc: ec2.IVpc
) -> ec2.ISecurityGroup:
    # Under the id that the CDK's rule target looks for, so that both have one group.
    found = task_definition.node.try_find_child("SecurityGroup")
    if isinstance(found, ec2.SecurityGroup):
        return found
    return define_security_group(task_definition, vpc)


publication.publish()
