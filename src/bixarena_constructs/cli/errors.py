"""Errors of commands on AWS; each has a message of one line and an exit code."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import typer
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)
from botocore.parsers import ResponseParserError

from bixarena_constructs.cli.exit_codes import (
    AWS_FAILED,
    NOT_ALLOWED,
    NOT_FOUND,
    NOT_STARTED,
    OUT_OF_SIGHT,
    STILL_RUNNING,
    USAGE,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "AWS_ERRORS",
    "FAILURES",
    "AwsFailedError",
    "CommandError",
    "NotAllowedError",
    "NotFoundError",
    "NotStartedError",
    "OutOfSightError",
    "StillRunningError",
    "UnusableOptionError",
    "exit_on_error",
    "explained",
    "is_denied",
    "may_pass",
]

AWS_ERRORS: Final = (BotoCoreError, ClientError, ResponseParserError)
"""What a call of AWS raises; the last is an answer that is no AWS's, such as a proxy's page."""

_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})
_UNKNOWN_CALLER = frozenset(
    {
        "AuthFailure",
        "IncompleteSignature",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_DENIED = frozenset(
    {"AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation"}
)
_LOG_IN: Final = "log in with `aws sso login`, or name a profile with --profile"
_PASSING_STATUSES = frozenset({429, 500, 502, 503, 504})
_ACTION = re.compile(r"perform(?::| action) ?([\w-]+:\w+)")


class CommandError(Exception):
    """A command cannot do its work.

    Attributes:
        exit_code: The exit code of the command line.
    """

    exit_code: int = AWS_FAILED


FAILURES: Final = (CommandError, *AWS_ERRORS)
"""What ends a command, or a part of it."""


class AwsFailedError(CommandError):
    """AWS was not reached, or answered with an error."""


class NotAllowedError(CommandError):
    """Credentials are missing or expired, or do not allow an action."""

    exit_code = NOT_ALLOWED


class NotFoundError(CommandError):
    """The stack, task or run does not exist."""

    exit_code = NOT_FOUND


class NotStartedError(CommandError):
    """The worker never ran."""

    exit_code = NOT_STARTED


class StillRunningError(CommandError):
    """The command stopped watching a run that goes on."""

    exit_code = STILL_RUNNING


class OutOfSightError(CommandError):
    """A run was started, or may have been, and how it goes on cannot be seen."""

    exit_code = OUT_OF_SIGHT


class UnusableOptionError(CommandError):
    """An option does not fit the deployed task."""

    exit_code = USAGE


_KNOWN: Final[tuple[tuple[tuple[type[BotoCoreError], ...], type[CommandError], str], ...]] = (
    ((PartialCredentialsError,), NotAllowedError, "the AWS credentials are incomplete: {}"),
    ((CredentialRetrievalError,), NotAllowedError, "the AWS credentials cannot be read: {}"),
    ((NoCredentialsError,), NotAllowedError, f"no AWS credentials were found; {_LOG_IN}"),
    ((TokenRetrievalError, SSOError), NotAllowedError, f"the AWS login has expired; {_LOG_IN}"),
    ((ProfileNotFound,), NotAllowedError, "{}; see `aws configure list-profiles`"),
    ((NoRegionError,), UnusableOptionError, "no AWS region is set; name one with --region"),
    ((EndpointConnectionError,), AwsFailedError, "{}; check the region and the network"),
)


def is_denied(error: ClientError) -> bool:
    """Return whether the caller's policies do not allow the call."""
    return _code(error) in _DENIED


def may_pass(error: BotoCoreError | ClientError | ResponseParserError) -> bool:
    """Return whether the same call may succeed a little later."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return status in _PASSING_STATUSES or "Throttl" in _code(error)
    return isinstance(error, (HTTPClientError, ResponseParserError))


def explained(error: Exception) -> CommandError:
    """Return one of `FAILURES` as one line that says what to do."""
    if isinstance(error, CommandError):
        return error
    if isinstance(error, ClientError):
        return _of_response(error)
    if isinstance(error, ResponseParserError):
        return AwsFailedError("the answer is not AWS's; is a proxy or a login page in between?")
    sentence = _sentence(error)
    for kinds, known, message in _KNOWN:
        if isinstance(error, kinds):
            return known(message.format(sentence))
    return AwsFailedError(sentence)


@contextmanager
def exit_on_error() -> Iterator[None]:
    """Print an error in one line on standard error, and exit with its code.

    Raises:
        typer.Exit: With the exit code of the error.
    """
    try:
        yield
    except FAILURES as error:
        known = explained(error)
        typer.echo(f"error: {known}", err=True)
        raise typer.Exit(known.exit_code) from error


def _of_response(error: ClientError) -> CommandError:
    code = _code(error)
    if code in _EXPIRED:
        return NotAllowedError(f"the AWS credentials have expired; {_LOG_IN}")
    if code in _UNKNOWN_CALLER:
        return NotAllowedError(f"AWS does not know these credentials ({code}); check the profile")
    if code in _DENIED:
        message = error.response.get("Error", {}).get("Message", "")
        found = _ACTION.search(message)
        action = found[1] if found else error.operation_name
        return NotAllowedError(
            f"the AWS credentials do not allow {action}; ask for it, or assume a role that has it "
            "(grant_run gives what `run` and `logs` need)"
        )
    return AwsFailedError(_sentence(error))


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _sentence(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")
