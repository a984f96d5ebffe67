"""Wrong kinds: every argument of every public constructor, method and function, by every kind."""

from __future__ import annotations

import inspect
import json
import re
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from itertools import count
from typing import TYPE_CHECKING, Any, Final

import jsii
import pytest
from aws_cdk import (
    App,
    CfnParameter,
    Duration,
    Environment,
    Fn,
    IStableNumberProducer,
    IStableStringProducer,
    Lazy,
    RemovalPolicy,
    Stack,
    Token,
)
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_ssm as ssm
from aws_cdk.assertions import Template
from constructs import Construct

import bixarena_constructs
from bixarena_constructs import (
    ExitCode,
    GuardDutyAgentPull,
    RdsConnection,
    ScheduledSnapshotTask,
    SnapshotMonitoring,
    SnapshotTask,
    TaskMonitoring,
    WorkerImage,
    WorkerSignals,
    postgres_secrets,
)
from bixarena_constructs.cdk.metric_options import MetricOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

IMAGE = f"ghcr.io/arena/worker@sha256:{'0' * 64}"
ARN = "arn:aws:secretsmanager:us-east-1:111122223333:secret:arena-AbCdEf"
_numbers = count()

# Kinds of value that a prop takes, by its annotation; every other kind is refused.
ALLOWED: Final[Mapping[str, set[str]]] = {
    "bool": {"a flag"},
    "int": {"a number", "the token of a number"},
    "str": {"text", "the token of text"},
    "Duration": {"a duration"},
    "Sequence[str]": {"a list", "a tuple", "the token of a list"},
    "Sequence[kms.IKey]": {"an empty list"},
    "Mapping[str, str]": {"a dict"},
    "Mapping[str, SecretSource]": {"a dict of pairs"},
    "RemovalPolicy": {"an enum's member"},
    "secretsmanager.ISecret": {"a secret"},
    "str | ecs.ContainerImage": {"text", "the token of text"},
}
WAYS_OUT: Final = ("must be", "missing", "leave it out", "set it")
# And kinds that a prop has a limit for, which refuses them as well.
LIMITED: Final = {
    ("construct_id", "the token of text"),
    ("email", "text"),
    ("ephemeral_storage_gib", "a number"),
    ("image", "the token of text"),
    ("max_runtime of TaskMonitoring", "a duration"),
    ("memory_limit_mib", "a number"),
    ("retry_attempts", "a number"),
    ("stop_timeout", "a duration"),
    ("assign_public_ip", "a flag"),
    # Options of metrics.
    ("account", "text"),
    ("color", "text"),
    ("region", "text"),
    ("stack_account", "text"),
    ("stack_region", "text"),
    ("statistic", "text"),
}


@dataclass(frozen=True)
class Neighbours:
    stack: Stack
    cluster: ecs.ICluster
    task: ScheduledSnapshotTask
    values: Mapping[str, Any]  # of every kind

    @classmethod
    def define(cls) -> Neighbours:
        stack = Stack(App(), "Stack")
        vpc = ec2.Vpc.from_vpc_attributes(
            stack,
            "Vpc",
            vpc_id="vpc-1",
            availability_zones=["us-east-1a", "us-east-1b"],
            private_subnet_ids=["subnet-1", "subnet-2"],
        )
        cluster = ecs.Cluster.from_cluster_attributes(
            stack, "Cluster", cluster_name="arena", vpc=vpc
        )
        secret = secretsmanager.Secret.from_secret_complete_arn(stack, "Secret", ARN)
        task = ScheduledSnapshotTask(
            stack, "Task", cluster=cluster, monitoring=SnapshotMonitoring()
        )
        token = {"Ref": "Parameter"}
        values = {
            "None": None,
            "text": "arena",
            "empty text": "",
            "bytes": b"arena",
            "a number": 1024,
            "a fraction": 0.5,
            "a flag": True,
            "a list": ["a"],
            "a list of None": [None],
            "a list of numbers": [1],
            "an empty list": [],
            "a tuple": ("a", "b"),
            "a set": {"a"},
            "a generator": (each for each in "ab"),
            "a function": lambda: "a",
            "a dict": {"A": "b"},
            "a dict of numbers": {"A": 1},
            "a dict by number": {1: "b"},
            "a dict of pairs": {"A": (secret, "field")},
            "a dict of lists": {"A": [secret, "field"]},
            "a dict of long tuples": {"A": (secret, "field", "version")},
            "a dict of text and number": {"A": (secret, 1)},
            "a timedelta": timedelta(minutes=15),
            "a duration": Duration.minutes(15),
            "a class": WorkerImage,
            "an enum's member": RemovalPolicy.RETAIN,
            "a struct": ec2.SubnetConfiguration(name="a", subnet_type=ec2.SubnetType.PUBLIC),
            "a VPC": vpc,
            "a secret": secret,
            "a parameter": ssm.StringParameter.from_string_parameter_name(stack, "Name", "name"),
            "an imported task definition": (
                ecs.FargateTaskDefinition.from_fargate_task_definition_arn(
                    stack, "Imported", "arn:aws:ecs:us-east-1:111122223333:task-definition/a:1"
                )
            ),
            "the token of text": Token.as_string(token),
            "the token of a number": Token.as_number(token),
            "the token of a list": Token.as_list(token),
            "a token": Token.as_any(token),
        }
        return cls(stack, cluster, task, values)

    def scope(self) -> Construct:
        return Construct(self.stack, self.id())

    def id(self) -> str:
        return f"Id{next(_numbers)}"


