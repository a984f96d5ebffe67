"""Checks that the registry gives the task its image, for its processor and of its contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bixarena_constructs.aws.image_reference import ImageReference
from bixarena_constructs.cli.deployed.logged_runs import contract_mismatch, logged_runs
from bixarena_constructs.cli.doctor.checks.secret_references import credentials_arn
from bixarena_constructs.cli.doctor.checks.secret_values import fields_of_secret
from bixarena_constructs.cli.doctor.findings import fine, not_checked, problem, warning
from bixarena_constructs.cli.doctor.registry_client import (
    Credentials,
    RegistryClient,
    RegistryError,
)
from bixarena_constructs.cli.errors import AWS_ERRORS, explained

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bixarena_constructs.cli.doctor.findings import Finding, Subject
    from bixarena_constructs.cli.doctor.registry_client import FoundImage

__all__ = ["check_contract", "check_image"]

_CHECK: Final = "image"
_RUNS_READ: Final = 3
_ARCHITECTURES: Final = {"X86_64": "amd64", "ARM64": "arm64"}
_RENEW: Final = (
    "put a classic token with read:packages into the credentials secret, authorised for the "
    "organisation's single sign-on; fine-grained tokens are refused"
)
_NO_CREDENTIALS: Final = (
    "check the image's name; if it is private, give registry_credentials a secret with username "
    "and password"
)


def check_image(subject: Subject) -> Iterator[Finding]:
    """Ask the registry for the image with the task's own credentials."""
    image = subject.container["image"]
    try:
        reference = ImageReference.parse(image)
    except ValueError as error:
        yield problem(_CHECK, str(error), fix="write the image as REGISTRY/REPOSITORY:TAG")
        return
    if ".dkr.ecr." in reference.registry:
        yield not_checked(_CHECK, f"{image} is in ECR, where roles decide who may pull")
        return
    arn = credentials_arn(subject)
    try:
        credentials = None if arn is None else _credentials(subject, arn)
    except AWS_ERRORS as error:
        yield not_checked(_CHECK, f"{image}, whose credentials cannot be read: {explained(error)}")
        return
    if arn is not None and credentials is None:
        yield not_checked(
            _CHECK, f"{image}, whose credentials are incomplete: see the check of secrets"
        )
        return
    yield from _pull(subject, reference, credentials)


def _credentials(subject: Subject, arn: str) -> Credentials | None:
    fields = fields_of_secret(subject.session, arn)
    if not fields.get("username") or not fields.get("password"):
        return None
    return Credentials(fields["username"], fields["password"])


def _pull(
    subject: Subject, reference: ImageReference, credentials: Credentials | None
) -> Iterator[Finding]:
    try:
        found = RegistryClient(reference, credentials).find()
    except RegistryError as error:
        yield _failure(error, reference, credentials)
        return
    expiry = f"; its token expires {found.token_expires}" if found.token_expires else ""
    yield fine(_CHECK, f"{reference.registry} gives {reference}{expiry}")
    yield _architecture(subject, found)


def _failure(
    error: RegistryError, reference: ImageReference, credentials: Credentials | None
) -> Finding:
    if error.kind == "refused":
        requester = "without credentials" if credentials is None else "to these credentials"
        return problem(
            _CHECK,
            f"{reference.registry} does not give {reference} {requester}: {error}",
            fix=_NO_CREDENTIALS if credentials is None else _RENEW,
        )
    if error.kind == "not found":
        return problem(
            _CHECK,
            f"{reference.registry} has no {reference}, or hides it from these credentials",
            fix="push it, or check its name and tag, and who may read the package",
        )
    # The task's subnets may reach a registry that this machine does not.
    return not_checked(_CHECK, str(error))


def _architecture(subject: Subject, found: FoundImage) -> Finding:
    platform = subject.definition.get("runtimePlatform", {})
    processor = platform.get("cpuArchitecture", "X86_64")
    if processor not in _ARCHITECTURES:
        return not_checked("architecture", f"the task's processor {processor} is not known here")
    if not found.platforms:
        return not_checked("architecture", "the image does not name its platforms")
    wanted = f"linux/{_ARCHITECTURES[processor]}"
    if wanted in found.platforms:
        return fine("architecture", f"the image is built for {wanted}")
    return problem(
        "architecture",
        f"the task runs on {wanted}, the image is built for {', '.join(sorted(found.platforms))}",
        fix="build it for both processors, or set runtime_platform to that of the image",
    )


def check_contract(subject: Subject) -> Iterator[Finding]:
    """Check that the image that ran last keeps the contract that the stack was built for."""
    mismatch = contract_mismatch(subject.task, logged_runs(subject.task, _RUNS_READ))
    if mismatch is None:
        yield fine("contract", "no run has logged another version than the stack's")
    else:
        yield warning("contract", mismatch)
