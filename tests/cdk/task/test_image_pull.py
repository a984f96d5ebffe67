"""The pull permission of images that a text names."""

from __future__ import annotations

import io
import re
import tarfile
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import (
    App,
    CfnDynamicReference,
    CfnDynamicReferenceService,
    CfnParameter,
    Environment,
    Fn,
    Stack,
)
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_ecr_assets as ecr_assets
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk.assertions import Annotations, Match, Template

from bixarena_constructs import GuardDutyAgentPull, SnapshotTask
from bixarena_constructs.cdk.task.image_pull import pull_statements

SUM = "0123456789abcdef" * 4
ACCOUNT = "111111111111"
HOST = f"{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com"
ASSETS = "cdk-hnb659fds-container-assets-"
PROPER_POLICIES = Match.string_like_regexp("Proper policies need to be attached")
WAY_OUT = r"is a token that does not show its registry.*from_ecr_repository"


def repositories(stack: Stack) -> list[str]:
    """What execution roles may pull, as CloudFormation would write it."""
    found = []
    for policy in Template.from_stack(stack).find_resources("AWS::IAM::Policy").values():
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
            if "ecr:BatchGetImage" in statement["Action"]:
                assert statement["Effect"] == "Allow"
                assert statement["Action"] == [
                    "ecr:BatchCheckLayerAvailability",
                    "ecr:GetDownloadUrlForLayer",
                    "ecr:BatchGetImage",
                ]
                found.append(written(statement["Resource"]))
    return found


def written(value: Any) -> str:  # `Any`: CloudFormation's JSON
    match value:
        case str():
            text = value
        case {"Fn::Join": ["", list(parts)]}:
            text = "".join(map(written, parts))
        case {"Fn::Sub": str(text)}:
            pass
        case {"Ref": str(name)}:
            text = f"${{{name}}}"
        case {"Fn::GetAtt": [name, attribute]}:
            text = f"${{{name}.{attribute}}}"
        case {"Fn::Select": [int(index), {"Fn::Split": [mark, whole]}]}:
            text = f"<{index} of {written(whole)} by {mark}>"
        case {"Fn::ImportValue": name}:
            text = f"<import {name}>"
        case _:
            raise AssertionError(value)
    return text


def define(stack: Stack, cluster: ecs.ICluster, **props: Any) -> SnapshotTask:  # any prop
    props.setdefault("guardduty_agent_pull", GuardDutyAgentPull.NONE)
    return SnapshotTask(stack, "Snapshot", cluster=cluster, **props)


def app_of(stack: Stack) -> App:
    app = App.of(stack)
    assert isinstance(app, App)
    return app


@pytest.fixture
def tarball(tmp_path: Path) -> str:
    with tarfile.open(tmp_path / "worker.tar", "w") as archive:
        archive.addfile(tarfile.TarInfo("manifest.json"), io.BytesIO())
    return str(tmp_path / "worker.tar")


@pytest.mark.parametrize("through", [str, ecs.ContainerImage.from_registry])
@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (f"{HOST}/foo:1", f"eu-west-1:{ACCOUNT}:repository/foo"),
        (f"{HOST}/foo", f"eu-west-1:{ACCOUNT}:repository/foo"),
        (f"{HOST}/team/a_b/foo:1@sha256:{SUM}", f"eu-west-1:{ACCOUNT}:repository/team/a_b/foo"),
        (f"{HOST}/foo@sha256:{SUM}", f"eu-west-1:{ACCOUNT}:repository/foo"),
        (
            f"{ACCOUNT}.dkr.ecr.cn-north-1.amazonaws.com.cn/foo:1",
            f"cn-north-1:{ACCOUNT}:repository/foo",
        ),
        (
            f"{ACCOUNT}.dkr.ecr-fips.us-gov-west-1.amazonaws.com/foo:1",
            f"us-gov-west-1:{ACCOUNT}:repository/foo",
        ),
        (f"{ACCOUNT}.dkr-ecr.us-west-2.on.aws/foo:1", f"us-west-2:{ACCOUNT}:repository/foo"),
        (
            f"{ACCOUNT}.dkr.ecr.us-iso-east-1.c2s.ic.gov/foo:1",
            f"us-iso-east-1:{ACCOUNT}:repository/foo",
        ),
        (
            f"{ACCOUNT}.dkr.ecr.eusc-de-east-1.amazonaws.eu/foo:1",
            f"eusc-de-east-1:{ACCOUNT}:repository/foo",
        ),
    ],
)
def test_allows_the_pull_from_the_repository_of_a_text(
    stack: Stack, cluster: ecs.ICluster, image: str, expected: str, *, through: Any
) -> None:
    define(stack, cluster, image=through(image))
    assert repositories(stack) == [f"arn:${{AWS::Partition}}:ecr:{expected}"]
    # The CDK warns that nobody did.
    assert Annotations.from_stack(stack).find_warning("*", PROPER_POLICIES) == []
    Template.from_stack(stack).has_resource_properties(
        "AWS::IAM::Policy",
        {
            "PolicyDocument": {
                "Statement": Match.array_with(
                    [{"Action": "ecr:GetAuthorizationToken", "Effect": "Allow", "Resource": "*"}]
                )
            }
        },
    )