@pytest.fixture(scope="module")
def neighbours() -> Neighbours:
    return Neighbours.define()


def task_of(kind: type[SnapshotTask]) -> Callable[..., object]:
    def define(of: Neighbours, **props: Any) -> object:  # any prop
        own = {"scope": of.scope(), "construct_id": of.id(), "cluster": of.cluster, "image": IMAGE}
        return kind(**{**own, **props})

    return define


def monitoring_of(of: Neighbours, **props: Any) -> object:  # any prop
    own = {"scope": of.scope(), "construct_id": of.id()}
    rule = ScheduledSnapshotTask(of.stack, of.id(), cluster=of.cluster, image=IMAGE)
    return TaskMonitoring(**{**own, "task": rule, **props})


def on_failure_of(of: Neighbours, **props: Any) -> object:  # any prop
    return of.task.on_failure(**{"construct_id": of.id(), **props})


CALLS: Final[Mapping[str, tuple[Callable[..., Any], Callable[..., object]]]] = {
    "SnapshotTask": (SnapshotTask.__init__, task_of(SnapshotTask)),
    "ScheduledSnapshotTask": (ScheduledSnapshotTask.__init__, task_of(ScheduledSnapshotTask)),
    "TaskMonitoring": (TaskMonitoring.__init__, monitoring_of),
    "SnapshotMonitoring": (
        SnapshotMonitoring.__init__,
        lambda _, **props: SnapshotMonitoring(**props),
    ),
    "WorkerSignals": (WorkerSignals.__init__, lambda _, **props: WorkerSignals(**props)),
    "ExitCode": (ExitCode.__init__, lambda _, **props: ExitCode(**{"meaning": "a", **props})),
    "WorkerImage": (WorkerImage.__init__, lambda _, **props: WorkerImage(**props)),
    "postgres_secrets": (
        postgres_secrets,
        lambda of, **props: postgres_secrets(**{"secret": of.values["a secret"], **props}),
    ),
    "RdsConnection": (
        RdsConnection.__init__,
        lambda of, **props: RdsConnection(**{"secret": of.values["a secret"], **props}),
    ),
    "SnapshotTask.schedule_target": (
        SnapshotTask.schedule_target,
        lambda of, **props: of.task.schedule_target(**props),
    ),
    "SnapshotTask.grant_run": (
        SnapshotTask.grant_run,
        lambda of, **props: SnapshotTask.grant_run(of.task, **props),
    ),
    "SnapshotTask.on_failure": (SnapshotTask.on_failure, on_failure_of),
    **{
        f"ScheduledSnapshotTask.{name}": (
            getattr(ScheduledSnapshotTask, name),
            lambda of, name=name, **props: getattr(of.task, name)(**props),
        )
        for name in dir(ScheduledSnapshotTask)
        if name.startswith("metric_")
    },
    **{
        f"TaskMonitoring.{name}": (
            getattr(TaskMonitoring, name),
            lambda of, name=name, **props: getattr(of.task.monitoring, name)(**props),
        )
        for name in dir(TaskMonitoring)
        if name.startswith("metric_")
    },
}


