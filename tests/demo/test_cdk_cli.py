from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bixarena_demo.cdk_cli import Cdk, CdkError

if TYPE_CHECKING:
    from local_aws import LocalAws

_APP = Path(__file__).parent / "app"
_EXECUTABLE = Path(__file__).parents[2] / "node_modules" / ".bin" / "cdk"
_NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def _cdk(aws: LocalAws, work_folder: Path, **context: str) -> Cdk:
    return Cdk(
        _APP,
        # Validation has its own test, of the real examples.
        environment={**aws.environment(), "CDK_VALIDATION": "false"},
        context=context,
        work_folder=work_folder,
        executable=_EXECUTABLE,
    )


def test_takes_an_app_from_bootstrap_to_destroy(aws: LocalAws, tmp_path: Path) -> None:
    ecs, logs = aws.session.client("ecs"), aws.session.client("logs")
    ecs.create_cluster(clusterName="existing")
    app_files = sorted(_APP.iterdir())
    cdk = _cdk(aws, tmp_path / "cdk")

    cdk.bootstrap(account=aws.account, region=aws.region)
    outputs = cdk.deploy()["Scheduled"]
    assert cdk.diff() == ""
    assert "good morning" in _cdk(aws, tmp_path / "other", greeting="good morning").diff()

    [task_arn] = aws.fire(outputs["RuleName"], scheduled_at=_NOON)
    task = aws.wait_for_task("existing", task_arn)
    assert [each.get("exitCode") for each in task["containers"]] == [0]
    events = logs.filter_log_events(logGroupName=outputs["LogGroupName"])["events"]
    assert [event["message"] for event in events] == ["the image speaks"]

    cdk.destroy()
    assert ecs.list_task_definitions(familyPrefix="Scheduled")["taskDefinitionArns"] == []
    left = aws.session.client("cloudformation").list_stacks()["StackSummaries"]
    kept = [each["StackName"] for each in left if each["StackStatus"] != "DELETE_COMPLETE"]
    assert "Scheduled" not in kept
    assert sorted(_APP.iterdir()) == app_files


def test_says_what_the_command_line_said_when_it_fails(aws: LocalAws, tmp_path: Path) -> None:
    (tmp_path / "cdk.json").write_text('{"app": "echo no such model >&2; exit 3"}')
    cdk = Cdk(
        tmp_path,
        environment=aws.environment(),
        work_folder=tmp_path / "cdk",
        executable=_EXECUTABLE,
    )
    for command in (cdk.synth, cdk.diff):
        with pytest.raises(CdkError, match=r"ended with code 1:(.|\n)*no such model"):
            command()


def test_says_where_it_looked_for_the_command_line(tmp_path: Path) -> None:
    with pytest.raises(CdkError, match="any folder of PATH"):
        Cdk(_APP, environment={"PATH": str(tmp_path)}, work_folder=tmp_path)
    with pytest.raises(CdkError, match="nowhere"):
        Cdk(_APP, environment={}, work_folder=tmp_path, executable=Path("nowhere"))
