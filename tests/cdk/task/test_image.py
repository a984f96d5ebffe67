"""Image references and registry credentials."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from aws_cdk import CfnParameter, Stack
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk.assertions import Annotations, Match

from bixarena_constructs.aws.image_reference import ImageReference
from bixarena_constructs.cdk.task.image import (
    container_image,
    is_reference_worker,
    released_image,
)
from bixarena_constructs.deployment import WORKER_IMAGE
from bixarena_constructs.worker.contract import RELEASE

if TYPE_CHECKING:
    from aws_cdk.aws_secretsmanager import ISecret

ROOT = Path(__file__).parents[3]
SUM = "0123456789abcdef" * 4
WORKER = "sage-bionetworks/bixarena-constructs-worker"
VERSIONS = (
    "1.4.0",
    "v1.4.0",
    "1.4",
    "1.4.0rc1",
    "1.4.0.post1",
    "1.4.0.dev3",
    "0.1.0.dev0",
    "1.4.0-rc.1",
    "1.4.0-alpine3.20",
    "v1.4.0-12-gabc1234",
    "2026.7.1",
)
MOVING = (
    "1",
    "1.4-latest",
    "1.4.x",
    "1234567",
    "1a2b3c4",
    "2026-07-01",
    "3.13-slim",
    "dev",
    "edge",
    "feature-1.4.0",
    "latest",
    "main",
    "main-1.4.0",
    "nightly",
    "pr-12",
    "prod",
    "sha-abc",
    "stable",
    "stage",
    "v1",
    "version-1.4.0",
)


def warnings_of(stack: Stack) -> list[str]:
    found = Annotations.from_stack(stack).find_warning("/Stack", Match.any_value())
    return [str(one.entry.data).rpartition("[ack: ")[2].rstrip("]") for one in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"ghcr.io/{WORKER}:1.4.0", ImageReference("ghcr.io", WORKER, "1.4.0")),
        (f"ghcr.io/{WORKER}", ImageReference("ghcr.io", WORKER)),
        (
            f"ghcr.io/{WORKER}:1.4.0@sha256:{SUM}",
            ImageReference("ghcr.io", WORKER, "1.4.0", f"sha256:{SUM}"),
        ),
        ("localhost:5000/worker", ImageReference("localhost:5000", "worker")),
        ("localhost/worker:a", ImageReference("localhost", "worker", "a")),
        ("[::1]:5000/worker", ImageReference("[::1]:5000", "worker")),
        ("python:3.13", ImageReference("docker.io", "library/python", "3.13")),
        ("amazon/aws-cli", ImageReference("docker.io", "amazon/aws-cli")),
        (
            "111122223333.dkr.ecr.us-east-1.amazonaws.com/worker:1",
            ImageReference("111122223333.dkr.ecr.us-east-1.amazonaws.com", "worker", "1"),
        ),
    ],
)
def test_takes_a_reference_apart_as_the_distribution_grammar_does(
    text: str, expected: ImageReference
) -> None:
    assert ImageReference.parse(text) == expected


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "repository"),
        ("ghcr.io/Sage-Bionetworks/bixarena-worker", "repository"),
        ("ghcr.io//bixarena-worker", "repository"),
        ("ghcr.io/", "repository"),
        (f"https://ghcr.io/{WORKER}", "registry"),
        (f"-ghcr.io/{WORKER}", "registry"),
        (f"ghcr.io/{WORKER}:", "tag"),
        (f"ghcr.io/{WORKER}:-1", "tag"),
        (f"ghcr.io/{WORKER}:1.4.0 ", "tag"),
        (f"ghcr.io/{WORKER}:{'1' * 129}", "tag"),
        (f"ghcr.io/{WORKER}@", "digest"),
        (f"ghcr.io/{WORKER}@sha256:{SUM[:-1]}", "digest"),
        (f"ghcr.io/{WORKER}@sha256:{SUM.upper()}", "digest"),
    ],
)
def test_refuses_a_malformed_reference_and_names_the_part(text: str, part: str) -> None:
    with pytest.raises(ValueError, match=f"has the {part} "):
        ImageReference.parse(text)


def test_refuses_a_name_longer_than_registries_take() -> None:
    with pytest.raises(ValueError, match="more than 255 characters"):
        ImageReference.parse("ghcr.io/" + "a" * 248)
    assert ImageReference.parse("ghcr.io/" + "a" * 247)


@pytest.mark.parametrize(
    "text", [f"ghcr.io/{WORKER}:1.4.0@sha256:{SUM}", f"ghcr.io/{WORKER}", "docker.io/library/a:1"]
)
def test_writes_a_reference_as_it_was_read(text: str) -> None:
    assert str(ImageReference.parse(text)) == text


def test_leaves_a_ready_image_as_it_is(stack: Stack) -> None:
    image = ecs.ContainerImage.from_registry("python:3.13")
    assert container_image(stack, image, credentials=None) is image


def test_refuses_credentials_beside_a_ready_image(stack: Stack, secret: ISecret) -> None:
    image = ecs.ContainerImage.from_registry("python:3.13")
    with pytest.raises(ValueError, match="registry_credentials goes with an image reference"):
        container_image(stack, image, credentials=secret)


def test_refuses_a_malformed_image_before_it_is_deployed(stack: Stack) -> None:
    with pytest.raises(ValueError, match="has the tag"):
        container_image(stack, "ghcr.io/worker:1 0", credentials=None)


def test_names_the_worker_of_this_release_where_no_image_is_named(stack: Stack) -> None:
    image = container_image(stack, None, credentials=None)
    definition = ecs.FargateTaskDefinition(stack, "Definition")
    container = definition.add_container("worker", image=image)
    assert container.image_name == f"ghcr.io/{WORKER}:{RELEASE}" == released_image()
    assert is_reference_worker(None)
    assert warnings_of(stack) == []


def test_has_one_name_for_the_worker_wherever_it_is_published_and_used() -> None:
    workflow = (ROOT / ".github" / "workflows" / "release.yml").read_text()
    assert f"/pkgs/container/{WORKER_IMAGE.rpartition('/')[2]}\n" in workflow
    pages = [ROOT / "README.md", *(ROOT / "examples").rglob("*.py"), *(ROOT / "docs").glob("*.md")]
    named = re.findall(
        rf"{re.escape(WORKER_IMAGE)}:[\w.-]+", "".join(page.read_text() for page in pages)
    )
    assert set(named) == {released_image()}


def test_lets_a_token_through(stack: Stack, secret: ISecret) -> None:
    token = CfnParameter(stack, "Image").value_as_string
    container_image(stack, token, credentials=secret)
    assert not is_reference_worker(token)


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:secretsmanager:us-east-1:111122223333:secret:ghcr",
        "arn:aws:secretsmanager:us-east-1:111122223333:secret:ghcr-token",
    ],
)
def test_refuses_credentials_without_the_end_of_their_arn(stack: Stack, arn: str) -> None:
    partial = secretsmanager.Secret.from_secret_partial_arn(stack, "Partial", arn)
    with pytest.raises(ValueError, match=r"registry_credentials .*from_secret_complete_arn"):
        container_image(stack, f"ghcr.io/{WORKER}", credentials=partial)


def test_refuses_credentials_by_name(stack: Stack) -> None:
    named = secretsmanager.Secret.from_secret_name_v2(stack, "Named", "ghcr")
    with pytest.raises(ValueError, match=r"registry_credentials .*from_secret_complete_arn"):
        container_image(stack, f"ghcr.io/{WORKER}", credentials=named)


def test_takes_credentials_whose_arn_is_a_token(stack: Stack) -> None:
    arn = CfnParameter(stack, "Arn").value_as_string
    secret = secretsmanager.Secret.from_secret_complete_arn(stack, "Token", arn)
    container_image(stack, f"ghcr.io/{WORKER}", credentials=secret)


@pytest.mark.parametrize(
    ("image", "warning"),
    [
        (f"ghcr.io/{WORKER}", "mutableImageTag"),
        *((f"ghcr.io/{WORKER}:{tag}", "mutableImageTag") for tag in MOVING),
        *((f"ghcr.io/{WORKER}:{tag}", "imageWithoutDigest") for tag in VERSIONS),
    ],
)
def test_warns_of_an_image_that_may_change_under_its_name(
    stack: Stack, image: str, warning: str
) -> None:
    container_image(stack, image, credentials=None)
    assert warnings_of(stack) == [f"bixarena-constructs:{warning}"]


def test_does_not_warn_of_an_image_by_digest(stack: Stack) -> None:
    container_image(stack, f"ghcr.io/{WORKER}:edge@sha256:{SUM}", credentials=None)
    assert warnings_of(stack) == []


def test_warns_of_credentials_for_another_registry(stack: Stack, secret: ISecret) -> None:
    container_image(stack, f"docker.io/library/python@sha256:{SUM}", credentials=secret)
    assert warnings_of(stack) == ["bixarena-constructs:credentialsForAnotherRegistry"]


def test_does_not_warn_of_credentials_for_ghcr(stack: Stack, secret: ISecret) -> None:
    container_image(stack, f"ghcr.io/{WORKER}@sha256:{SUM}", credentials=secret)
    assert warnings_of(stack) == []


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        *((f"ghcr.io/{WORKER}:{tag}", True) for tag in VERSIONS),
        (f"ghcr.io/{WORKER}@sha256:{SUM}", True),
        (f"ghcr.io/{WORKER}:edge@sha256:{SUM}", True),
        *((f"ghcr.io/{WORKER}:{tag}", False) for tag in MOVING),
        (f"ghcr.io/{WORKER}", False),
        (f"docker.io/{WORKER}:1.4.0", False),
        # What BixArena's own stack pulls, another program.
        ("ghcr.io/sage-bionetworks/bixarena-worker:1.4.0", False),
        (f"111122223333.dkr.ecr.us-east-1.amazonaws.com/{WORKER}:1.4.0", False),
        ("ghcr.io/sage-bionetworks/bixarena-api:1", False),
        (ecs.ContainerImage.from_registry(f"ghcr.io/{WORKER}"), False),
    ],
)
def test_knows_the_reference_worker_by_its_name(
    image: str | ecs.ContainerImage, *, expected: bool
) -> None:
    assert is_reference_worker(image) is expected
