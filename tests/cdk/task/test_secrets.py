"""The forms in which a container's secrets are named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_secretsmanager as secretsmanager

from bixarena_constructs.cdk.task.secrets import (
    RdsConnection,
    container_secrets,
    postgres_secrets,
    visible_secrets,
)

if TYPE_CHECKING:
    from aws_cdk import Stack
    from aws_cdk.aws_secretsmanager import ISecret


def test_takes_a_whole_secret(secret: ISecret, stack: Stack) -> None:
    made = container_secrets(stack, {"TOKEN": secret}, environment={})["TOKEN"]
    assert stack.resolve(made.arn) == secret.secret_arn
    assert not made.has_field


def test_takes_a_field_of_a_secret(secret: ISecret, stack: Stack) -> None:
    made = container_secrets(stack, {"PASSWORD": (secret, "password")}, environment={})["PASSWORD"]
    assert stack.resolve(made.arn) == f"{secret.secret_arn}:password::"
    assert made.has_field


def test_passes_a_ready_secret_as_it_is(secret: ISecret, stack: Stack) -> None:
    ready = ecs.Secret.from_secrets_manager(secret, "user")
    assert container_secrets(stack, {"USER": ready}, environment={})["USER"] is ready


def test_names_the_fields_of_a_secret_that_rds_generates(secret: ISecret, stack: Stack) -> None:
    made = container_secrets(stack, postgres_secrets(secret), environment={})
    assert {name: stack.resolve(one.arn).rsplit(":", 3)[1] for name, one in made.items()} == {
        "POSTGRES_DB": "dbname",
        "POSTGRES_HOST": "host",
        "POSTGRES_PASSWORD": "password",
        "POSTGRES_PORT": "port",
        "POSTGRES_USER": "username",
    }


def test_names_the_fields_of_a_second_secret_for_where_the_votes_are_counted(
    secret: ISecret, stack: Stack
) -> None:
    read = secretsmanager.Secret.from_secret_complete_arn(
        stack, "Read", "arn:aws:secretsmanager:us-east-1:111122223333:secret:warehouse-AbCdEf"
    )
    made = container_secrets(stack, postgres_secrets(secret, read=read), environment={})
    of_read = {name: one for name, one in made.items() if "READ" in name}
    assert made.keys() - of_read.keys() == postgres_secrets(secret).keys()
    assert {name: stack.resolve(one.arn).rsplit(":", 3)[1] for name, one in of_read.items()} == {
        "POSTGRES_READ_DB": "dbname",
        "POSTGRES_READ_HOST": "host",
        "POSTGRES_READ_PASSWORD": "password",
        "POSTGRES_READ_PORT": "port",
        "POSTGRES_READ_USER": "username",
    }
    assert all("warehouse" in stack.resolve(one.arn) for one in of_read.values())


def test_verifies_tls_with_the_certificates_of_the_image(secret: ISecret) -> None:
    connection = RdsConnection(secret, read=secret)
    assert connection.secrets == postgres_secrets(secret, read=secret)
    assert connection.environment == {
        "POSTGRES_SSLMODE": "verify-full",
        "POSTGRES_SSLROOTCERT": "/opt/rds/global-bundle.pem",
    }


def test_refuses_a_name_that_is_a_plain_variable_too(secret: ISecret, stack: Stack) -> None:
    with pytest.raises(ValueError, match="secrets and environment both set TOKEN"):
        container_secrets(
            stack, {"TOKEN": secret, "B": secret}, environment={"TOKEN": "x", "A": "y"}
        )


def test_refuses_an_empty_field(secret: ISecret, stack: Stack) -> None:
    with pytest.raises(ValueError, match=r"secrets\['TOKEN'\] names an empty JSON field"):
        container_secrets(stack, {"TOKEN": (secret, "")}, environment={})


def test_refuses_a_secret_without_the_end_of_its_arn(stack: Stack) -> None:
    named = secretsmanager.Secret.from_secret_name_v2(stack, "Named", "arena")
    with pytest.raises(ValueError, match=r"secrets\['TOKEN'\] .*from_secret_complete_arn"):
        container_secrets(stack, {"TOKEN": (named, "field")}, environment={})


def test_takes_a_secret_that_the_app_defines(stack: Stack) -> None:
    owned = secretsmanager.Secret(stack, "Owned")
    assert container_secrets(stack, {"TOKEN": owned}, environment={})


def test_sees_all_secrets_but_an_imported_one_made_ready_before(
    secret: ISecret, stack: Stack
) -> None:
    imported = ecs.Secret.from_secrets_manager(secret)
    owned = secretsmanager.Secret(stack, "Owned")
    ready = ecs.Secret.from_secrets_manager(owned, "field")
    seen = visible_secrets(stack, {"A": secret, "B": (secret, "field"), "C": imported, "D": ready})
    assert seen == {"secrets['A']": secret, "secrets['B']": secret, "secrets['D']": owned}
