"""Which last lines of the worker are a snapshot in time: those of a site as it should be."""

from __future__ import annotations

import fnmatch
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import CfnParameter, Duration, Stack
from aws_cdk import aws_applicationautoscaling as appscaling
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_ecs_patterns as ecs_patterns
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk.assertions import Annotations, Match, Template

from bixarena_constructs import (
    ScheduledSnapshotTask,
    SnapshotMonitoring,
    TaskMonitoring,
    WorkerImage,
    WorkerSignals,
)
from bixarena_constructs.worker import RunReport
from bixarena_constructs.worker.contract import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    Kept = Callable[..., RunReport]

IMAGE = "ghcr.io/sage-bionetworks/bixarena-constructs-worker:0.1.0"
ALWAYS = {"published", "already_published", "below_thresholds"}


def matches(pattern: str, line: dict[str, Any]) -> bool:
    """Evaluate a CloudWatch pattern of equations, ``&&``, ``||`` and parentheses on a line."""

    def holds(equation: re.Match[str]) -> str:
        value = line.get(equation[1])
        return str(isinstance(value, str) and fnmatch.fnmatchcase(value, equation[2]))

    said = re.sub(r'\$\.(\w+) = "([^"]*)"', holds, pattern.strip("{} "))
    said = said.replace("&&", "and").replace("||", "or")
    assert not re.search(r"[$=]", said), said
    return bool(eval(said, {"__builtins__": {}}))  # noqa: S307 - words, True and False alone


def reports(slug: str | None) -> dict[str, RunReport]:
    """A run of each outcome, with and without LEADERBOARD_SLUG."""
    boards = ["overall"]
    report = {
        "published": RunReport(identifier="x", published=boards, skipped=["genetics"]),
        "already_published": RunReport(identifier="x", already_published=boards),
        "below_thresholds": RunReport(identifier="x", skipped=boards),
        "stored_private": RunReport(
            identifier="x", leaderboard_slug=slug, published=boards, stored_private=["genetics"]
        ),
        "regressed": RunReport(
            identifier="x", leaderboard_slug=slug, published=boards, regressed={"genetics": "few"}
        ),
        "partial": RunReport(identifier="x", leaderboard_slug=slug or "genetics"),
        "computed": RunReport(identifier="x", leaderboard_slug=slug, dry_run=True),
    }
    assert {name: each.outcome for name, each in report.items()} == {
        name: name for name in Outcome
    }
    return report


def counted(pattern: str, *, slug: str | None = None) -> set[str]:
    """Outcomes that a pattern takes for a snapshot in time, where the worker wrote the line."""
    found = set()
    for name, report in reports(slug).items():
        event = "run_failed" if name == "regressed" else "run_finished"
        if matches(pattern, {"event": event, "outcome": report.outcome, **report.fields()}):
            found.add(name)
    return found


def pattern_of(monitored: Any) -> str:
    for logical_id, properties in monitored.resources("AWS::Logs::MetricFilter").items():
        if logical_id.endswith("MonitoringOutcome"):
            return str(monitored.deployed(properties["FilterPattern"]))
    raise LookupError("there is no filter for outcomes")


def test_counts_a_site_as_it_should_be_and_nothing_else(define: Any) -> None:
    pattern = pattern_of(define())
    assert counted(pattern) == ALWAYS
    assert counted(pattern, slug="genetics") == ALWAYS


@pytest.mark.parametrize("slug", ["", "  "])
def test_takes_an_empty_slug_for_all_leaderboards(define: Any, slug: str) -> None:
    pattern = pattern_of(define(environment={"LEADERBOARD_SLUG": slug}))
    assert counted(pattern, slug="") == ALWAYS
    assert pattern == pattern_of(define())


def test_counts_the_one_leaderboard_that_the_task_is_defined_for(define: Any) -> None:
    pattern = pattern_of(define(environment={"LEADERBOARD_SLUG": "genetics"}))
    assert counted(pattern, slug="genetics") == ALWAYS | {"partial"}
    # Somebody ran another one by hand.
    assert counted(pattern, slug="genomics") == ALWAYS


def test_counts_any_one_leaderboard_where_a_secret_names_it(define: Any, stack: Stack) -> None:
    named = secretsmanager.Secret.from_secret_complete_arn(
        stack, "Slug", "arn:aws:secretsmanager:us-east-1:111122223333:secret:slug-AbCdEf"
    )
    pattern = pattern_of(define(secrets={"LEADERBOARD_SLUG": named}))
    assert counted(pattern, slug="genetics") == ALWAYS | {"partial"}


def test_knows_the_leaderboard_of_a_task_definition_that_was_brought(
    stack: Stack, cluster: ecs.ICluster
) -> None:
    log_group = logs.LogGroup(stack, "Log")
    brought = ecs.FargateTaskDefinition(stack, "Brought")
    brought.add_container("Sidecar", image=ecs.ContainerImage.from_registry("sidecar:1"))
    worker = brought.add_container(
        "Worker",
        image=ecs.ContainerImage.from_registry(IMAGE),
        logging=ecs.LogDrivers.aws_logs(stream_prefix="worker", log_group=log_group),
        environment={"LEADERBOARD_SLUG": "genetics"},
    )
    brought.default_container = worker
    ScheduledSnapshotTask(
        stack,
        "Snapshot",
        cluster=cluster,
        task_definition=brought,
        log_group=log_group,
        monitoring=SnapshotMonitoring(),
    )
    assert _only_pattern_with(stack, "genetics")


