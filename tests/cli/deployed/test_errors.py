"""AWS's complaints, in one line each."""

from __future__ import annotations

import pytest
from botocore.exceptions import (
    ClientError,
    CredentialRetrievalError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    SSOTokenLoadError,
)

from bixarena_constructs.cli.errors import explained, is_denied


def answer(code: str, message: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "RunTask")


DENIED = (
    "User: arn:aws:iam::111122223333:user/a is not authorized to perform: ecs:RunTask on "
    "resource: arn:aws:ecs:us-east-1:111122223333:task-definition/worker:1"
)


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (answer("AccessDeniedException", DENIED), 77, "do not allow ecs:RunTask"),
        (answer("UnauthorizedOperation", "no"), 77, "do not allow RunTask"),
        (answer("ExpiredTokenException", "x"), 77, "credentials have expired"),
        (answer("UnrecognizedClientException", "x"), 77, "does not know these credentials"),
        (answer("ThrottlingException", "Rate exceeded"), 74, "Rate exceeded"),
        (NoCredentialsError(), 77, "no AWS credentials were found"),
        (SSOTokenLoadError(error_msg="gone"), 77, "the AWS login has expired"),
        (PartialCredentialsError(provider="env", cred_var="x"), 77, "credentials are incomplete"),
        (CredentialRetrievalError(provider="p", error_msg="x"), 77, "cannot be read"),
        (NoRegionError(), 64, "name one with --region"),
    ],
)
def test_says_what_is_wrong_and_whose_turn_it_is(
    error: ClientError, code: int, message: str
) -> None:
    known = explained(error)
    assert known.exit_code == code
    assert message in str(known)
    assert "\n" not in str(known)


def test_tells_a_denial_from_other_errors() -> None:
    assert is_denied(answer("AccessDenied", ""))
    assert not is_denied(answer("Throttling", ""))
