"""What ECS hands a container when it starts it: a command, an environment, a log stream."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.services import ecs

from local_aws.answers import RefusedError
from local_aws.containers import ContainerStartError
from local_aws.permissions import require_role
from local_aws.secrets import check_registry_credentials, read_value

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from local_aws.containers import Images

__all__ = ["Launch", "prepare"]

# `Any` below: records of ministack, which has no types.
_Record = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Launch:
    """A container about to start.

    Attributes:
        command: Program and arguments.
        environment: What is added to the image's own.
        on_line: Takes each line that the container writes.
    """

    command: Sequence[str]
    environment: dict[str, str]
    on_line: Callable[[str], None]


def prepare(
    task: _Record, task_definition: _Record, *, overrides: list[_Record], images: Images
) -> list[Launch]:
    """Return what to launch for each container definition, in their order.

    As on Fargate, everything that the execution role fetches comes before any image.

    Raises:
        ContainerStartError: A secret, the registry's credentials, a log group or an image cannot
            be fetched; the message is the one that AWS gives.
    """
    definitions: list[_Record] = task_definition["containerDefinitions"]
    role_arn = task_definition["executionRoleArn"]
    override_of = {override["name"]: override for override in overrides}
    secrets = [_secrets(each, role_arn) for each in definitions]
    sinks = [_log_sink(task, each, role_arn) for each in definitions]
    return [
        Launch(
            command=_command(each, override_of.get(each["name"], {}), images),
            # Later ones win: an override over a secret, a secret over what the agent sets.
            environment={
                **_agent_variables(task, task_definition, each),
                **_variables(each),
                **values,
                **_variables(override_of.get(each["name"], {})),
            },
            on_line=on_line,
        )
        for each, values, on_line in zip(definitions, secrets, sinks, strict=True)
    ]


def _agent_variables(
    task: _Record, task_definition: _Record, definition: _Record
) -> dict[str, str]:
    """Return what Fargate sets in every container."""
    set_by_ministack: dict[str, str] = {}
    token = ecs._register_metadata(
        task["taskArn"],
        task["clusterArn"],
        task_definition,
        definition,
        task["launchType"],
        set_by_ministack,
        host_mode=True,
        ministack_net_ip=None,
    )
    task.setdefault("_metadata_tokens", []).append(token)
    metadata = "ECS_CONTAINER_METADATA_URI_V4"
    return {
        "AWS_DEFAULT_REGION": get_region(),
        "AWS_EXECUTION_ENV": "AWS_ECS_FARGATE",
        "AWS_REGION": get_region(),
        metadata: set_by_ministack[metadata],
    }


def _variables(definition: _Record) -> dict[str, str]:
    # A template may hold a number, which CloudFormation would have made a string.
    return {each["name"]: str(each["value"]) for each in definition.get("environment", [])}


def _secrets(definition: _Record, role_arn: str) -> dict[str, str]:
    credentials = definition.get("repositoryCredentials", {}).get("credentialsParameter")
    try:
        if credentials:
            check_registry_credentials(credentials, role_arn)
        return {
            each["name"]: read_value(each["valueFrom"], role_arn)
            for each in definition.get("secrets", [])
        }
    except RefusedError as error:
        raise ContainerStartError(
            "ResourceInitializationError: unable to pull secrets or registry auth: execution "
            "resource retrieval failed: unable to retrieve secret from asm: service call has "
            f"been retried 1 time(s): {error.code}: {error}"
        ) from None


def _log_sink(task: _Record, definition: _Record, role_arn: str) -> Callable[[str], None]:
    """Return what forwards lines to the container's log stream, if it has one."""
    task_id = task["taskArn"].rpartition("/")[2]
    config = ecs._awslogs_config(definition, task_id, task_id)
    if config is None:
        return lambda _line: None
    account, region = get_account_id(), config["region"] or get_region()
    try:
        with request_scope(account, region):
            _open_stream(config, role_arn)
    except RefusedError as error:
        raise ContainerStartError(
            "ResourceInitializationError: failed to validate logger args: create stream has been "
            f"retried 1 times: failed to create Cloudwatch log stream: {error.code}: {error}"
        ) from None

    def forward(line: str) -> None:
        if line:  # CloudWatch Logs takes no empty messages, and the driver leaves them out
            with request_scope(account, region):
                ecs._emit_awslogs_event(config, line)

    return forward


def _open_stream(config: _Record, role_arn: str) -> None:
    stream_arn = (
        f"arn:aws:logs:{get_region()}:{get_account_id()}:log-group:{config['group']}"
        f":log-stream:{config['stream']}"
    )
    for action in ("logs:CreateLogStream", "logs:PutLogEvents"):
        require_role(role_arn, action, stream_arn)
    if not ecs._ensure_awslogs_stream(config):
        raise RefusedError("ResourceNotFoundException", "The specified log group does not exist.")


def _command(definition: _Record, override: _Record, images: Images) -> Sequence[str]:
    """Return entry point and command; the entry point is the image's own where none is given."""
    own = images.entry_point_of(definition["image"])
    command = override.get("command") or definition.get("command") or []
    return [*(definition.get("entryPoint") or own), *command]
