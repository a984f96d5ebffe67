"""Decryption of secrets under a customer's key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import aws_kms as kms
from aws_cdk import aws_secretsmanager as secretsmanager

from bixarena_constructs.cdk.task.secret_decryption import decrypt_statements, imported_keys

if TYPE_CHECKING:
    from aws_cdk import Stack

KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def test_finds_the_imported_key_of_an_imported_secret(stack: Stack) -> None:
    key = kms.Key.from_key_arn(stack, "Key", KEY)
    secret = secretsmanager.Secret.from_secret_attributes(
        stack,
        "Encrypted",
        secret_complete_arn="arn:aws:secretsmanager:us-east-1:111122223333:secret:arena-AbCdEf",
        encryption_key=key,
    )
    assert [one.key_arn for one in imported_keys([secret])] == [KEY]


def test_leaves_a_key_of_the_app_to_the_cdk(stack: Stack, secret: secretsmanager.ISecret) -> None:
    owned = secretsmanager.Secret(stack, "Owned", encryption_key=kms.Key(stack, "Key"))
    assert imported_keys([owned, secret]) == []


def test_decrypts_through_the_services_that_hold_secrets_only(stack: Stack) -> None:
    key = kms.Key.from_key_arn(stack, "Key", KEY)
    (statement,) = decrypt_statements(stack, [key, key])
    assert stack.resolve(statement.to_statement_json()) == {
        "Action": "kms:Decrypt",
        "Effect": "Allow",
        "Resource": KEY,
        "Condition": {
            "StringEquals": {
                "kms:ViaService": [
                    {"Fn::Join": ["", [service, {"Ref": "AWS::Region"}, ".amazonaws.com"]]}
                    for service in ("secretsmanager.", "ssm.")
                ]
            }
        },
    }


def test_decrypts_nothing_without_a_key(stack: Stack) -> None:
    assert decrypt_statements(stack, []) == ()