@pytest.mark.parametrize(
    "image",
    [
        "ghcr.io/a/worker:1.0.0",
        "python:3.13",
        "public.ecr.aws/docker/library/python:3.13",
        "quay.io/a/worker:1.0.0",
        None,
    ],
)
def test_allows_no_pull_for_another_registry(
    stack: Stack, cluster: ecs.ICluster, image: str | None
) -> None:
    define(stack, cluster, image=image)
    assert repositories(stack) == []


@pytest.mark.parametrize("through", [str, ecs.ContainerImage.from_registry])
def test_allows_the_pull_of_a_tarballs_image_by_its_uri(
    stack: Stack, cluster: ecs.ICluster, tarball: str, *, through: Any
) -> None:
    asset = ecr_assets.TarballImageAsset(stack, "Image", tarball_file=tarball)
    define(stack, cluster, image=through(asset.image_uri))
    (found,) = repositories(stack)
    assert found == (
        "arn:${AWS::Partition}:ecr:${AWS::Region}:${AWS::AccountId}"
        f":repository/{ASSETS}${{AWS::AccountId}}-${{AWS::Region}}"
    )


def test_allows_the_pull_of_an_assets_image_in_a_stack_of_known_place(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    stack = Stack(App(), "Stack", env=Environment(account=ACCOUNT, region="eu-west-1"))
    asset = ecr_assets.DockerImageAsset(stack, "Image", directory=str(tmp_path))
    define(stack, ecs.Cluster(stack, "Cluster"), image=asset.image_uri)
    assert repositories(stack) == [
        f"arn:${{AWS::Partition}}:ecr:eu-west-1:{ACCOUNT}:repository/{ASSETS}{ACCOUNT}-eu-west-1"
    ]


def test_allows_the_pull_from_a_repository_of_the_stack_by_its_uri(
    stack: Stack, cluster: ecs.ICluster
) -> None:
    repository = ecr.Repository(stack, "Repository")
    define(stack, cluster, image=repository.repository_uri_for_tag("1"))
    arn = "${Repository22E53BBD.Arn}"
    (found,) = repositories(stack)
    assert found == (
        f"arn:${{AWS::Partition}}:ecr:<3 of {arn} by :>:<4 of {arn} by :>"
        ":repository/${Repository22E53BBD}"
    )


def test_allows_the_pull_from_an_imported_repository_by_its_uri(
    stack: Stack, cluster: ecs.ICluster
) -> None:
    repository = ecr.Repository.from_repository_arn(
        stack, "Repository", f"arn:aws:ecr:eu-west-1:{ACCOUNT}:repository/team/foo"
    )
    define(stack, cluster, image=repository.repository_uri_for_digest(f"sha256:{SUM}"))
    assert repositories(stack) == [
        f"arn:${{AWS::Partition}}:ecr:eu-west-1:{ACCOUNT}:repository/team/foo"
    ]


def test_imports_the_repository_of_another_stack(stack: Stack, cluster: ecs.ICluster) -> None:
    elsewhere = Stack(app_of(stack), "Images")
    repository = ecr.Repository(elsewhere, "Repository")
    define(stack, cluster, image=repository.repository_uri_for_tag("1"))
    (found,) = repositories(stack)
    assert ":repository/<import Images:ExportsOutputRefRepository22E53BBD" in found


def test_takes_a_tag_that_is_a_token(stack: Stack, cluster: ecs.ICluster) -> None:
    tag = CfnParameter(stack, "Tag").value_as_string
    define(stack, cluster, image=f"{HOST}/foo:{tag}")
    assert repositories(stack) == [
        f"arn:${{AWS::Partition}}:ecr:eu-west-1:{ACCOUNT}:repository/foo"
    ]


@pytest.mark.parametrize(
    ("text", "is_elsewhere"),
    [
        ("{}", False),
        ("{}:1", False),
        ("{}/foo:1", False),
        ("{}.amazonaws.com/foo:1", False),
        ("ghcr.io/a/worker:{}", True),
        ("ghcr.io/{}/worker:1", True),
        ("python:{}", True),
        ("python@{}", True),
        ("{}.jfrog.io/a/worker:1", True),
        ("{}.example.com:5000/a/worker:1", True),
    ],
)
def test_refuses_only_a_token_that_may_be_a_repository_in_ecr(
    stack: Stack, text: str, *, is_elsewhere: bool
) -> None:
    image = text.format(CfnParameter(stack, "Image").value_as_string)
    if is_elsewhere:
        assert pull_statements(stack, "image", image) == ()
        return
    with pytest.raises(ValueError, match=rf"^image {WAY_OUT}"):
        pull_statements(stack, "image", image)


@pytest.mark.parametrize(
    "image",
    [
        lambda stack: CfnParameter(stack, "Image").value_as_string,
        lambda _: Fn.import_value("image"),
        lambda _: Fn.join(":", [Fn.import_value("repository"), "1"]),
    ],
)
def test_refuses_a_token_that_hides_its_registry(
    stack: Stack, cluster: ecs.ICluster, *, image: Any
) -> None:
    with pytest.raises(ValueError, match=rf"^image {WAY_OUT}"):
        define(stack, cluster, image=image(stack))


def test_takes_a_token_with_credentials_which_ecr_does_not_know(
    stack: Stack, cluster: ecs.ICluster, secret: secretsmanager.ISecret
) -> None:
    image = CfnParameter(stack, "Image").value_as_string
    define(stack, cluster, image=image, registry_credentials=secret)
    assert repositories(stack) == []


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (
            "${AWS::AccountId}.dkr.ecr.${AWS::Region}.${AWS::URLSuffix}/team/foo:1",
            "${AWS::Region}:${AWS::AccountId}:repository/team/foo",
        ),
        (
            "${Parameter}.dkr.ecr.eu-west-1.amazonaws.com/foo:${Parameter}",
            "eu-west-1:${Parameter}:repository/foo",
        ),
        (
            "${Host}/${Name}:${Parameter}",
            f"eu-west-1:{ACCOUNT}:repository/<import name>",
        ),
    ],
)
def test_reads_a_substitution_with_its_values(
    stack: Stack, cluster: ecs.ICluster, image: str, expected: str
) -> None:
    CfnParameter(stack, "Parameter")
    values = {"Host": HOST, "Name": Fn.import_value("name")} if "Host" in image else None
    define(stack, cluster, image=Fn.sub(image, values))
    assert repositories(stack) == [f"arn:${{AWS::Partition}}:ecr:{expected}"]


