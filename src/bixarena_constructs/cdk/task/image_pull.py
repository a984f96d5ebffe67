"""What the ECS agent needs to pull an image that a text names, not a construct."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from aws_cdk import Arn, ArnComponents, Stack, Token
from aws_cdk import aws_iam as iam

from bixarena_constructs.aws.ecr_image import EcrRepository, may_be_in_ecr
from bixarena_constructs.cdk.neighbours import resolved_name
from bixarena_constructs.cdk.permissions import policies_of
from bixarena_constructs.cdk.resolved_text import as_text, readable_text
from bixarena_constructs.cdk.tokens import is_token

if TYPE_CHECKING:
    from constructs import Construct

__all__ = ["pull_statements"]

_PULL: Final = "ecr:BatchGetImage"
_TOKEN: Final = re.compile(r"\$\{Token\[[^]]+\]\}")
_PSEUDO_PARAMETER: Final = re.compile(r"\$\{(AWS::\w+)\}")


def pull_statements(
    scope: Construct, place: str, image: str, *, role: iam.IRole | None = None
) -> tuple[iam.PolicyStatement, ...]:
    """Return what it takes to pull an image from ECR; nothing for any other registry.

    The CDK grants it for an image that comes from a repository or an asset, but not for a text,
    such as the ``image_uri`` of an asset.

    Args:
        scope: A construct in the stack of the task.
        place: What the message names: the prop or the container.
        image: Reference of the image, with or without tokens.
        role: The execution role; what it may pull already is left out. Default: - none is asked.

    Raises:
        ValueError: The reference is a token that does not show its registry.
    """
    if not is_token(image) and not may_be_in_ecr(image) and EcrRepository.find(image) is None:
        return ()
    stack = Stack.of(scope)
    text = _readable(stack, place, image)
    repository = EcrRepository.find(text)
    if repository is None:
        if may_be_in_ecr(text):
            raise ValueError(
                f"{place} is a token that does not show its registry, so a repository of ECR "
                "would get no pull permission; it must be written out but for the tag, as in "
                'f"ghcr.io/arena/worker:{tag}", or be '
                "ecs.ContainerImage.from_ecr_repository(repository, tag)"
            )
        return ()
    arn = Arn.format(
        ArnComponents(
            service="ecr",
            region=_with_tokens(repository.region),
            account=_with_tokens(repository.account),
            resource="repository",
            resource_name=_with_tokens(repository.name),
        ),
        stack,
    )
    if role is not None and _may_pull(stack, role, arn):
        return ()
    return (
        # IAM allows it on "*" only.
        iam.PolicyStatement(actions=["ecr:GetAuthorizationToken"], resources=["*"]),
        iam.PolicyStatement(
            actions=["ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", _PULL],
            resources=[arn],
        ),
    )


def _readable(stack: Stack, place: str, text: str) -> str:
    # A token stays where it is unless it resolves to text: of a resource of another stack, only
    # the token itself becomes an import.
    return _TOKEN.sub(lambda mark: _text_of(resolved_name(stack, place, mark[0])) or mark[0], text)


def _text_of(resolved: object) -> str | None:
    match resolved:
        case {"Fn::Join": ["", list(parts)]}:
            return "".join(readable_text(part) or Token.as_string(part) for part in parts)
    return readable_text(resolved)


def _with_tokens(text: str) -> str:
    return _PSEUDO_PARAMETER.sub(lambda found: Token.as_string({"Ref": found[1]}), text)


def _may_pull(stack: Stack, role: iam.IRole, arn: str) -> bool:
    wanted = _resource_of(stack, arn)
    return any(
        # The CDK names a repository of the app by its ARN, of which the image has parts.
        wanted.endswith(granted) or (granted.startswith("{") and granted in wanted)
        for policy in policies_of(role)
        for statement in policy.document.to_json()["Statement"]
        if _PULL in statement["Action"]
        for granted in (_resource_of(stack, one) for one in _as_list(statement["Resource"]))
    )


def _resource_of(stack: Stack, arn: object) -> str:
    text = as_text(stack.resolve(arn))
    # Without its partition, which may be a name or a reference.
    return text.partition(":ecr:")[2] or text


def _as_list(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]
