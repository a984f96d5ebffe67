"""The sizes of Fargate tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bixarena_constructs.cdk.tokens import is_token

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["FARGATE_MEMORY_MIB", "require_fargate_size"]

_GIB: Final = 1024

FARGATE_MEMORY_MIB: Final[Mapping[int, range | tuple[int, ...]]] = {
    256: (512, 1 * _GIB, 2 * _GIB),
    512: range(1 * _GIB, 4 * _GIB + 1, _GIB),
    1024: range(2 * _GIB, 8 * _GIB + 1, _GIB),
    2048: range(4 * _GIB, 16 * _GIB + 1, _GIB),
    4096: range(8 * _GIB, 30 * _GIB + 1, _GIB),
    8192: range(16 * _GIB, 60 * _GIB + 1, 4 * _GIB),
    16384: range(32 * _GIB, 120 * _GIB + 1, 8 * _GIB),
}
"""Memory in MiB that Fargate has for each number of CPU units.

Source: Amazon ECS Developer Guide, "Task size" of the Fargate task definition parameters.
"""

# More than the 20 GiB that every task has.
_EPHEMERAL_STORAGE_GIB: Final = range(21, 200 + 1)


def require_fargate_size(
    *, cpu: int, memory_limit_mib: int, ephemeral_storage_gib: int | None
) -> None:
    """Check that Fargate offers this size; tokens pass.

    Args:
        cpu: CPU units of the task.
        memory_limit_mib: Memory of the task in MiB.
        ephemeral_storage_gib: Disk of the task in GiB, or None for Fargate's own.

    Raises:
        ValueError: It does not, which would only show when the stack is deployed.
    """
    if ephemeral_storage_gib is not None and not is_token(ephemeral_storage_gib):
        _require_storage(ephemeral_storage_gib)
    if is_token(cpu):
        return
    if cpu not in FARGATE_MEMORY_MIB:
        allowed = ", ".join(map(str, FARGATE_MEMORY_MIB))
        raise ValueError(f"cpu is {cpu}; on Fargate it must be one of {allowed}")
    if is_token(memory_limit_mib):
        return
    memory = FARGATE_MEMORY_MIB[cpu]
    if memory_limit_mib not in memory:
        raise ValueError(
            f"memory_limit_mib is {memory_limit_mib}; with cpu {cpu} it must be {_allowed(memory)}"
        )


def _allowed(memory: range | tuple[int, ...]) -> str:
    if isinstance(memory, range):
        return f"{memory[0]} to {memory[-1]} in steps of {memory.step}"
    return ", ".join(map(str, memory))


def _require_storage(ephemeral_storage_gib: int) -> None:
    allowed = _EPHEMERAL_STORAGE_GIB
    if ephemeral_storage_gib not in allowed:
        raise ValueError(
            f"ephemeral_storage_gib is {ephemeral_storage_gib}; it must be from {allowed[0]} to "
            f"{allowed[-1]}, or left out for the 20 that every task has"
        )