def test_refuses_a_substitution_that_hides_its_registry(
    stack: Stack, cluster: ecs.ICluster
) -> None:
    with pytest.raises(ValueError, match=rf"^image {WAY_OUT}"):
        define(stack, cluster, image=Fn.sub("${Repository.RepositoryUri}:1"))


@pytest.mark.parametrize(
    "host",
    [
        "1111.dkr.ecr.us-east-1.amazonaws.com",
        f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com:443",
        f"{ACCOUNT}.DKR.ECR.us-east-1.amazonaws.com",
        "arena.dkr-ecr.us-east-1.on.aws",
    ],
)
def test_refuses_a_registry_that_is_almost_one_of_ecr(
    stack: Stack, cluster: ecs.ICluster, host: str
) -> None:
    with pytest.raises(ValueError, match=f"image .* has the registry '{re.escape(host)}', which"):
        define(stack, cluster, image=f"{host}/foo:1")


def test_refuses_credentials_for_ecr(
    stack: Stack, cluster: ecs.ICluster, secret: secretsmanager.ISecret
) -> None:
    with pytest.raises(
        ValueError, match=r"registry_credentials are for .*, in ECR, .*leave it out"
    ):
        define(stack, cluster, image=f"{HOST}/foo:1", registry_credentials=secret)


def test_refuses_at_synthesis_a_ready_image_that_hides_its_registry(
    stack: Stack, cluster: ecs.ICluster
) -> None:
    image = CfnParameter(stack, "Image").value_as_string
    define(stack, cluster, image=ecs.ContainerImage.from_registry(image))
    with pytest.raises(RuntimeError, match=f"image of the container 'bixarena-worker' {WAY_OUT}"):
        Template.from_stack(stack)


