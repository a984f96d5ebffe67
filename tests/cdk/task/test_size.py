"""The sizes that Fargate has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from aws_cdk import CfnParameter

from bixarena_constructs.cdk.task.size import require_fargate_size

if TYPE_CHECKING:
    from aws_cdk import Stack


@pytest.mark.parametrize(
    ("cpu", "memory"),
    [(256, 512), (256, 2048), (512, 4096), (1024, 2048), (4096, 30720), (8192, 61440)],
)
def test_takes_the_sizes_of_the_developer_guide(cpu: int, memory: int) -> None:
    require_fargate_size(cpu=cpu, memory_limit_mib=memory, ephemeral_storage_gib=None)


@pytest.mark.parametrize(
    ("cpu", "memory", "message"),
    [
        (0, 2048, "cpu is 0; on Fargate it must be one of 256, 512"),
        (1000, 2048, "cpu is 1000"),
        (256, 4096, "memory_limit_mib is 4096; with cpu 256 it must be 512, 1024, 2048"),
        (2048, 2048, "with cpu 2048 it must be 4096 to 16384 in steps of 1024"),
        (1024, 2500, "memory_limit_mib is 2500"),
        (16384, 36864, "in steps of 8192"),
    ],
)
def test_refuses_a_size_that_fargate_has_not(cpu: int, memory: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        require_fargate_size(cpu=cpu, memory_limit_mib=memory, ephemeral_storage_gib=None)


@pytest.mark.parametrize("size", [20, 201])
def test_refuses_storage_that_fargate_does_not_sell(size: int) -> None:
    with pytest.raises(
        ValueError, match=f"ephemeral_storage_gib is {size}; it must be from 21 to 200"
    ):
        require_fargate_size(cpu=256, memory_limit_mib=512, ephemeral_storage_gib=size)


def test_lets_tokens_through(stack: Stack) -> None:
    number = CfnParameter(stack, "Number", type="Number").value_as_number
    require_fargate_size(cpu=number, memory_limit_mib=1, ephemeral_storage_gib=number)  # type: ignore[arg-type] # a number's token is a float in Python
    require_fargate_size(cpu=256, memory_limit_mib=number, ephemeral_storage_gib=None)  # type: ignore[arg-type] # as above
