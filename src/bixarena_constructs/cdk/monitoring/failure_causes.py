"""Why a run failed, as far as the event of its end shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bixarena_constructs.cdk.run_events import NEVER_STARTED, OVERDUE, STOPPED_ON_PURPOSE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bixarena_constructs.cdk.monitoring.worker_signals import ExitCode

__all__ = ["FailureCause", "failure_causes"]

_INTERRUPTED: Final = ("SpotInterruption", "TerminationNotice")


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureCause:
    """One reason of failure; an event is of one cause at most.

    Attributes:
        id: Construct id of what is defined for it.
        meaning: Completes the sentence "a run failed: ...".
        detail: What an event of this cause has in its detail, as an event pattern.
        is_transient: Whether the same run may succeed a little later.
    """

    id: str
    meaning: str
    detail: Mapping[str, object]
    is_transient: bool


_OVERDUE: Final = FailureCause(
    id="Overdue",
    meaning="it had not ended by its deadline and was stopped",
    detail=OVERDUE,
    is_transient=False,
)


def failure_causes(
    exit_codes: Mapping[int, ExitCode], *, container_name: str, stops_overdue: bool
) -> tuple[FailureCause, ...]:
    """Return every cause, without overlap.

    A rule matches a value and cannot translate it, so a message that says what happened needs a
    rule, and so a cause, for each exit code that has a meaning.

    Args:
        exit_codes: The exit codes that have a meaning.
        container_name: The worker's container. The name and the exit code are compared within
            one container of the event, so that no sidecar counts.
        stops_overdue: Whether the monitoring stops a run that outlives its deadline.
    """
    own = [
        FailureCause(
            id=f"ExitCode{code}",
            meaning=f"{exit_code.meaning} (exit code {code})",
            detail=_ended(container_name, [code]),
            is_transient=exit_code.is_transient,
        )
        for code, exit_code in exit_codes.items()
    ]
    others = [{"anything-but": [0, *exit_codes]}]
    return (
        FailureCause(
            id="NeverStarted",
            meaning="the task never started",
            detail={"stopCode": [NEVER_STARTED]},
            is_transient=True,
        ),
        FailureCause(
            id="Interrupted",
            meaning="Fargate took the capacity back",
            detail={
                "stopCode": list(_INTERRUPTED),
                **_container(container_name, [{"anything-but": [0]}]),
            },
            is_transient=True,
        ),
        *own,
        *([_OVERDUE] if stops_overdue else ()),
        FailureCause(
            id="OtherExitCode",
            meaning="the worker ended with another exit code, see its log",
            detail=_ended(container_name, others),
            is_transient=False,
        ),
    )


def _ended(container_name: str, exit_codes: Sequence[object]) -> dict[str, object]:
    other_causes = [NEVER_STARTED, *_INTERRUPTED, STOPPED_ON_PURPOSE]
    return {
        "stopCode": [{"anything-but": other_causes}],
        **_container(container_name, exit_codes),
    }


def _container(name: str, exit_codes: Sequence[object]) -> dict[str, object]:
    return {"containers": {"name": [name], "exitCode": list(exit_codes)}}
