"""What the ECS agent needs to pull an image that a text names, not a construct."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from aws_cdk import Annotations, Arn, ArnComponents, Stack, Token
from aws_cdk import aws_iam as iam

from bixarena_constructs.aws.ecr_image import EcrRepository, is_like_ecr, may_be_in_ecr
from bixarena_constructs.cdk.neighbours import resolved_name
from bixarena_constructs.cdk.permissions import policies_of
from bixarena_constructs.cdk.resolved_text import as_text, readable_text
from bixarena_constructs.cdk.tokens import is_token

if TYPE_CHECKING:
    from aws_cdk import aws_ecs as ecs
    from constructs import Construct

__all__ = ["note_granted_pull", "pull_statements"]

_PULL: Final = "ecr:BatchGetImage"
_TOKEN: Final = re.compile(r"\$\{Token\[[^]]+\]\}")
_PSEUDO_PARAMETER: Final = re.compile(r"\$\{(AWS::\w+)\}")
_VARIABLE: Final = re.compile(r"\$\{(\w[\w:.]*)\}")


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
        ValueError: The reference is a token that does not show its registry, or the registry is
            no host of ECR although it looks like it.
    """
    if EcrRepository.find(image) is None and is_like_ecr(image):
        raise ValueError(
            f"{place} {image!r} has the registry {image.partition('/')[0]!r}, which is none of "
            "ECR's; it must be as in 111122223333.dkr.ecr.us-east-1.amazonaws.com"
        )
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


def note_granted_pull(container: ecs.ContainerDefinition) -> None:
    """Take back the CDK's warning that the pull of an image in ECR is not granted: it is.

    Args:
        container: The container with the image.
    """
    Annotations.of(container).acknowledge_warning(
        "@aws-cdk/aws-ecs:ecrImageRequiresPolicy", "bixarena-constructs grants it"
    )


def _readable(stack: Stack, place: str, text: str) -> str:
    # A token stays where it is unless it resolves to text: of a resource of another stack, only
    # the token itself becomes an import.
    return _TOKEN.sub(lambda mark: _text_of(resolved_name(stack, place, mark[0])) or mark[0], text)


def _text_of(resolved: object) -> str | None:
    match resolved:
        case {"Fn::Join": ["", list(parts)]}:
            return "".join(readable_text(part) or Token.as_string(part) for part in parts)
        case {"Fn::Sub": str(template)}:
            return _filled(template, {})
        case {"Fn::Sub": [str(template), dict(values)]}:
            return _filled(template, values)
    return readable_text(resolved)


def _filled(template: str, values: dict[str, object]) -> str:
    def fill(variable: re.Match[str]) -> str:
        name, _, attribute = variable[1].partition(".")
        if name in values:
            return _text_of(values[name]) or Token.as_string(values[name])
        if name.startswith("AWS::"):
            return variable[0]
        reference = {"Fn::GetAtt": [name, attribute]} if attribute else {"Ref": name}
        return Token.as_string(reference)

    return _VARIABLE.sub(fill, template)


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
