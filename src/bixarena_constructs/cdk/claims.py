"""What two tasks of an app cannot share, or can share only while neither is watched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple
from weakref import WeakKeyDictionary

from aws_cdk import Stack, Stage

from bixarena_constructs.cdk.tokens import is_token, read
from bixarena_constructs.worker.contract import Variable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from constructs import IConstruct

__all__ = ["Claim", "ClaimsCheck", "add_claims"]

_WHY: Final[Mapping[str, str]] = {
    "export_prefix": (
        "the name of an export is unique in an account and region; choose another prefix"
    ),
    "family": (
        "the events of a run name the family alone, so each alert would be for both; leave it "
        "out, or choose another"
    ),
    "log_group": (
        "log lines do not name their task, so a run of one would quiet the alarms of the other; "
        "leave it out, or give each a log group of its own"
    ),
    "rule_name": (
        "the name of a rule is unique in an account and region; leave it out, or choose another"
    ),
    "task_definition": (
        f"it has one family and one {Variable.MAX_RUNTIME_SECONDS}; give each its own, or make "
        "one SnapshotTask and give its schedule_target() to both schedules"
    ),
}
# By root of the tree, and by what is claimed: who claims it, and whether alone.
_CLAIMS: WeakKeyDictionary[IConstruct, dict[tuple[str, ...], dict[str, bool]]] = (
    WeakKeyDictionary()
)


_ADDED: WeakKeyDictionary[IConstruct, list[Claim]] = WeakKeyDictionary()


class Claim(NamedTuple):
    """Something that a task has.

    Attributes:
        prop: The prop that it comes from, a key of `_WHY`.
        names: What identifies it in an account and region.
        alone: Whether no other task may have it; otherwise tasks may share it that do not need it
            alone.
    """

    prop: str
    names: tuple[str, ...]
    alone: bool = True


def add_claims(task: IConstruct, claims: Iterable[Claim]) -> None:
    """Add what is claimed for a task by what is defined next to it; its `ClaimsCheck` reads it."""
    _ADDED.setdefault(task, []).extend(claims)


class ClaimsCheck:
    """Fails the synthesis if two tasks share what one of them must have alone."""

    def __init__(self, task: IConstruct, claims: Callable[[], Iterable[Claim]] = tuple) -> None:
        """Take the task.

        Args:
            task: The construct that stands for it.
            claims: Returns what it has, once all is defined, besides what is added.
                Default: - nothing.
        """
        self._task = task
        self._claims = claims

    def validate(self) -> list[str]:
        """Return one sentence for each prop that another task shares."""
        node = read(self._task, "node")
        path, place = read(node, "path"), _place_of(Stack.of(self._task))
        of_app = _CLAIMS.setdefault(read(node, "root"), {})
        faults = []
        for prop, names, alone in (*self._claims(), *_ADDED.get(self._task, ())):
            holders = of_app.setdefault((prop, *names, *place), {})
            holders[path] = holders.get(path, False) or alone
            faults += [
                f"{prop} of {path} is that of {other}, too: {_WHY[prop]}"
                for other, is_alone in holders.items()
                if other != path and (alone or is_alone)
            ]
        return list(dict.fromkeys(faults))


def _place_of(stack: Stack) -> tuple[str, ...]:
    region, account = read(stack, "region"), read(stack, "account")
    if is_token(region) or is_token(account):
        # Each stage of an app goes to an account and region, which they do not name here.
        stage = Stage.of(stack)
        return (region, account, "" if stage is None else read(read(stage, "node"), "path"))
    return (region, account)
