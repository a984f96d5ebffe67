"""Patches of ministack's CloudFormation: task definitions, secrets, rules and topics."""

from __future__ import annotations

import json
from typing import Any, TypeAlias

from ministack.services import ecs, secretsmanager, sns
from ministack.services.cloudformation import provisioners

from local_aws.answers import accepted
from local_aws.patching import replace

__all__ = ["Created", "Properties", "apply", "camel_case"]

# Maps whose keys are the user's own words, and so keep their case.
_FREE_FORM = frozenset({"options", "dockerLabels", "driverOpts", "labels"})

# `Any` below: properties and records of ministack, which has no types.
Properties: TypeAlias = dict[str, Any]
Created: TypeAlias = tuple[str, Properties]


def apply() -> None:
    """Patch the resource types below in this process."""
    _patch_task_definitions()
    _patch_secrets()
    _patch_rules()
    _patch_topics()


def camel_case(value: Any) -> Any:
    """Turn CloudFormation's property names into the ECS API's, at every depth."""
    if isinstance(value, list):
        return [camel_case(item) for item in value]
    if not isinstance(value, dict):
        return value
    turned = {key[:1].lower() + key[1:]: item for key, item in value.items()}
    return {key: item if key in _FREE_FORM else camel_case(item) for key, item in turned.items()}


def _patch_task_definitions() -> None:
    """Register a template's task definition as a caller of the API would.

    AWS registers all of it. Ministack leaves the names of nested properties as the template
    spells them, so that ``Secrets`` is not what the agent looks for, and drops the runtime
    platform and the ephemeral storage.
    """

    def create(logical_id: str, properties: Properties, stack_name: str) -> Created:
        request = {"family": f"{stack_name}-{logical_id}", **camel_case(properties)}
        answer = accepted(ecs._register_task_definition(request))
        arn = answer["taskDefinition"]["taskDefinitionArn"]
        return arn, {"TaskDefinitionArn": arn}

    handlers = provisioners._RESOURCE_HANDLERS["AWS::ECS::TaskDefinition"]
    replace(handlers, "create", lambda _original: create)
    # The handler of updates calls it by this name.
    replace(vars(provisioners), "_ecs_task_def_create", lambda _original: create)


def _patch_secrets() -> None:
    """Make the physical id of a secret, which is what ``Ref`` returns, its ARN.

    On AWS it is; in ministack it is the name, by which ECS finds no secret.
    """

    def create(original: Any) -> Any:
        return lambda *arguments: _known_by_arn(original(*arguments))

    def update(original: Any) -> Any:
        return lambda *arguments: _known_by_arn(original(*_known_by_name(arguments)))

    def delete(original: Any) -> Any:
        return lambda *arguments: original(*_known_by_name(arguments))

    handlers = provisioners._RESOURCE_HANDLERS["AWS::SecretsManager::Secret"]
    for make in (create, update, delete):
        replace(handlers, make.__name__, make)
        # The handler of updates calls the others by these names to replace a secret.
        replace(vars(provisioners), f"_sm_secret_{make.__name__}", make)


def _known_by_arn(created: Created) -> Created:
    _, attributes = created
    return attributes["Arn"], attributes


def _known_by_name(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """Turn a physical id, the first argument, back into the name that ministack stores by."""
    name, _ = secretsmanager._resolve(arguments[0])
    return (name or arguments[0], *arguments[1:])


def _patch_rules() -> None:
    """Spell the network configuration and the tags of a rule's ECS target as the Events API does.

    AWS answers ``ListTargetsByRule`` with ``awsvpcConfiguration`` and ``Tags``. Ministack keeps
    the template's ``AwsVpcConfiguration`` and ``TagList``, which clients drop as unknown.
    """

    def spelled(original: Any) -> Any:
        def handler(*arguments: Any, **named: Any) -> Created:
            created: Created = original(*(_spell_targets(each) for each in arguments), **named)
            return created

        return handler

    handlers = provisioners._RESOURCE_HANDLERS["AWS::Events::Rule"]
    for key in ("create", "update"):
        replace(handlers, key, spelled)


def _spell_targets(argument: Any) -> Any:
    """Return properties of a rule with the API's spelling, and anything else unchanged."""
    if not isinstance(argument, dict) or "Targets" not in argument:
        return argument
    return {**argument, "Targets": [_spell_target(each) for each in argument["Targets"]]}


def _spell_target(target: Properties) -> Properties:
    parameters = dict(target.get("EcsParameters", {}))
    network = parameters.get("NetworkConfiguration", {})
    if "AwsVpcConfiguration" in network:
        spelled = {"awsvpcConfiguration": network["AwsVpcConfiguration"]}
        parameters["NetworkConfiguration"] = spelled
    if "TagList" in parameters:
        parameters["Tags"] = parameters.pop("TagList")
    return {**target, "EcsParameters": parameters} if parameters else target


def _patch_topics() -> None:
    """Give a template's topic the key that it names, and the policy that AWS gives by default.

    Ministack drops the key, and its default policy lets everybody publish where that of AWS lets
    only callers of the account.
    """

    def guarded(original: Any) -> Any:
        def handler(*arguments: Any) -> Created:
            arn, attributes = original(*arguments)
            properties = [each for each in arguments if isinstance(each, dict)][-1]
            _guard_topic(sns._topics[arn]["attributes"], properties)
            return arn, attributes

        return handler

    handlers = provisioners._RESOURCE_HANDLERS["AWS::SNS::Topic"]
    for key in ("create", "update"):
        replace(handlers, key, guarded)


def _guard_topic(stored: Properties, properties: Properties) -> None:
    if "KmsMasterKeyId" in properties:
        stored["KmsMasterKeyId"] = properties["KmsMasterKeyId"]
    policy = json.loads(stored["Policy"])
    if policy.get("Id") == "__default_policy_ID":
        condition = {"StringEquals": {"AWS:SourceOwner": stored["Owner"]}}
        policy["Statement"][0]["Condition"] = condition
        stored["Policy"] = json.dumps(policy)
