"""Compares what the image logs of its contract with what the stack was built for."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from bixarena_constructs.cli.deployed.log_lines import fields_of
from bixarena_constructs.cli.deployed.worker_log import newest_streams
from bixarena_constructs.deployment import Output
from bixarena_constructs.worker.contract import Event, Field

if TYPE_CHECKING:
    from bixarena_constructs.cli.deployed.stack import DeployedTask

__all__ = ["contract_mismatch"]

_RUNS_READ: Final = 3


def contract_mismatch(task: DeployedTask) -> str | None:
    """Return how the contracts of image and stack differ.

    None if they are the same, or if one of them is unknown: no run has logged yet, or the image is
    not the reference worker.
    """
    expected = task.outputs.get(Output.CONTRACT_VERSION)
    logged = _logged_version(task)
    if None in (expected, logged) or expected == logged:
        return None
    return (
        f"the last run's image has version {logged} of the worker's contract, the stack reads "
        f"version {expected}, so alarms and this command may misread its log; deploy with the "
        "bixarena-constructs of the image's version"
    )


def _logged_version(task: DeployedTask) -> str | None:
    # A run whose settings are wrong never gets as far.
    for stream in newest_streams(task, _RUNS_READ):
        events = filter(None, map(fields_of, stream.new_lines()))
        for first in islice(events, 1):
            if first[Field.EVENT] == Event.RUN_STARTED and Field.CONTRACT in first:
                return str(first[Field.CONTRACT])
    return None
