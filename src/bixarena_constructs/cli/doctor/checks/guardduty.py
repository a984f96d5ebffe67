"""Checks that ECS may pull GuardDuty's sidecar, if Runtime Monitoring is on in the account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bixarena_constructs.aws.guardduty_accounts import AGENT_ACCOUNTS, AGENT_REPOSITORY
from bixarena_constructs.cli.doctor.checks.permissions import Permission, check_permission
from bixarena_constructs.cli.doctor.findings import fine, not_checked
from bixarena_constructs.cli.errors import AWS_ERRORS, explained

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bixarena_constructs.cli.doctor.findings import Finding, Subject

__all__ = ["check_guardduty"]

_CHECK: Final = "guardduty"


def check_guardduty(subject: Subject) -> Iterator[Finding]:
    """Check that the execution role may pull the region's agent, if Runtime Monitoring is on."""
    region = subject.session.region_name
    role_arn = subject.definition.get("executionRoleArn")
    account = AGENT_ACCOUNTS.get(region)
    if role_arn is None:
        yield not_checked(_CHECK, "the task has no execution role")
        return
    if account is None:
        yield not_checked(_CHECK, f"no repository of the agent is known in {region}")
        return
    partition = subject.session.get_partition_for_region(region)
    pull = check_permission(
        subject,
        _CHECK,
        Permission(
            role_arn=role_arn,
            actions=("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"),
            resource=f"arn:{partition}:ecr:{region}:{account}:repository/{AGENT_REPOSITORY}",
            context={},
            purpose="pull GuardDuty's agent of this region",
            fix="set guardduty_agent_pull to AGENT_REPOSITORY and deploy",
        ),
    )
    yield _unless_off(subject, pull) if pull.state == "problem" else pull


def _unless_off(subject: Subject, pull: Finding) -> Finding:
    """Return the problem only if Runtime Monitoring is on: without it there is no agent."""
    try:
        is_on = _runtime_monitoring_is_on(subject)
    except AWS_ERRORS as error:
        return not_checked(
            _CHECK,
            f"whether Runtime Monitoring is on: {explained(error)}; if it is, {pull.message}",
        )
    return pull if is_on else fine(_CHECK, "Runtime Monitoring is off, so there is no agent")


def _runtime_monitoring_is_on(subject: Subject) -> bool:
    client = subject.session.client("guardduty")
    return any(
        feature.get("Name") == "RUNTIME_MONITORING" and feature.get("Status") == "ENABLED"
        for detector_id in client.list_detectors()["DetectorIds"]
        for feature in client.get_detector(DetectorId=detector_id)["Features"]
    )
