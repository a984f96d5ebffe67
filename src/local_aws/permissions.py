"""What the roles and the resource policies of a deployment allow AWS's services to do.

AWS checks this at every run, so that a stack can deploy well and never work: an events role that
may not pass the task's role, a topic's key that shuts EventBridge out. Ministack checks either
every call, with gaps that the CDK's own deployment falls into, or none, which is its default.
Here a caller may do anything, and the services only what they were granted; see `callers` for who
comes with a role's credentials.
"""

from __future__ import annotations

from contextvars import ContextVar
from itertools import count
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudwatch, iam, kms, sns, sqs

from local_aws.answers import RefusedError
from local_aws.patching import replace

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["apply", "require_publish", "require_role", "require_service"]

_NOTHING: Mapping[str, str] = MappingProxyType({})
_simulated: ContextVar[Mapping[str, str]] = ContextVar("simulated", default=_NOTHING)
_ALARM_ACTIONS = ("OKActions", "AlarmActions", "InsufficientDataActions")


def apply() -> None:
    """Patch what SNS and alarms may do in this process."""
    replace(iam._IAM_HANDLERS, "SimulatePrincipalPolicy", _simulate_principal_policy)
    replace(vars(iam_evaluator), "evaluate", _evaluate)
    replace(vars(sqs), "queue_policy_allows", lambda _original: _queue_policy_allows)
    replace(vars(cloudwatch), "_dispatch_alarm_actions", _dispatch_alarm_actions)


def _simulate_principal_policy(original: Any) -> Any:
    """Pass the caller's values of condition keys to the simulator.

    AWS's does. Ministack's drops them, and so denies what a condition allows.
    """

    def handler(parameters: Any) -> Any:
        token = _simulated.set(_context_entries(parameters))
        try:
            return original(parameters)
        finally:
            _simulated.reset(token)

    return handler


def _context_entries(parameters: Any) -> dict[str, str]:
    entries = {}
    for number in count(1):
        prefix = f"ContextEntries.member.{number}"
        name = iam._p(parameters, f"{prefix}.ContextKeyName")
        if not name:
            break
        value = iam._p(parameters, f"{prefix}.ContextKeyValues.member.1")
        entries[name.lower()] = value
    return entries


def _evaluate(original: Any) -> Any:
    def evaluate(context: Any, *policies: Any) -> Any:
        context.service_context.update(_simulated.get())
        return original(context, *policies)

    return evaluate


def require_role(
    role_arn: str,
    action: str,
    resource: str,
    *,
    request_tags: Mapping[str, str] = _NOTHING,
    resource_tags: Mapping[str, str] = _NOTHING,
    **conditions: str,
) -> None:
    """Refuse what a role's policies, and the resource's own if it counts, do not allow.

    Args:
        role_arn: The role that a service has assumed.
        action: As in ``ecs:RunTask``.
        resource: ARN of what is acted on.
        request_tags: Tags that the call gives.
        resource_tags: Tags of what is acted on.
        conditions: Condition keys, with an underscore for the colon.

    Raises:
        RefusedError: Not allowed.
    """
    service = action.partition(":")[0]
    context = _context(role_arn, action, resource, conditions)
    context.request_tags = dict(request_tags)
    context.tag_keys = list(request_tags) or None
    context.service_context.update(
        {f"aws:resourcetag/{key}".lower(): value for key, value in resource_tags.items()}
    )
    name = role_arn.rpartition("/")[2]
    policies = iam_evaluator._gather_role_policies(name, get_account_id())
    result = iam_evaluator.evaluate(context, policies)
    own_policy = iam_evaluator._resource_policy(service, resource)
    if own_policy is not None:
        result = iam_evaluator.combine_resource_policy(
            result, context, *own_policy, required=service == "kms"
        )
    _require(result, role_arn, action, resource)


def require_service(principal: str, action: str, resource: str, **conditions: str) -> None:
    """Refuse a service what the resource's own policy does not allow it.

    Args:
        principal: As in ``events.amazonaws.com``.
        action: As in ``sqs:SendMessage``.
        resource: ARN of what is acted on.
        conditions: Condition keys, with an underscore for the colon.

    Raises:
        RefusedError: Not allowed.
    """
    policy, _ = iam_evaluator._resource_policy(action.partition(":")[0], resource) or ("", None)
    context = _context("*", action, resource, conditions)
    result = iam_evaluator.evaluate_resource_policy(policy, context, service=principal)
    _require(result, principal, action, resource)


def require_publish(principal: str, topic_arn: str, **conditions: str) -> None:
    """Refuse a service a topic whose policy, or whose key's, shuts it out.

    Raises:
        RefusedError: Not allowed.
    """
    require_service(principal, "sns:Publish", topic_arn, **conditions)
    topic = sns._topic_by_arn_any_scope(topic_arn) or {}
    key_id = topic.get("attributes", {}).get("KmsMasterKeyId")
    if key_id:
        # The key that AWS manages for SNS lets no service in, and is not stored here.
        key_arn = (kms._resolve_key(key_id) or {}).get("Arn", key_id)
        for action in ("kms:GenerateDataKey", "kms:Decrypt"):
            require_service(principal, action, key_arn, **conditions)


# `Any` below: ministack has no types.
def _context(principal: str, action: str, resource: str, conditions: dict[str, str]) -> Any:
    return iam_evaluator.EvalContext(
        principal_arn=principal,
        principal_type="Service" if principal == "*" else "AssumedRole",
        principal_account="" if principal == "*" else get_account_id(),
        action=action,
        resource_arn=resource,
        region=get_region(),
        # AWS's services talk to each other by TLS, whatever this machine's do.
        secure_transport=True,
        service_context={
            "aws:sourceaccount": get_account_id(),
            **{name.replace("_", ":").lower(): value for name, value in conditions.items()},
        },
    )


def _require(result: Any, principal: str, action: str, resource: str) -> None:
    if result.decision != "Allow":
        raise RefusedError(
            "AccessDeniedException",
            f"{principal} is not authorized to perform: {action} on resource: {resource}",
        )


def _queue_policy_allows(queue_arn: str, service: str, source_arn: str, _account: str) -> bool:
    """Ask the queue's policy when SNS delivers, as AWS always does."""
    try:
        require_service(service, "sqs:SendMessage", queue_arn, aws_SourceArn=source_arn)
    except RefusedError:
        return False
    return True


def _dispatch_alarm_actions(original: Any) -> Any:
    """Publish an alarm's change only to the topics that let CloudWatch in."""

    def lets_in(alarm: dict[str, Any], topic_arn: str) -> bool:
        try:
            require_publish(
                "cloudwatch.amazonaws.com",
                topic_arn,
                aws_SourceArn=alarm["AlarmArn"],
                # For alarms AWS also names the owner, whom a topic's default policy admits.
                aws_SourceOwner=get_account_id(),
            )
        except RefusedError:
            return False
        return True

    def handler(alarm: dict[str, Any], *arguments: Any) -> None:
        allowed = {
            name: [arn for arn in alarm.get(name) or [] if lets_in(alarm, arn)]
            for name in _ALARM_ACTIONS
        }
        original({**alarm, **allowed}, *arguments)

    return handler
