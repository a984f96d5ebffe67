"""Faults of a task definition that ECS would refuse, or run otherwise."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from aws_cdk import Annotations
from aws_cdk import aws_ecs as ecs

from bixarena_constructs.cdk.resolved_text import as_text
from bixarena_constructs.cdk.task.size import require_fargate_size
from bixarena_constructs.cdk.tokens import is_token, read, resolved, resource_of
from bixarena_constructs.worker.contract import Variable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from aws_cdk import aws_logs as logs

__all__ = ["MOST_TAGS", "DefinitionCheck"]

MOST_TAGS: Final = 50
"""How many tags ECS takes for a task."""

# Of ECS, too.
_CONTAINER_NAME: Final = re.compile("[A-Za-z0-9_-]{1,255}")
_MOST_CONTAINERS: Final = 10
_LONGEST_DEFINITION: Final = 64 * 1024
# As reported in aws-cdk 38225; AWS documents no limit.
_MOST_VARIABLES: Final = 100


class DefinitionCheck:
    """Fails the synthesis if ECS would refuse the task definition or run it otherwise."""

    def __init__(
        self,
        task_definition: ecs.FargateTaskDefinition,
        *,
        worker: str,
        max_runtime: str,
        log_group: logs.ILogGroup | None = None,
        propagated_to: Collection[str] = (),
    ) -> None:
        """Take what is checked at synthesis.

        Args:
            task_definition: A task definition that the app defines.
            worker: Name of the worker's container.
            max_runtime: What its variable ``MAX_RUNTIME_SECONDS`` must be.
            log_group: Where it must log. Default: - it is not checked.
            propagated_to: Keys of a run's own tags, where the run takes the tags of the task
                definition, too. Default: - it does not.
        """
        self._log_group = log_group
        self._propagated_to = propagated_to
        self._task_definition = task_definition
        self._worker = worker
        self._max_runtime = max_runtime

    def validate(self) -> list[str]:
        """Return one sentence for each fault."""
        resource = resource_of(self._task_definition)
        if not isinstance(resource, ecs.CfnTaskDefinition):
            return []
        resolve = read(self._task_definition, "stack").resolve
        definitions = resolve(resource.container_definitions)
        containers = {as_text(each["name"]): each for each in definitions}
        memory = resolve(resource.memory)
        faults = [
            *_faults_of_size(resolve(resource.cpu), memory),
            *_faults_of_kind(resource, family=read(self._task_definition, "family")),
            *_faults_of_length(definitions),
            *self._faults_of_tags(resource),
        ]
        for container in definitions:
            faults += _faults_of_container(container, memory)
            self._warn_of_variables(container)
        name = as_text(resolved(self._task_definition, self._worker))
        if name not in containers:
            return [*faults, f"the task definition has no container {name!r} any more"]
        worker = containers[name]
        faults += _faults_of_worker(worker, resolve(self._max_runtime))
        if self._log_group is not None:
            faults += _faults_of_log(worker, resolve(self._log_group.log_group_name))
        return faults

    # `Any`: CloudFormation's JSON.
    def _warn_of_variables(self, container: Mapping[str, Any]) -> None:
        number = len(container.get("environment") or ())
        if number > _MOST_VARIABLES:
            Annotations.of(self._task_definition).add_warning_v2(
                "bixarena-constructs:manyVariables",
                f"the container {container['name']!r} has {number} plain variables; with more "
                f"than {_MOST_VARIABLES}, CloudFormation is reported to leave out all of them "
                "without an error: put some into a file that the worker reads",
            )

    def _faults_of_tags(self, resource: ecs.CfnTaskDefinition) -> Iterator[str]:
        if not self._propagated_to:
            return
        tags = {*self._propagated_to, *resource.tags.tag_values()}
        if len(tags) > MOST_TAGS:
            yield (
                f"a run has {len(tags)} tags, {len(self._propagated_to)} of its own and the rest "
                f"by propagate_tags; ECS takes up to {MOST_TAGS}: leave some out, or "
                "propagate_tags"
            )


# `Any`: CloudFormation's JSON, here and below.
def _faults_of_size(cpu: Any, memory: Any) -> Iterator[str]:
    if not all(str(each).isdecimal() for each in (cpu, memory)):
        return
    try:
        require_fargate_size(
            cpu=int(cpu), memory_limit_mib=int(memory), ephemeral_storage_gib=None
        )
    except ValueError as fault:
        yield f"of the task definition, {fault}"


def _faults_of_kind(resource: ecs.CfnTaskDefinition, *, family: str) -> Iterator[str]:
    if resource.family != family:
        yield (
            f"the family of the task definition is set to {resource.family}, and alerts follow "
            f"{family}; set family instead"
        )
    if resource.network_mode != "awsvpc":
        yield f"network_mode of the task definition is {resource.network_mode}; it must be awsvpc"
    compatible = resource.requires_compatibilities
    if "FARGATE" not in (compatible or ()):
        yield f"requires_compatibilities of the task definition is {compatible}; add FARGATE"


def _faults_of_length(definitions: list[dict[str, Any]]) -> Iterator[str]:
    if len(definitions) > _MOST_CONTAINERS:
        yield (
            f"the task definition has {len(definitions)} containers; ECS takes up to "
            f"{_MOST_CONTAINERS}"
        )
    names = [as_text(each["name"]) for each in definitions]
    if twice := ", ".join(sorted({name for name in names if names.count(name) > 1})):
        yield f"the task definition has more than one container {twice}; give each its own name"
    length = _known_length(definitions)
    if length > _LONGEST_DEFINITION:
        yield (
            f"the containers of the task definition have {length:,} characters of text, most of "
            f"it in {_longest_part(definitions)}, and ECS takes {_LONGEST_DEFINITION:,} for the "
            "whole task definition; put long values into a file that the worker reads"
        )


def _known_length(value: Any) -> int:
    # Less than ECS counts: of what is known at deployment only, nothing.
    match value:
        case str():
            return len(value)
        case list():
            return sum(map(_known_length, value))
        case dict():
            return sum(len(key) + _known_length(each) for key, each in value.items())
    return 0


def _longest_part(definitions: list[dict[str, Any]]) -> str:
    _length, part, name = max(
        (_known_length(value), part, as_text(each["name"]))
        for each in definitions
        for part, value in each.items()
    )
    return f"{part} of {name!r}"


def _faults_of_container(container: Mapping[str, Any], memory: Any) -> Iterator[str]:
    name, own = container["name"], container.get("memory", 0)
    if isinstance(name, str) and not (is_token(name) or _CONTAINER_NAME.fullmatch(name)):
        yield (f"the name of the container {name!r} must be 1 to 255 letters, digits, '_' and '-'")
    if isinstance(own, int) and str(memory).isdecimal() and own > int(memory):
        yield (
            f"the container {name!r} has {own} MiB of memory, more than the {memory} of its task; "
            "set memory_limit_mib of the task, or less for the container"
        )
    plain = {as_text(each["name"]) for each in container.get("environment") or ()}
    secret = {as_text(each["name"]) for each in container.get("secrets") or ()}
    if twice := ", ".join(sorted(plain & secret)):
        yield (
            f"the container {name!r} takes {twice} from its environment and from a secret; ECS "
            "refuses that: set it in one of them"
        )


def _faults_of_log(container: Mapping[str, Any], log_group: object) -> Iterator[str]:
    name, logging = container["name"], container.get("logConfiguration") or {}
    found = (logging.get("options") or {}).get("awslogs-group")
    # A name that is written out may be that of a reference.
    if found not in (None, log_group) and isinstance(found, str) is isinstance(log_group, str):
        yield (
            f"the container {name!r} logs to {found}, and log_group is {log_group}; pass the log "
            "group that it logs to"
        )


def _faults_of_worker(container: Mapping[str, Any], max_runtime: object) -> Iterator[str]:
    variables = {
        as_text(each["name"]): each.get("value")
        for kind in ("environment", "secrets")
        for each in container.get(kind) or ()
    }
    longest = variables.get(Variable.MAX_RUNTIME_SECONDS)
    if longest != max_runtime:
        yield (
            f"{Variable.MAX_RUNTIME_SECONDS} of the container {container['name']!r} is "
            f"{longest}, and alarms follow max_runtime, {max_runtime} seconds; set "
            "max_runtime instead"
        )
    if Variable.SCHEDULED_AT in variables:
        yield (
            f"the container {container['name']!r} sets {Variable.SCHEDULED_AT}, which each run "
            "gets from what starts it; leave it out"
        )
