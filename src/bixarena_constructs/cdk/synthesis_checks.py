"""What is checked once all is defined, when the template is written."""

from __future__ import annotations

from typing import Protocol

import jsii
from constructs import IValidation

__all__ = ["Check", "Checks"]


class Check(Protocol):
    """One check."""

    def validate(self) -> list[str]:
        """Return one sentence for each fault."""


@jsii.implements(IValidation)
class Checks:
    """All checks of a task as one validation, since the CDK calls back for each."""

    def __init__(self, *checks: Check) -> None:
        """Take the checks.

        Args:
            *checks: The first ones.
        """
        self._checks = list(checks)

    def append(self, check: Check) -> None:
        """Add a check to those that the CDK knows already."""
        self._checks.append(check)

    def validate(self) -> list[str]:
        """Return one sentence for each fault."""
        return [fault for check in self._checks for fault in check.validate()]
