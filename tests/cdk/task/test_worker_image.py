"""Images that the CDK builds or loads: the worker's own, folders, tarballs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecr_assets as ecr_assets
from aws_cdk import aws_ecs as ecs
from aws_cdk.assertions import Annotations, Match, Template

from bixarena_constructs import ScheduledSnapshotTask, WorkerImage
from bixarena_constructs.cdk.task.worker_image import WORKER_FOLDER
from bixarena_constructs.testing import assert_schedule_can_start_its_task

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def define(tmp_path: Path) -> Callable[..., Stack]:
    """Return a function that defines the construct in an app of its own."""

    def defined(
        image: ecs.ContainerImage | Callable[[Stack], ecs.ContainerImage], **props: Any
    ) -> Stack:  # any prop
        stack = Stack(App(outdir=str(tmp_path / "cdk.out")), "Stack")
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
        ready = image if isinstance(image, ecs.ContainerImage) else image(stack)
        ScheduledSnapshotTask(stack, "Snapshot", cluster=cluster, image=ready, **props)
        return stack

    return defined


def definition_of(stack: Stack) -> dict[str, Any]:  # CloudFormation is untyped
    template = Template.from_stack(stack)
    (definition,) = template.find_resources("AWS::ECS::TaskDefinition").values()
    return dict(definition["Properties"])


def assets_of(stack: Stack, folder: Path) -> tuple[Path, dict[str, Any]]:  # untyped as above
    """Return the folder that is built, and what the assembly says of the build."""
    Template.from_stack(stack)
    manifest = json.loads((folder / "cdk.out" / "Stack.assets.json").read_text())
    (asset,) = manifest["dockerImages"].values()
    return folder / "cdk.out" / asset["source"]["directory"], asset["source"]


def hash_of(packages: Path) -> str:
    """Return the hash of the image that the package below a folder makes."""
    code = """
from aws_cdk import App, Stack
from aws_cdk import aws_ecs as ecs
from bixarena_constructs import WorkerImage

stack = Stack(App(), "Stack")
task = ecs.FargateTaskDefinition(stack, "Task")
container = task.add_container("worker", image=WorkerImage())
print(stack.resolve(container.image_name))
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(packages), "PYTHONDONTWRITEBYTECODE": "1"},
        cwd=packages,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout.strip()


class TestWorkerImage:
    def test_is_the_reference_worker_with_a_read_only_root(
        self, define: Callable[..., Stack]
    ) -> None:
        (container,) = definition_of(define(WorkerImage()))["ContainerDefinitions"]
        assert container["ReadonlyRootFilesystem"] is True
        (mount,) = container["MountPoints"]
        assert mount["ReadOnly"] is False

    def test_needs_no_acknowledgement(self, define: Callable[..., Stack]) -> None:
        found = Annotations.from_stack(define(WorkerImage())).find_warning(
            "/Stack/Snapshot", Match.any_value()
        )
        assert not found

    def test_is_pulled_by_the_execution_role(self, define: Callable[..., Stack]) -> None:
        template = Template.from_stack(define(WorkerImage())).to_json()
        assert_schedule_can_start_its_task(template)
        assert "container-assets" in json.dumps(template)

    def test_is_built_of_the_workers_folder_without_what_python_leaves_there(
        self, define: Callable[..., Stack], tmp_path: Path
    ) -> None:
        context, _ = assets_of(define(WorkerImage()), tmp_path)
        built = {str(path.relative_to(context)) for path in context.rglob("*")}
        assert {"Dockerfile", "requirements.txt", "__main__.py", "sql", "ranking"} <= built
        assert not [path for path in built if "__pycache__" in path or path.endswith(".pyc")]

    @pytest.mark.slow
    def test_keeps_its_hash_when_python_compiles_the_folder(self, tmp_path: Path) -> None:
        package = tmp_path / "bixarena_constructs"
        clean = shutil.ignore_patterns("__pycache__")
        shutil.copytree(WORKER_FOLDER.parent, package, ignore=clean)
        before = hash_of(tmp_path)
        compiled = package / "worker" / "ranking" / "__pycache__"
        compiled.mkdir()
        (compiled / "fit.cpython-313.pyc").write_bytes(b"compiled")
        assert hash_of(tmp_path) == before
        (package / "worker" / "job.py").write_text("# another worker\n")
        assert hash_of(tmp_path) != before

    @pytest.mark.parametrize(
        ("platform", "built", "run"),
        [
            (None, "linux/amd64", "X86_64"),
            (ecr_assets.Platform.LINUX_AMD64, "linux/amd64", "X86_64"),
            (ecr_assets.Platform.LINUX_ARM64, "linux/arm64", "ARM64"),
        ],
    )
    def test_is_built_for_the_architecture_that_it_runs_on(
        self,
        define: Callable[..., Stack],
        tmp_path: Path,
        platform: ecr_assets.Platform | None,
        built: str,
        run: str,
    ) -> None:
        stack = define(WorkerImage(platform=platform))
        assert definition_of(stack)["RuntimePlatform"]["CpuArchitecture"] == run
        assert assets_of(stack, tmp_path)[1]["platform"] == built

    def test_hands_build_arguments_on(self, define: Callable[..., Stack], tmp_path: Path) -> None:
        stack = define(WorkerImage(build_args={"BASE": "python:3.12"}))
        assert assets_of(stack, tmp_path)[1]["dockerBuildArgs"] == {"BASE": "python:3.12"}

    def test_refuses_a_platform_that_fargate_has_not(self) -> None:
        with pytest.raises(
            ValueError, match=r"platform is linux/riscv64; .* must be one of .*linux/arm64"
        ):
            WorkerImage(platform=ecr_assets.Platform.custom("linux/riscv64"))

    def test_refuses_another_architecture_beside_it(self, define: Callable[..., Stack]) -> None:
        with pytest.raises(ValueError, match="runtime_platform is that of WorkerImage"):
            define(
                WorkerImage(),
                runtime_platform=ecs.RuntimePlatform(cpu_architecture=ecs.CpuArchitecture.ARM64),
            )


@pytest.mark.parametrize("kind", ["from_asset", "from_tarball", "from_docker_image_asset"])
def test_takes_images_of_the_users_own(
    define: Callable[..., Stack], tmp_path: Path, kind: str
) -> None:
    folder = tmp_path / "image"
    folder.mkdir()
    (folder / "Dockerfile").write_text("FROM scratch\n")
    tarball = tmp_path / "image.tar"
    tarball.write_bytes(b"")

    def image(stack: Stack) -> ecs.ContainerImage:
        if kind == "from_asset":
            return ecs.ContainerImage.from_asset(str(folder))
        if kind == "from_tarball":
            return ecs.ContainerImage.from_tarball(str(tarball))
        asset = ecr_assets.DockerImageAsset(stack, "Asset", directory=str(folder))
        return ecs.ContainerImage.from_docker_image_asset(asset)

    stack = define(image)
    (container,) = definition_of(stack)["ContainerDefinitions"]
    assert "container-assets" in json.dumps(container["Image"])
    assert "ReadonlyRootFilesystem" not in container
    assert_schedule_can_start_its_task(Template.from_stack(stack).to_json())