def images_that_the_cdk_grants(stack: Stack, tarball: Path) -> list[ecs.ContainerImage]:
    repository = ecr.Repository(stack, "Repository")
    imported = ecr.Repository.from_repository_name(stack, "Imported", "foo")
    (tarball.parent / "Dockerfile").write_text("FROM scratch\n")
    asset = ecr_assets.DockerImageAsset(stack, "Image", directory=str(tarball.parent))
    return [
        ecs.ContainerImage.from_ecr_repository(repository, "1"),
        ecs.ContainerImage.from_ecr_repository(imported, "1"),
        ecs.ContainerImage.from_docker_image_asset(asset),
        ecs.ContainerImage.from_tarball(str(tarball)),
    ]


@pytest.mark.parametrize("brought", [False, True])
@pytest.mark.parametrize("number", range(4))
def test_repeats_no_pull_that_the_cdk_allows(
    stack: Stack, cluster: ecs.ICluster, tarball: str, number: int, *, brought: bool
) -> None:
    image = images_that_the_cdk_grants(stack, Path(tarball))[number]
    if brought:
        define(stack, cluster, **bring(stack, image))
    else:
        define(stack, cluster, image=image)
    assert len(repositories(stack)) == 1


def bring(stack: Stack, image: ecs.ContainerImage, **props: Any) -> dict[str, Any]:  # any prop
    definition = ecs.FargateTaskDefinition(stack, "Definition", **props)
    definition.add_container("arena", image=image)
    return {"task_definition": definition, "log_group": logs.LogGroup(stack, "Log")}