METRIC_OPTIONS = inspect.signature(cloudwatch.Metric.__init__).parameters


def parameters_of(declared: Callable[..., Any]) -> Iterator[inspect.Parameter]:
    """Yield all but self, and in place of ``**options`` each option of a metric."""
    for parameter in inspect.signature(declared).parameters.values():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            for name, annotation in MetricOptions.__annotations__.items():
                if name not in METRIC_OPTIONS:
                    continue  # of a later release than the one that is installed
                yield parameter.replace(
                    name=name,
                    kind=inspect.Parameter.KEYWORD_ONLY,
                    annotation=annotation.__forward_arg__,
                )
        elif parameter.name != "self":
            yield parameter


PROPS = [
    (call, parameter)
    for call, (declared, _) in CALLS.items()
    for parameter in parameters_of(declared)
]


def test_has_every_public_call_with_arguments_in_the_table() -> None:
    wanted = set()
    for name in bixarena_constructs.__all__:
        public = getattr(bixarena_constructs, name)
        if not isinstance(public, type):
            wanted |= {name} if inspect.isfunction(public) else set()
            continue
        methods = {
            f"{name}.{method}"
            for method, function in vars(public).items()
            if inspect.isfunction(function)
            and not method.startswith("_")
            and len(inspect.signature(function).parameters) > 1
        }
        wanted |= methods if issubclass(public, Enum) else {name, *methods}
    # The CDK calls this one.
    assert set(CALLS) == wanted - {"WorkerImage.bind"}


def is_allowed(parameter: inspect.Parameter, kind: str) -> bool:
    if (parameter.name, kind) == ("label", "empty text"):
        return True  # a chart without one
    annotation = str(parameter.annotation)
    if kind == "None":
        return annotation.endswith("| None")
    return kind in ALLOWED.get(annotation.removesuffix(" | None"), ())


@pytest.mark.parametrize(
    ("call", "parameter"), PROPS, ids=[f"{call}-{parameter.name}" for call, parameter in PROPS]
)
def test_refuses_every_wrong_kind_in_a_sentence(
    neighbours: Neighbours, call: str, parameter: inspect.Parameter
) -> None:
    name = parameter.name
    for kind, value in neighbours.values.items():
        limited = {(name, kind), (f"{name} of {call}", kind)} & LIMITED
        if is_allowed(parameter, kind) and not limited:
            CALLS[call][1](neighbours, **{name: value})
            continue
        with pytest.raises((TypeError, ValueError)) as refused:
            CALLS[call][1](neighbours, **{name: value})
        sentence = str(refused.value)
        assert type(refused.value) in (TypeError, ValueError), (kind, sentence)
        assert name in sentence, (kind, sentence)
        assert any(way in sentence for way in WAYS_OUT), sentence
        assert "\n" not in sentence, sentence