def test_knows_the_leaderboard_of_a_bare_pattern(stack: Stack, cluster: ecs.ICluster) -> None:
    pattern = ecs_patterns.ScheduledFargateTask(
        stack,
        "Pattern",
        cluster=cluster,
        schedule=appscaling.Schedule.rate(Duration.hours(12)),
        scheduled_fargate_task_image_options=ecs_patterns.ScheduledFargateTaskImageOptions(
            image=ecs.ContainerImage.from_registry(IMAGE),
            environment={"LEADERBOARD_SLUG": "genetics"},
        ),
    )
    TaskMonitoring(stack, "Monitoring", task=pattern, max_runtime=Duration.minutes(5))
    assert _only_pattern_with(stack, "genetics")


def test_passes_a_slug_on_that_is_a_token(stack: Stack, cluster: ecs.ICluster) -> None:
    slug = CfnParameter(stack, "Slug").value_as_string
    ScheduledSnapshotTask(
        stack,
        "Snapshot",
        cluster=cluster,
        image=IMAGE,
        environment={"LEADERBOARD_SLUG": slug},
        monitoring=SnapshotMonitoring(),
    )
    (pattern,) = [
        each
        for each in _patterns(stack)
        if isinstance(each, dict) and {"Ref": "Slug"} in each["Fn::Join"][1]
    ]
    before, _, after = pattern["Fn::Join"][1]
    assert counted(f"{before}genetics{after}", slug="genetics") == ALWAYS | {"partial"}


def test_leaves_the_outcome_of_another_worker_as_it_is(define: Any) -> None:
    other = WorkerSignals(outcome=logs.FilterPattern.literal("DONE"))
    monitored = define(
        monitoring=SnapshotMonitoring(signals=other), environment={"LEADERBOARD_SLUG": "genetics"}
    )
    assert pattern_of(monitored) == "DONE"


ALL = WorkerSignals(
    outcome=logs.FilterPattern.literal("good"),
    exit_codes={},
)
WARNING = "read as .* but its image is another.* set {names} in .*signalsOfAnotherImage"


@pytest.mark.parametrize("brought", [False, True])
@pytest.mark.parametrize(
    ("image", "signals", "names"),
    [
        (IMAGE, WorkerSignals(), None),
        ("ghcr.io/sage-bionetworks/bixarena-constructs-worker:edge", WorkerSignals(), None),
        (WorkerImage, WorkerSignals(), None),
        (None, WorkerSignals(), None),
        ("ghcr.io/a/worker:1.0.0", ALL, None),
        ("ghcr.io/a/worker:1.0.0", WorkerSignals(), "outcome, exit_codes"),
        ("ghcr.io/a/worker:1.0.0", replace(ALL, outcome=None), "outcome"),
        # BixArena's own worker, another program.
        ("ghcr.io/sage-bionetworks/bixarena-worker:1.4.0", replace(ALL, outcome=None), "outcome"),
        (
            "ghcr.io/sage-bionetworks/bixarena-constructs-worker-2:1.4.0",
            replace(ALL, exit_codes=None),
            "exit_codes",
        ),
    ],
)
def test_warns_where_another_image_is_read_as_the_reference_worker(
    stack: Stack,
    cluster: ecs.ICluster,
    image: Any,
    signals: WorkerSignals,
    names: str | None,
    *,
    brought: bool,
) -> None:
    named = WorkerImage() if image is WorkerImage else image
    props: dict[str, Any] = {"image": named}
    if brought:
        if isinstance(image, str):
            named = ecs.ContainerImage.from_registry(image)
        definition = ecs.FargateTaskDefinition(stack, "Definition")
        definition.add_container("arena", image=named or ecs.ContainerImage.from_registry(IMAGE))
        props = {"task_definition": definition, "log_group": logs.LogGroup(stack, "Log")}
    ScheduledSnapshotTask(
        stack,
        "Snapshot",
        cluster=cluster,
        monitoring=SnapshotMonitoring(signals=signals),
        **props,
    )
    found = Annotations.from_stack(stack).find_warning(
        "/Stack/Snapshot/Monitoring",
        Match.string_like_regexp(WARNING.format(names=names) if names else "signalsOf"),
    )
    assert len(found) == (names is not None)


def _patterns(stack: Stack) -> list[Any]:
    filters = Template.from_stack(stack).find_resources("AWS::Logs::MetricFilter")
    return [resource["Properties"]["FilterPattern"] for resource in filters.values()]


def _only_pattern_with(stack: Stack, slug: str) -> bool:
    (pattern,) = [each for each in _patterns(stack) if slug in str(each)]
    return counted(pattern, slug=slug) == ALWAYS | {"partial"}