class TestWhatNoPropShows:
    def test_allows_the_pull_of_a_task_definition_of_the_users(
        self, stack: Stack, cluster: ecs.ICluster
    ) -> None:
        define(stack, cluster, **bring(stack, ecs.ContainerImage.from_registry(f"{HOST}/foo:1")))
        assert repositories(stack) == [
            f"arn:${{AWS::Partition}}:ecr:eu-west-1:{ACCOUNT}:repository/foo"
        ]

    def test_allows_the_pull_of_a_sidecar_that_came_later(
        self, stack: Stack, cluster: ecs.ICluster
    ) -> None:
        task = define(stack, cluster)
        task.task_definition.add_container(
            "sidecar", image=ecs.ContainerImage.from_registry(f"{HOST}/sidecar:1")
        )
        assert repositories(stack) == [
            f"arn:${{AWS::Partition}}:ecr:eu-west-1:{ACCOUNT}:repository/sidecar"
        ]

    def test_refuses_a_malformed_image_of_a_task_definition_of_the_users(
        self, stack: Stack, cluster: ecs.ICluster
    ) -> None:
        define(stack, cluster, **bring(stack, ecs.ContainerImage.from_registry("ghcr.io/W:1")))
        with pytest.raises(RuntimeError, match=r"has the repository 'W'"):
            Template.from_stack(stack)

    def test_warns_of_a_moving_image_of_a_task_definition_of_the_users(
        self, stack: Stack, cluster: ecs.ICluster
    ) -> None:
        define(stack, cluster, **bring(stack, ecs.ContainerImage.from_registry("ghcr.io/a/w")))
        Annotations.from_stack(stack).has_warning(
            "/Stack/Snapshot", Match.string_like_regexp("mutableImageTag")
        )

    def test_warns_where_a_role_takes_no_policy(self, stack: Stack, cluster: ecs.ICluster) -> None:
        role = iam.Role.from_role_arn(
            stack, "Role", f"arn:aws:iam::{ACCOUNT}:role/r", mutable=False
        )
        image = ecs.ContainerImage.from_registry(f"{HOST}/foo:1")
        define(stack, cluster, **bring(stack, image, execution_role=role))
        Annotations.from_stack(stack).has_warning(
            "/Stack/Snapshot", Match.string_like_regexp("ecr:BatchGetImage.*executionRolePolicy")
        )

    @pytest.mark.parametrize("way", ["later", "prop", "brought", "credentials"])
    def test_allows_the_use_of_a_key_that_was_imported_with_its_secret(
        self, stack: Stack, cluster: ecs.ICluster, way: str
    ) -> None:
        key = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1"
        secret = secretsmanager.Secret.from_secret_attributes(
            stack,
            "Keyed",
            secret_complete_arn=f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:keyed-AbCdEf",
            encryption_key=kms.Key.from_key_arn(stack, "Key", key),
        )
        ready = ecs.Secret.from_secrets_manager(secret, "password")
        image = ecs.ContainerImage.from_registry("ghcr.io/a/worker:1.0.0", credentials=secret)
        match way:
            case "later":
                task = define(stack, cluster)
                container = task.task_definition.default_container
                assert container
                container.add_secret("PASSWORD", ready)
            case "prop":
                define(stack, cluster, secrets={"PASSWORD": ready})
            case "brought":
                props = bring(stack, ecs.ContainerImage.from_registry("ghcr.io/a/worker:1.0.0"))
                props["task_definition"].default_container.add_secret("PASSWORD", ready)
                define(stack, cluster, **props)
            case "credentials":
                define(stack, cluster, **bring(stack, image))
        Template.from_stack(stack).has_resource_properties(
            "AWS::IAM::Policy",
            {
                "PolicyDocument": {
                    "Statement": Match.array_with(
                        [Match.object_like({"Action": "kms:Decrypt", "Resource": key})]
                    )
                }
            },
        )

    def test_allows_no_key_of_a_secret_that_the_task_does_not_take(
        self, stack: Stack, cluster: ecs.ICluster, secret: secretsmanager.ISecret
    ) -> None:
        secretsmanager.Secret.from_secret_attributes(
            stack,
            "Keyed",
            secret_complete_arn=f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:keyed-AbCdEf",
            encryption_key=kms.Key.from_key_arn(
                stack, "Key", f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1"
            ),
        )
        task = define(stack, cluster)
        container = task.task_definition.default_container
        assert container
        container.add_secret("PASSWORD", ecs.Secret.from_secrets_manager(secret))
        assert "kms:Decrypt" not in str(Template.from_stack(stack).to_json())

    def test_refuses_a_secret_that_came_later_without_its_complete_arn(
        self, stack: Stack, cluster: ecs.ICluster
    ) -> None:
        task = define(stack, cluster, image="ghcr.io/a/worker:1.0.0")
        container = task.task_definition.default_container
        assert container
        named = secretsmanager.Secret.from_secret_name_v2(stack, "Named", "arena")
        container.add_secret("PASSWORD", ecs.Secret.from_secrets_manager(named))
        with pytest.raises(RuntimeError, match=r"the secret PASSWORD .* no complete ARN"):
            Template.from_stack(stack)

    def test_refuses_the_value_of_a_secret_in_a_plain_variable(
        self, stack: Stack, cluster: ecs.ICluster, secret: secretsmanager.ISecret
    ) -> None:
        task = define(stack, cluster)
        container = task.task_definition.default_container
        assert container
        container.add_environment("PASSWORD", secret.secret_value.unsafe_unwrap())
        with pytest.raises(RuntimeError, match=r"the variable PASSWORD .* use secrets"):
            Template.from_stack(stack)

    @pytest.mark.parametrize("prop", ["command", "entry_point"])
    def test_refuses_the_value_of_a_secret_in_any_other_setting(
        self, stack: Stack, cluster: ecs.ICluster, secret: secretsmanager.ISecret, prop: str
    ) -> None:
        define(stack, cluster, **{prop: ["run", f"--dsn={secret.secret_value.unsafe_unwrap()}"]})
        with pytest.raises(RuntimeError, match=r"the setting \w+ of .* use secrets"):
            Template.from_stack(stack)

    def test_takes_a_parameter_that_is_no_secret(
        self, stack: Stack, cluster: ecs.ICluster
    ) -> None:
        reference = CfnDynamicReference(CfnDynamicReferenceService.SSM, "/arena/host:1")
        parameter = reference.to_string()
        task = define(stack, cluster, environment={"HOST": parameter}, command=[parameter])
        container = task.task_definition.default_container
        assert container
        container.add_environment("OTHER", parameter)
        assert "{{resolve:ssm:/arena/host:1}}" in str(Template.from_stack(stack).to_json())

    def test_takes_keys_for_a_task_definition_of_the_users(
        self, stack: Stack, cluster: ecs.ICluster
    ) -> None:
        key = kms.Key.from_key_arn(stack, "Key", f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1")
        image = ecs.ContainerImage.from_registry("ghcr.io/a/worker:1.0.0")
        define(stack, cluster, secret_keys=[key], **bring(stack, image))
        assert "kms:Decrypt" in str(Template.from_stack(stack).to_json())
