"""Whether ECS can find a secret by its ARN."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from aws_cdk import CfnParameter, Fn
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_ssm as ssm
from aws_cdk.assertions import Annotations, Match

from bixarena_constructs.cdk.task.secret_arns import (
    SecretsCheck,
    is_incomplete,
    require_complete_arn,
)

if TYPE_CHECKING:
    from aws_cdk import Stack

ARN = "arn:aws:secretsmanager:us-east-1:111122223333:secret"


def imported(stack: Stack, name: str) -> secretsmanager.ISecret:
    return secretsmanager.Secret.from_secret_complete_arn(stack, name, f"{ARN}:{name}")


@pytest.mark.parametrize(
    ("arn", "expected"),
    [
        (f"{ARN}:arena-AbCdEf", False),
        (f"{ARN}:arena-AbCdEf:field::", False),
        (f"{ARN}:arena-AbCdEf::AWSCURRENT:", False),
        (f"{ARN}:arena", True),
        (f"{ARN}:arena:field::", True),
        (f"{ARN}:arena-AbCdE", True),
        ({"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":x:secret:arena"]]}, True),
        ({"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":x:secret:a-AbCdEf"]]}, False),
        # A reference, with a field behind it: CloudFormation fills in the complete ARN.
        ({"Fn::Join": ["", [{"Ref": "Secret"}, ":field::"]]}, False),
        ({"Ref": "Secret"}, False),
        ("arn:aws:ssm:us-east-1:111122223333:parameter/arena", False),
    ],
)
def test_sees_what_an_arn_lacks(arn: object, *, expected: bool) -> None:
    assert is_incomplete(arn) is expected


@pytest.mark.parametrize("field", [None, "password"])
def test_refuses_a_ready_secret_without_the_end_of_its_arn(
    stack: Stack, field: str | None
) -> None:
    named = secretsmanager.Secret.from_secret_name_v2(stack, "Named", "arena")
    ready = ecs.Secret.from_secrets_manager(named, field)
    with pytest.raises(ValueError, match=r"secrets has .*from_secret_complete_arn"):
        require_complete_arn(stack, "secrets", ready)


def test_refuses_a_secret_by_a_name_that_ends_as_an_arn_would(stack: Stack) -> None:
    for secret in (
        secretsmanager.Secret.from_secret_name_v2(stack, "Named", "bixarena-worker"),
        secretsmanager.Secret.from_secret_partial_arn(stack, "Part", f"{ARN}:bixarena-worker"),
    ):
        with pytest.raises(ValueError, match="without its complete ARN"):
            require_complete_arn(stack, "secrets", secret)


def test_warns_of_an_arn_whose_end_may_be_part_of_the_name(stack: Stack) -> None:
    require_complete_arn(stack, "secrets", imported(stack, "bixarena-worker"))
    Annotations.from_stack(stack).has_warning(
        "/Stack", Match.string_like_regexp("'worker' .*bixarena-constructs:doubtfulSecretArn")
    )


def test_does_not_warn_of_an_arn_that_is_plainly_complete(stack: Stack) -> None:
    require_complete_arn(stack, "secrets", imported(stack, "bixarena-worker-AbCdEf"))
    assert not Annotations.from_stack(stack).find_warning("*", Match.any_value())


def test_lets_tokens_through(stack: Stack) -> None:
    parameter = CfnParameter(stack, "Arn").value_as_string
    for number, arn in enumerate((parameter, Fn.import_value("arn"))):
        secret = secretsmanager.Secret.from_secret_complete_arn(stack, f"Token{number}", arn)
        require_complete_arn(stack, "secrets", secret)
        require_complete_arn(stack, "secrets", ecs.Secret.from_secrets_manager(secret, "field"))


def test_lets_a_parameter_of_systems_manager_through(stack: Stack) -> None:
    parameter = ssm.StringParameter.from_string_parameter_name(stack, "Parameter", "/arena")
    require_complete_arn(stack, "secrets", ecs.Secret.from_ssm_parameter(parameter))


class TestSecretsCheck:
    def test_finds_what_no_prop_shows(self, stack: Stack) -> None:
        named = secretsmanager.Secret.from_secret_name_v2(stack, "Named", "arena")
        definition = ecs.FargateTaskDefinition(stack, "TaskDef")
        definition.add_container(
            "worker",
            image=ecs.ContainerImage.from_registry("ghcr.io/arena/worker", credentials=named),
            secrets={"TOKEN": ecs.Secret.from_secrets_manager(named)},
        )
        assert [fault.partition(" has ")[0] for fault in SecretsCheck(definition).validate()] == [
            "the secret TOKEN of the container 'worker'",
            "the registry's credentials of the container 'worker'",
        ]

    def test_has_nothing_against_complete_ones(self, stack: Stack) -> None:
        secret = imported(stack, "arena-AbCdEf")
        definition = ecs.FargateTaskDefinition(stack, "TaskDef")
        definition.add_container(
            "worker",
            image=ecs.ContainerImage.from_registry("ghcr.io/arena/worker", credentials=secret),
            secrets={"TOKEN": ecs.Secret.from_secrets_manager(secret, "field")},
        )
        assert SecretsCheck(definition).validate() == []
