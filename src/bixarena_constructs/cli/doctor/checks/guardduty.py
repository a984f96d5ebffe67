"""Whether GuardDuty's sidecar can be pulled, where the account has Runtime Monitoring on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from bixarena_constructs.aws.guardduty_accounts import AGENT_ACCOUNTS, AGENT_REPOSITORY
from bixarena_constructs.cli.doctor.checks.permissions import Permission, check_permission
from bixarena_constructs.cli.doctor.findings import fine, not_checked, problem
from bixarena_constructs.cli.errors import explained

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bixarena_constructs.cli.doctor.findings import Finding, Subject

__all__ = ["check_guardduty"]

_CHECK: Final = "guardduty"
_MONITORING: Final = frozenset({"RUNTIME_MONITORING"})


def check_guardduty(subject: Subject) -> Iterator[Finding]:
    """May the execution role pull the agent of this region?"""
    region = subject.session.region_name
    role_arn = subject.definition.get("executionRoleArn")
    account = AGENT_ACCOUNTS.get(region)
    if account is None or role_arn is None:
        yield not_checked(_CHECK, f"no repository of its agent is known in {region}")
        return
    partition = role_arn.split(":")[1]
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
    yield pull if pull.state != "problem" else _if_it_is_on(subject, pull)


def _if_it_is_on(subject: Subject, pull: Finding) -> Finding:
    """Not being able to pull the agent is a problem where there is one only."""
    try:
        monitored = _is_on(subject)
    except (BotoCoreError, ClientError) as error:
        why = f"whether it is on, which the execution role is not made for: {explained(error)}"
        return not_checked(_CHECK, why)
    if monitored:
        return problem(_CHECK, pull.message, fix=pull.fix or "")
    return fine(_CHECK, "Runtime Monitoring is off, and nothing is to be pulled")


def _is_on(subject: Subject) -> bool:
    client = subject.session.client("guardduty")
    return any(
        feature.get("Name") in _MONITORING and feature.get("Status") == "ENABLED"
        for detector_id in client.list_detectors()["DetectorIds"]
        for feature in client.get_detector(DetectorId=detector_id).get("Features", ())
    )