@pytest.mark.parametrize(
    ("props", "sentence"),
    [
        (
            {"command": "python -m worker"},
            "command is the text 'python -m worker'; it must be a list of text",
        ),
        ({"command": ["python", None]}, "command[1] is None; it must be text"),
        (
            {"guardduty_agent_pull": "none"},
            (
                "guardduty_agent_pull is the text 'none'; it must be a GuardDutyAgentPull such as "
                "GuardDutyAgentPull.AGENT_REPOSITORY"
            ),
        ),
        (
            {"security_groups": []},
            "security_groups is empty; name at least one, or leave it out",
        ),
        (
            {"family": "my family"},
            "family is 'my family'; it must be 1 to 255 letters, digits, '_' and '-'",
        ),
        (
            {"task_tags": {"AWS:x": "y"}},
            (
                "a key of task_tags is 'AWS:x'; it must be 1 to 128 letters, digits, spaces and "
                "any of + - = . _ : / @, and not begin with aws:"
            ),
        ),
        (
            {"environment": {"A=B": "c"}},
            "a key of environment is 'A=B'; it must be the name of a variable, without '='",
        ),
        ({"environment": {"A": 1}}, "environment['A'] is 1; it must be text"),
        (
            {"secrets": {"": "hunter2"}},
            "a key of secrets is ''; it must be the name of a variable, without '='",
        ),
        (
            {"secrets": {"A": "hunter2"}},
            (
                "secrets['A'] is text; it must be an aws_ecs.Secret such as "
                "Secret.from_ssm_parameter(...), an aws_secretsmanager.ISecret or a pair of "
                "aws_secretsmanager.ISecret and text"
            ),
        ),
        (
            {"max_runtime": timedelta(minutes=15)},
            (
                "max_runtime is of class datetime.timedelta; it must be an aws_cdk.Duration such "
                "as Duration.minutes(15)"
            ),
        ),
        ({"cpu": True}, "cpu is True; it must be a whole number"),
        ({"cpu": "1024"}, "cpu is the text '1024'; it must be a whole number"),
        (
            {"image": WorkerImage},
            (
                "image is the class WorkerImage, not an instance; it must be text or an "
                "aws_ecs.ContainerImage"
            ),
        ),
        (
            {"subnet_selection": ec2.CfnSubnetProps(vpc_id="vpc-1")},
            (
                "subnet_selection is of class aws_ec2.CfnSubnetProps; it must be an "
                "aws_ec2.SubnetSelection"
            ),
        ),
        (
            {"propagate_tags": ecs.PropagatedTagSource.SERVICE},
            (
                "propagate_tags is SERVICE; it must be TASK_DEFINITION or NONE, as no service "
                "starts the task"
            ),
        ),
        (
            {"user": "a b"},
            "user is 'a b'; it must be a user, or a user and a group as in 1000:1000",
        ),
        (
            {"scope": App()},
            "scope of T is in no Stack; define the task in a Stack",
        ),
        (
            {"construct_id": ""},
            "construct_id is ''; it must be text that is neither empty nor a token",
        ),
        (
            {"log_stream_prefix": "a:b"},
            "log_stream_prefix is 'a:b'; it must be 1 to 200 characters without ':' and '*'",
        ),
        (
            {"export_prefix": "a_b"},
            "export_prefix is 'a_b'; it must be 1 to 200 letters, digits, ':' and '-'",
        ),
    ],
    ids=lambda each: next(iter(each)) if isinstance(each, dict) else "",
)
def test_says_what_was_given_and_what_is_allowed(
    neighbours: Neighbours, props: dict[str, Any], sentence: str
) -> None:
    own = {"scope": neighbours.stack, "construct_id": "T", "cluster": neighbours.cluster}
    with pytest.raises((TypeError, ValueError)) as refused:
        SnapshotTask(**{**own, "image": IMAGE, **props})
    assert str(refused.value) == sentence


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            {"period": Duration.seconds(7)},
            "period is 7 seconds; it must be 1, 5, 10 or 30 seconds, or a multiple of a minute",
        ),
        (
            {"period": Duration.seconds(0)},
            "period is 0 seconds; it must be 1, 5, 10 or 30 seconds, or a multiple of a minute",
        ),
        (
            {"period": Duration.millis(100)},
            "period is 100 millis; it must be 1, 5, 10 or 30 seconds, or a multiple of a minute",
        ),
        (
            {"statistic": "p101"},
            "statistic is 'p101'; it must be a statistic such as Sum, Maximum or p99",
        ),
        ({"color": "red"}, "color is 'red'; it must be six hexadecimal digits as in #1f77b4"),
        (
            {"id": "9x"},
            "id is '9x'; it must be a lower-case letter, and letters, digits and '_'",
        ),
        ({"account": "1"}, "account is '1'; it must be the 12 digits of an account"),
        ({"region": "europe"}, "region is 'europe'; it must be a region such as us-east-1"),
        (
            {"dimensions_map": {"A": ""}},
            "a value of dimensions_map is ''; it must be 1 to 255 characters of ASCII",
        ),
        (
            {"dimensions_map": {f"A{each}": "b" for each in range(31)}},
            "dimensions_map has 31 dimensions; it must be up to 30",
        ),
    ],
)
@pytest.mark.parametrize("metric", ["metric_invocations", "metric_dead_letters"])
def test_refuses_options_that_cloudwatch_would(
    neighbours: Neighbours, metric: str, options: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)) as refused:
        getattr(neighbours.task, metric)(**options)
    assert str(refused.value) == sentence


@pytest.mark.parametrize("statistic", ["Sum", "avg", "p99.9", "tm90", "TM(10%:90%)", "PR(:300)"])
def test_takes_each_form_of_a_statistic(neighbours: Neighbours, statistic: str) -> None:
    metric = neighbours.task.metric_invocations(statistic=statistic, period=Duration.seconds(30))
    assert metric.statistic.casefold() in (statistic.casefold(), "average")


