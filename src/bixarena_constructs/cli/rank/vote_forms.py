"""Forms of vote files: which columns say what, and what the winner's values mean."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from bixarena_constructs.worker.ranking import OUTCOMES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bixarena_constructs.worker.ranking import IntervalMethod

__all__ = [
    "BOTH_BAD",
    "DROP",
    "POINTS",
    "ROLES",
    "Choice",
    "Form",
    "Wanted",
    "find_form",
    "missing_columns",
    "outcome_words",
    "parse_anchor",
    "parse_columns",
    "parse_outcomes",
]

Choice: TypeAlias = Literal["tie", "drop", "refuse"]

ROLES: Final = ("model_a", "model_b", "winner", "chosen", "rejected")
DROP: Final = "drop"
BOTH_BAD: Final = (
    "tie (bothbad)",
    "tie (both bad)",
    "tie(bothbad)",
    "tie(all bad)",
    "tie (all bad)",
    "both_bad",
    "bothbad",
    "both bad",
)
"""What arenas call a vote that finds both answers bad."""

_ONE_HOT: Final = ("winner_model_a", "winner_model_b", "winner_tie")
# In the order in which they are tried: the sides, and what says who won.
_FORMS: Final = (
    ("model_a", "model_b", ("winner",)),
    ("left", "right", ("winner",)),
    ("model_a", "model_b", _ONE_HOT),
    ("chosen_model", "rejected_model", ()),
)
_CELLS: Final = ("model_a", "model_b", "outcome", "votes")
# Points of the first model.
POINTS: Final = {
    "1": "model_a",
    "1.0": "model_a",
    "0.5": "tie",
    "0": "model_b",
    "0.0": "model_b",
}
# Columns by which votes are commonly filtered, weighed or grouped, and what uses them.
_SPECIAL: Final = {
    "weight": "--weight-column weight",
    "weights": "--weight-column weights",
    "count": "--count-column count",
    "votes": "--count-column votes",
    "num_votes": "--count-column num_votes",
    "judge": "--voter-column judge",
    "user_id": "--voter-column user_id",
    "evaluation_session_id": "--voter-column evaluation_session_id",
    "worker": "--voter-column worker",
    "anony": "--where anony",
    "is_valid": "--where is_valid",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the command line says about the columns and the outcomes.

    Attributes:
        columns: Column of each role that is not named as in a known form.
        voter: Column of voters.
        weight: Column of whole weights.
        count: Column of how often a row was cast.
        category: Column that splits the votes into boards.
        where: SQL condition of the rows that count.
        outcomes: Outcome, or ``drop``, of further values.
        both_bad: What a vote is that finds both answers bad.
        empty: What a vote without a winner is.
        is_cells: Whether rows are counted cells.
        delimiter: What separates the values of a CSV file.
        intervals: The method of the intervals, which takes a column ``voter`` or does not.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    voter: str | None = None
    weight: str | None = None
    count: str | None = None
    category: str | None = None
    where: str | None = None
    outcomes: Mapping[str, str] = field(default_factory=dict)
    both_bad: Choice = "refuse"
    empty: Choice = "refuse"
    is_cells: bool = False
    delimiter: str | None = None
    intervals: IntervalMethod = "auto"

    @property
    def takes_voters(self) -> bool:
        """Whether votes are counted by voter."""
        return self.intervals in ("auto", "voter")

    def __post_init__(self) -> None:
        if self.weight and not self.takes_voters:
            raise ValueError(
                f"--weight-column goes with --intervals auto or voter, got {self.intervals}: "
                "the others take each point of weight as a vote"
            )
        if self.is_cells and (self.columns or self.outcomes or self.weight or self.count):
            raise ValueError(
                "--cells files have columns and outcomes of their own; leave out --columns, "
                "--outcomes, --count-column and --weight-column"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """Which columns say what; None where there is no such column.

    Attributes:
        model_a: The first model.
        model_b: The second model.
        winner: The winner; three one-hot columns; or none, where the first model won.
        voter: See `Wanted`, and so on.
    """

    model_a: str
    model_b: str
    winner: tuple[str, ...]
    voter: str | None = None
    weight: str | None = None
    count: str | None = None
    category: str | None = None

    @property
    def columns(self) -> dict[str, str]:
        """Name of the column, or columns, of each role that has one."""
        roles = {
            "model_a": self.model_a,
            "model_b": self.model_b,
            "winner": ", ".join(self.winner),
            "voter": self.voter,
            "weight": self.weight,
            "count": self.count,
            "category": self.category,
        }
        return {role: column for role, column in roles.items() if column}

    def unused(self, columns: Sequence[str], where: str) -> list[str]:
        """List special columns that are there and not used, with what uses them."""
        used = {self.voter, self.weight, self.count, self.category, *self.winner}
        return [
            f"column {column} is not used; {_SPECIAL[column]} would"
            for column in columns
            if column in _SPECIAL and column not in used and column not in where
        ]


def find_form(columns: Sequence[str], wanted: Wanted) -> Form | None:
    """Find the columns of votes; None where there are none of a known form."""
    for model_a, model_b, winner in _forms(wanted):
        if {model_a, model_b, *winner} <= set(columns):
            break
    else:
        return None
    category, count = wanted.category, wanted.count
    voter = wanted.voter if wanted.takes_voters else None
    if (
        voter is None
        and wanted.takes_voters
        and ("voter" in columns or wanted.intervals == "voter")
    ):
        voter = "voter"
    if wanted.is_cells:
        count = "votes"
        category = category or ("leaderboard" if "leaderboard" in columns else None)
    return Form(
        model_a=model_a,
        model_b=model_b,
        winner=winner,
        voter=voter,
        weight=wanted.weight,
        count=count,
        category=category,
    )


def _forms(wanted: Wanted) -> list[tuple[str, str, tuple[str, ...]]]:
    named = wanted.columns
    if wanted.is_cells:
        return [("model_a", "model_b", ("outcome",))]
    forms: list[tuple[str, str, tuple[str, ...]]] = []
    for model_a, model_b, winner in _FORMS:
        first, second = ("model_a", "model_b") if winner else ("chosen", "rejected")
        if "winner" in named and winner != ("winner",):
            continue
        forms.append(
            (
                named.get(first, model_a),
                named.get(second, model_b),
                (named["winner"],) if "winner" in named else winner,
            )
        )
    return forms


def missing_columns(columns: Sequence[str], wanted: Wanted) -> str:
    """Say which columns are needed and which there are."""
    needed = " or ".join(
        ", ".join((model_a, model_b, *winner)) for model_a, model_b, winner in _forms(wanted)
    )
    found = ", ".join(columns) or "no columns at all"
    hint = ""
    if set(_CELLS) <= set(columns):
        hint = "; these are counted cells: --cells reads them"
    elif not wanted.columns and not wanted.is_cells:
        hint = "; name them with --columns model_a=NAME,model_b=NAME,winner=NAME"
    return f"columns {needed} are needed, found {found}{hint}"


def outcome_words(form: Form, wanted: Wanted) -> dict[str, str]:
    """Say what each value of the winner means: an outcome, or ``drop``.

    Where the winner is three columns, a value is written as ``1/0/0``.
    """
    words = {outcome: outcome for outcome in OUTCOMES}
    if wanted.is_cells:
        return words
    if len(form.winner) > 1:
        words = {"1/0/0": "model_a", "0/1/0": "model_b", "0/0/1": "tie"}
    else:
        words |= {form.model_a: "model_a", form.model_b: "model_b", **POINTS}
    if wanted.both_bad != "refuse":
        words |= dict.fromkeys(BOTH_BAD, wanted.both_bad)
    if wanted.empty != "refuse":
        words |= dict.fromkeys(("", "0/0/0"), wanted.empty)
    return words | dict(wanted.outcomes)


def parse_columns(text: str | None) -> dict[str, str]:
    """Read ``ROLE=COLUMN,ROLE=COLUMN``.

    Raises:
        ValueError: It is not of this form.
    """
    columns = {}
    for pair in text.split(",") if text else ():
        role, _, column = pair.partition("=")
        if role not in ROLES or not column:
            raise ValueError(
                f"--columns: {pair!r} is not ROLE=COLUMN with a role of {', '.join(ROLES)}"
            )
        columns[role] = column
    return columns


def parse_outcomes(text: str | None) -> dict[str, str]:
    """Read ``VALUE=OUTCOME,VALUE=OUTCOME``.

    Raises:
        ValueError: It is not of this form.
    """
    outcomes = {}
    for pair in text.split(",") if text else ():
        value, sign, outcome = pair.rpartition("=")
        if not sign or outcome not in (*OUTCOMES, DROP):
            raise ValueError(
                f"--outcomes: {pair!r} is not VALUE=OUTCOME with an outcome of "
                f"{', '.join((*OUTCOMES, DROP))}"
            )
        outcomes[value] = outcome
    return outcomes


def parse_anchor(text: str | None) -> tuple[str, float] | None:
    """Read ``MODEL=SCORE``.

    Raises:
        ValueError: It is not of this form.
    """
    if text is None:
        return None
    model, _, score = text.rpartition("=")
    try:
        value = float(score)
    except ValueError:
        value = math.nan
    if not model or not math.isfinite(value):
        raise ValueError(f"--anchor: {text!r} is not MODEL=SCORE, as in gpt-4=1200")
    return model, value
