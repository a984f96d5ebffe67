"""Whether the image that ran last keeps the contract that the stack was built for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bixarena_constructs.cli.deployed.contract_version import contract_mismatch
from bixarena_constructs.cli.doctor.findings import fine, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bixarena_constructs.cli.doctor.findings import Finding, Subject

__all__ = ["check_contract"]


def check_contract(subject: Subject) -> Iterator[Finding]:
    """Do image and stack have the same contract?"""
    mismatch = contract_mismatch(subject.task)
    if mismatch is None:
        yield fine("contract", "no run has logged another version than the stack's")
    else:
        yield warning("contract", mismatch)