@pytest.mark.parametrize("code", [-1, 0, 256])
def test_refuses_an_exit_code_that_no_failure_has(code: int) -> None:
    with pytest.raises(ValueError, match=f"exit_codes has {code}"):
        WorkerSignals(exit_codes={code: ExitCode(meaning="a")})


def test_leaves_unknown_and_missing_props_to_python(neighbours: Neighbours) -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'imagee'"):
        SnapshotTask(neighbours.stack, "T", imagee=IMAGE)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="missing 1 required keyword-only argument: 'cluster'"):
        SnapshotTask(neighbours.stack, "T", image=IMAGE)  # type: ignore[call-arg]


@jsii.implements(iam.IGrantable)
class Grantee:
    """An interface of the CDK, implemented in Python."""

    def __init__(self, principal: iam.IPrincipal) -> None:
        self._principal = principal

    @property
    def grant_principal(self) -> iam.IPrincipal:
        return self._principal


@jsii.implements(IStableStringProducer)
class LazyText:
    def produce(self) -> str:
        return "lazy"


@jsii.implements(IStableNumberProducer)
class LazyNumber:
    def produce(self) -> int:
        return 2048


class OwnImage(ecs.ContainerImage):
    """A class of the CDK, extended in Python."""

    @jsii.member(jsii_name="bind")
    def bind(
        self,
        scope: Any,  # noqa: ARG002 - the interface's
        container_definition: Any,  # noqa: ARG002 - the interface's
    ) -> ecs.ContainerImageConfig:
        return ecs.ContainerImageConfig(image_name="worker")


def test_takes_what_python_implements_of_the_cdk(stack: Stack, cluster: ecs.ICluster) -> None:
    task = SnapshotTask(stack, "Task", cluster=cluster, image=OwnImage())
    role = iam.Role(stack, "Role", assumed_by=iam.AccountRootPrincipal())
    task.grant_run(Grantee(role))
    template = Template.from_stack(stack)
    template.has_resource_properties(
        "AWS::ECS::TaskDefinition", {"ContainerDefinitions": [{"Image": "worker"}]}
    )


# `Any`: text or a number.
def _resolvable(stack: Stack, lazy: Any, otherwise: Any) -> Any:
    try:
        stack.resolve(lazy)
    except RuntimeError:
        # jsii 1.112 resolves no value that Python makes, with the CDK alone either.
        return otherwise
    return lazy


def test_takes_tokens_and_lazy_values_of_each_type(stack: Stack, cluster: ecs.ICluster) -> None:
    parameter = CfnParameter(stack, "Parameter")
    # Typed as the CDK does not: it knows fractions, too.
    lazy = _resolvable(stack, Lazy.number(LazyNumber()), 2048)
    number: Any = CfnParameter(stack, "Number", type="Number").value_as_number
    text = _resolvable(stack, Lazy.string(LazyText()), "lazy")
    ScheduledSnapshotTask(
        stack,
        "Task",
        cluster=cluster,
        image=text,
        family=parameter.value_as_string,
        command=Fn.split(",", parameter.value_as_string),
        environment={"A": parameter.value_as_string, "B": text},
        task_tags={"team": parameter.value_as_string},
        cpu=number,
        memory_limit_mib=lazy,
        retry_attempts=number,
        rule_name=parameter.value_as_string,
        max_runtime=Duration.seconds(number),
        export_prefix=parameter.value_as_string,
    )
    (definition,) = (
        each["Properties"]
        for each in Template.from_stack(stack).find_resources("AWS::ECS::TaskDefinition").values()
    )
    assert definition["Memory"] == "2048"
    assert definition["ContainerDefinitions"][0]["Image"] == stack.resolve(text)


@pytest.mark.parametrize(
    ("prop", "value"),
    [
        ("container_name", lambda token: token),
        ("entry_point", lambda token: [token]),
        ("environment", lambda token: {token: "a"}),
        ("log_stream_prefix", lambda token: token),
        ("task_tags", lambda token: {token: "a"}),
        ("user", lambda token: token),
    ],
)
def test_takes_a_token_wherever_text_is_taken(
    stack: Stack, cluster: ecs.ICluster, prop: str, value: Callable[[str], Any]
) -> None:
    monitoring = SnapshotMonitoring(retry_after=Duration.minutes(10))
    props = {prop: value(Fn.import_value("Token"))}
    task = ScheduledSnapshotTask(stack, "Task", cluster=cluster, monitoring=monitoring, **props)
    task.on_failure("Failed")
    assert "Token" in json.dumps(Template.from_stack(stack).to_json()["Resources"])


