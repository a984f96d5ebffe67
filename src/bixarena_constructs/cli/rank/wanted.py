"""What the command line says about votes: their columns, their outcomes, which of them count."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from bixarena_constructs.worker.ranking import OUTCOMES
from bixarena_constructs.worker.ranking.options import counts_by_voter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bixarena_constructs.worker.ranking import IntervalMethod

__all__ = [
    "DROP",
    "WHOLE_NUMBER",
    "Choice",
    "Wanted",
    "parse_anchor",
    "parse_columns",
    "parse_outcomes",
]

Choice: TypeAlias = Literal["tie", "drop", "refuse"]

DROP: Final = "drop"

_ALLOWED: Final = (*OUTCOMES, DROP)
_AFTER_OUTCOME: Final = "|".join(f"(?<=={word})," for word in _ALLOWED)
# In the order in which they are tried: the column of each role.
_FORMS: Final[tuple[dict[str, str], ...]] = (
    {"model_a": "model_a", "model_b": "model_b", "winner": "winner"},
    {"model_a": "left", "model_b": "right", "winner": "winner"},
    {
        "model_a": "model_a",
        "model_b": "model_b",
        "winner_model_a": "winner_model_a",
        "winner_model_b": "winner_model_b",
        "winner_tie": "winner_tie",
    },
    {"model_a": "model_a", "model_b": "model_b", "score_a": "score_a", "score_b": "score_b"},
    {"chosen": "chosen_model", "rejected": "rejected_model"},
)
_ROLES: Final = tuple(dict.fromkeys(role for form in _FORMS for role in form))

WHOLE_NUMBER: Final = r"^(-?[0-9]+)[.,]0+$"
"""A whole number with decimals, which mean nothing: 2.0 is 2."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the command line says about the columns and the outcomes.

    Attributes:
        columns: Column of each role that is not named as in a known form.
        voter: Column of voters.
        weight: Column of weights.
        count: Column of how often a row was cast.
        category: Column that splits the votes into boards.
        where: SQL condition of the rows that count.
        outcomes: Outcome, or ``drop``, of further values, as `parse_outcomes` returns them.
        both_bad: What to do with a vote that finds both answers bad.
        empty: What to do with a vote without a winner.
        is_cells: Whether rows are counted cells.
        delimiter: What separates the values of a CSV file.
        encoding: Encoding of text files; by default UTF-8, or UTF-16 where a mark says so.
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
    encoding: str | None = None
    intervals: IntervalMethod = "auto"

    @property
    def takes_voters(self) -> bool:
        """Whether votes are counted by voter."""
        return counts_by_voter(self.intervals)

    @property
    def forms(self) -> list[tuple[str, ...]]:
        """Columns of the forms that can be meant: both sides, then what says who won."""
        if self.is_cells:
            return [("model_a", "model_b", "outcome")]
        forms = (tuple({**form, **self.columns}.values()) for form in _forms_of(self.columns))
        return list(dict.fromkeys(forms))

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
        if self.delimiter is not None and (len(self.delimiter) != 1 or self.delimiter in '"\r\n'):
            raise ValueError(
                f"--delimiter {self.delimiter!r} is not a single character, such as ; or | or \\t"
            )
        if self.where is not None and not self.where.strip():
            raise ValueError("--where is empty; leave it out to take all rows")
        try:
            "".encode(self.encoding or "utf-8")
        except (LookupError, ValueError) as error:
            raise ValueError(
                f"--encoding {self.encoding!r} is unknown; names are utf-8, cp1252, latin-1, "
                "utf-16, shift_jis and Python's others"
            ) from error


def parse_columns(text: str | None) -> dict[str, str]:
    """Read ``ROLE=COLUMN,ROLE=COLUMN``; a column's name may hold commas and equal signs.

    Raises:
        ValueError: It is not of this form.
    """
    roles = "|".join(_ROLES)
    pairs = re.split(rf",(?=(?:{roles})=)", text) if text else []
    columns: dict[str, str] = {}
    for pair in pairs:
        role, _, column = pair.partition("=")
        if role not in _ROLES or not column:
            raise ValueError(
                f"--columns: {pair!r} is not ROLE=COLUMN with a role of {', '.join(_ROLES)}"
            )
        if columns.setdefault(role, column) != column:
            raise ValueError(f"--columns names {role} twice: {columns[role]!r} and {column!r}")
    if not _forms_of(columns):
        together = " or ".join(dict.fromkeys(", ".join(form) for form in _FORMS))
        raise ValueError(f"--columns: roles of one file are {together}; got {', '.join(columns)}")
    return columns


def _forms_of(roles: Mapping[str, str]) -> list[dict[str, str]]:
    """List the forms that have all of these roles."""
    return [form for form in _FORMS if roles.keys() <= form.keys()]


def parse_outcomes(text: str | None) -> dict[str, str]:
    """Read ``VALUE=OUTCOME,VALUE=OUTCOME``; a value may hold commas and equal signs.

    Values come back in lower case, without spaces around them and decimals that mean nothing.

    Raises:
        ValueError: It is not of this form.
    """
    outcomes: dict[str, str] = {}
    # A comma after an outcome ends a pair.
    for pair in re.split(_AFTER_OUTCOME, text) if text else ():
        value, sign, outcome = pair.rpartition("=")
        if not sign or outcome not in _ALLOWED or ("=" in value and "," in value):
            raise ValueError(
                f"--outcomes: {pair!r} is not VALUE=OUTCOME with an outcome of "
                f"{', '.join(_ALLOWED)}"
            )
        value = re.sub(WHOLE_NUMBER, r"\1", value.strip().lower())
        if outcomes.setdefault(value, outcome) != outcome:
            raise ValueError(f"--outcomes: {value!r} has two outcomes; capitals are ignored")
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
