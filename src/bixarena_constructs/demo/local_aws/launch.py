"""What ECS hands a container when it starts it: a command, an environment, a log stream."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.services import ecs, secretsmanager, ssm

from bixarena_constructs.demo.local_aws.containers import ContainerStartError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bixarena_constructs.demo.local_aws.containers import Images

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
        ContainerStartError: A secret, the registry's credentials, a log group or an image is
            not to be had; the message has AWS's words for it.
    """
    definitions: list[_Record] = task_definition["containerDefinitions"]
    override_of = {override["name"]: override for override in overrides}
    environments = [
        _environment(task, task_definition, each, override_of.get(each["name"], {}))
        for each in definitions
    ]
    for each in definitions:
        _check_registry_credentials(each)
    sinks = [_log_sink(task, each) for each in definitions]
    commands = [_command(each, override_of.get(each["name"], {}), images) for each in definitions]
    return [
        Launch(command=command, environment=environment, on_line=on_line)
        for command, environment, on_line in zip(commands, environments, sinks, strict=True)
    ]


def _environment(
    task: _Record, task_definition: _Record, definition: _Record, override: _Record
) -> dict[str, str]:
    """Return what Fargate sets, then the definition's variables, its secrets, the overrides."""
    agent: dict[str, str] = {}
    token = ecs._register_metadata(
        task["taskArn"],
        task["clusterArn"],
        task_definition,
        definition,
        task["launchType"],
        agent,
        host_mode=True,
        ministack_net_ip=None,
    )
    task.setdefault("_metadata_tokens", []).append(token)
    return {
        "AWS_DEFAULT_REGION": get_region(),
        "AWS_EXECUTION_ENV": "AWS_ECS_FARGATE",
        "AWS_REGION": get_region(),
        "ECS_CONTAINER_METADATA_URI_V4": agent["ECS_CONTAINER_METADATA_URI_V4"],
        **_variables(definition),
        **{
            each["name"]: _secret_value(each["valueFrom"])
            for each in definition.get("secrets", [])
        },
        **_variables(override),
    }


def _variables(definition: _Record) -> dict[str, str]:
    return {each["name"]: each["value"] for each in definition.get("environment", [])}


def _secret_value(value_from: str) -> str:
    """Return the value of a secret, of a field of its JSON, or of an SSM parameter.

    AWS wants the whole ARN of a secret, and honours the version's stage and id. Ministack is
    content with the beginning of an ARN and always takes the current version.
    """
    if ":secretsmanager:" not in value_from:
        value = ssm.resolve_parameter_value(value_from, decrypt=True)
        if value is None:
            raise _no_resource(f"invalid ssm parameters: {value_from}")
        return str(value)
    # arn:partition:secretsmanager:region:account:secret:name[:json-key:stage:version-id]
    parts = value_from.split(":")
    arn = ":".join(parts[:7])
    json_key, stage, version = (*parts[7:], "", "", "")[:3]
    text = None
    if any(secret["ARN"] == arn for secret in secretsmanager._secrets.values()):
        text = secretsmanager.resolve_secret_string(arn, stage or "AWSCURRENT", version or None)
    if text is None:
        raise _no_resource(
            f"unable to retrieve secret from asm: {arn}: ResourceNotFoundException: "
            "Secrets Manager can't find the specified secret."
        )
    return _field(text, json_key, arn) if json_key else str(text)


def _field(text: str, json_key: str, arn: str) -> str:
    try:
        value = json.loads(text)[json_key]
    except (ValueError, KeyError, TypeError):
        # `from None`: the parser's message holds the secret's text.
        raise _no_resource(
            f"retrieved secret from Secrets Manager did not contain json key {json_key}: {arn}"
        ) from None
    return value if isinstance(value, str) else json.dumps(value)


def _check_registry_credentials(definition: _Record) -> None:
    try:
        ecs._resolve_repository_credentials(definition)
    except ecs._SecretResolutionError as error:
        raise _no_resource(str(error)) from None


def _no_resource(cause: str) -> ContainerStartError:
    return ContainerStartError(
        "ResourceInitializationError: unable to pull secrets or registry auth: "
        f"execution resource retrieval failed: {cause}"
    )


def _log_sink(task: _Record, definition: _Record) -> Callable[[str], None]:
    """Return what forwards lines to the container's log stream, if it has one."""
    task_id = task["taskArn"].rpartition("/")[2]
    config = ecs._awslogs_config(definition, task_id, task_id)
    if config is None:
        return lambda _line: None
    account, region = get_account_id(), config["region"] or get_region()
    with request_scope(account, region):
        if not ecs._ensure_awslogs_stream(config):
            raise ContainerStartError(
                "ResourceInitializationError: failed to validate logger args: create stream has "
                "been retried 1 times: failed to create Cloudwatch log stream: "
                "ResourceNotFoundException: The specified log group does not exist: "
                f"{config['group']}"
            )

    def forward(line: str) -> None:
        if line:  # CloudWatch Logs takes no empty messages, and the driver leaves them out
            with request_scope(account, region):
                ecs._emit_awslogs_event(config, line)

    return forward


def _command(definition: _Record, override: _Record, images: Images) -> Sequence[str]:
    """Return entry point and command, the image's own where none is given, as Docker does."""
    own = images.command_of(definition["image"])
    entry_point = definition.get("entryPoint") or []
    command = override.get("command") or definition.get("command")
    if command is None and not entry_point:
        command = own
    return [*entry_point, *(command or [])]