@pytest.mark.parametrize(
    ("prop", "value"),
    [
        ("command", lambda parameter: [parameter]),
        ("container_name", lambda parameter: parameter),
        ("environment", lambda parameter: {"A": parameter}),
        ("family", lambda parameter: parameter),
        ("image", lambda parameter: parameter),
        ("image", lambda parameter: f"ghcr.io/arena/worker:{parameter}"),
        ("image", lambda parameter: f"{parameter}.dkr.ecr.us-east-1.amazonaws.com/arena:1"),
        ("image", ecs.ContainerImage.from_registry),
        ("log_stream_prefix", lambda parameter: parameter),
        ("schedule", events.Schedule.expression),
        ("task_tags", lambda parameter: {"team": parameter}),
    ],
)
def test_lets_the_first_synthesis_pass_that_asks_for_a_parameter(
    prop: str, value: Callable[[str], Any]
) -> None:
    place = Environment(account="111122223333", region="us-east-1")
    stack = Stack(App(), "Stack", env=place)
    vpc = ec2.Vpc.from_lookup(stack, "Vpc", vpc_id="vpc-1")
    cluster = ecs.Cluster.from_cluster_attributes(stack, "Its", cluster_name="arena", vpc=vpc)
    props = {prop: value(ssm.StringParameter.value_from_lookup(stack, "/arena/value"))}
    monitoring = SnapshotMonitoring()
    ScheduledSnapshotTask(stack, "Task", cluster=cluster, monitoring=monitoring, **props)
    Template.from_stack(stack).resource_count_is("AWS::ECS::TaskDefinition", 1)


@pytest.mark.parametrize("prop", ["max_event_age", "max_runtime", "stop_timeout"])
def test_takes_a_token_in_seconds_only(stack: Stack, cluster: ecs.ICluster, prop: str) -> None:
    number: Any = CfnParameter(stack, "Number", type="Number").value_as_number
    # `Any`: the props are of many types.
    seconds: dict[str, Any] = {prop: Duration.seconds(number)}
    ScheduledSnapshotTask(stack, "Task", cluster=cluster, **seconds)
    Template.from_stack(stack)
    minutes: dict[str, Any] = {prop: Duration.minutes(number)}
    with pytest.raises(ValueError, match=f"{prop} is a token in minutes; it must be one in sec"):
        ScheduledSnapshotTask(stack, "Other", cluster=cluster, **minutes)


@pytest.mark.parametrize("name", ["my group", "", "a" * 513, "arena:worker"])
def test_refuses_a_log_group_of_a_name_that_none_has(
    stack: Stack, cluster: ecs.ICluster, name: str
) -> None:
    log_group = logs.LogGroup.from_log_group_name(stack, "Log", name)
    with pytest.raises(ValueError, match=f"log_group has the name '{name}'; it must be 1 to 512"):
        SnapshotTask(stack, "Task", cluster=cluster, log_group=log_group)


def test_takes_enums_and_owned_and_imported_neighbours(
    stack: Stack, cluster: ecs.ICluster
) -> None:
    SnapshotTask(
        stack,
        "Task",
        cluster=cluster,
        image=ecs.ContainerImage.from_registry("worker"),
        cpu=1024.0,  # type: ignore[arg-type] # as numbers come from the CDK
        log_group=logs.LogGroup.from_log_group_name(stack, "Log", "log"),
        task_role=iam.Role.from_role_name(stack, "Imported", "role"),
        execution_role=iam.Role(
            stack, "Own", assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com")
        ),
        security_groups=[ec2.SecurityGroup.from_security_group_id(stack, "Group", "sg-1")],
        guardduty_agent_pull=GuardDutyAgentPull.NONE,
        propagate_tags=ecs.PropagatedTagSource.NONE,
    )
    Template.from_stack(stack).resource_count_is("AWS::ECS::TaskDefinition", 1)
