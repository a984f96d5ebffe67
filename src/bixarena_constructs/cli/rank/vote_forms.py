"""Forms of vote files: which columns say what, and what the winner's values mean."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bixarena_constructs.worker.ranking import OUTCOMES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bixarena_constructs.cli.rank.wanted import Wanted

__all__ = [
    "BOTH_BAD",
    "NO_WINNER",
    "POINTS",
    "Form",
    "find_column",
    "find_form",
    "missing_columns",
    "nested_path",
    "outcome_words",
]

BOTH_BAD: Final = (
    "tie (bothbad)",
    "tie (both bad)",
    "tie(bothbad)",
    "tie(all bad)",
    "tie (all bad)",
    "both_bad",
    "bothbad",
    "both bad",
    "both-bad",
    "bothbad_vote",
)
"""What arenas call a vote that finds both answers bad."""

# A key with dots is written in double quotes.
_KEY: Final = r'\.(?:"[^"]+"|[^.\[\]"]+)'
_NESTED: Final = re.compile(rf"(?P<column>[^.\[\]]+)(?P<path>(?:{_KEY}|\[\d+\])+)")
_CELLS: Final = ("model_a", "model_b", "outcome", "votes")
NO_WINNER: Final = ("", "0/0/0")
POINTS: Final = {
    **dict.fromkeys(("1", "1-0"), "model_a"),
    **dict.fromkeys(("0.5", ".5", "0.50", "0,5", "1/2-1/2", "½-½"), "tie"),
    **dict.fromkeys(("0", "0-1"), "model_b"),
}
"""Points of the first model, and results of games."""
# Columns by which votes are commonly filtered, weighed or grouped, by the option that uses them.
_SPECIAL: Final = {
    "--weight-column": ("weight", "weights"),
    "--count-column": ("count", "counts", "votes", "num_votes"),
    "--voter-column": (
        "judge",
        "user",
        "user_id",
        "username",
        "annotator",
        "annotator_id",
        "worker",
        "evaluation_session_id",
    ),
    "--where": ("anony", "is_valid"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """Which columns say what; None where there is no such column.

    Attributes:
        model_a: The first model.
        model_b: The second model.
        winner: The winner; the scores of both; three one-hot columns; or none, where the first
            model won.
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
        """List special columns that are present but not used, with the option that uses each."""
        used = {self.voter, self.weight, self.count, self.category, *self.winner}
        return [
            f"column {column} is not used; {option} {column} would"
            for column in columns
            for option, names in _SPECIAL.items()
            if _plain(column) in names and column not in used and column not in where
        ]


def find_form(columns: Sequence[str], wanted: Wanted) -> Form | None:
    """Find the columns of votes; None if they have no known form."""

    def found(name: str | None) -> str | None:
        # A column that is asked for by name and missing is reported by its name.
        return name and (find_column(name, columns) or name)

    for names in wanted.forms:
        model_a, model_b, *winner = (find_column(name, columns) for name in names)
        if model_a and model_b and all(winner):
            break
    else:
        return None
    voter = None
    if wanted.takes_voters:
        asked = wanted.voter or ("voter" if wanted.intervals == "voter" else None)
        voter = found(asked) or find_column("voter", columns)
    category, count = wanted.category, wanted.count
    if wanted.is_cells:
        count = "votes"
        category = category or find_column("leaderboard", columns)
    return Form(
        model_a=model_a,
        model_b=model_b,
        winner=tuple(filter(None, winner)),
        voter=voter,
        weight=found(wanted.weight),
        count=found(count),
        category=found(category),
    )


def find_column(name: str, columns: Sequence[str]) -> str | None:
    """Find a column by its name; ignoring capitals, spaces and hyphens.

    Also a field within one, as ``info.model`` or ``models[0]``: see `nested_path`.
    """
    if name in columns:
        return name
    alike = [column for column in columns if _plain(column) == _plain(name)]
    if len(alike) == 1:
        return alike[0]
    return name if nested_path(name, columns) else None


def nested_path(name: str, columns: Sequence[str]) -> tuple[str, str] | None:
    """Split a field within a column into the column and JSON's path from there."""
    match = _NESTED.fullmatch(name)
    if name in columns or not match or match["column"] not in columns:
        return None
    path = re.sub(_KEY, lambda key: f'."{key[0][1:].strip(chr(34))}"', match["path"])
    return match["column"], f"${path}"


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", "_", name.strip().casefold())


def missing_columns(columns: Sequence[str], wanted: Wanted) -> str:
    """Say which columns the file has and which are needed."""
    needed = "; or ".join(map(", ".join, wanted.forms))
    found = ", ".join(columns)
    hint = ""
    if set(_CELLS) <= set(columns):
        hint = "; these are counted cells: --cells reads them"
    elif not wanted.columns and not wanted.is_cells:
        hint = (
            "; name yours with --columns model_a=NAME,model_b=NAME,winner=NAME, or where each row "
            "has a winner and a loser, chosen=NAME,rejected=NAME"
        )
    return f"the columns are {found}; needed: {needed}{hint}"


def outcome_words(form: Form, wanted: Wanted) -> dict[str, str]:
    """Say what each value of the winner means: an outcome, or ``drop``.

    Values are in lower case, without spaces around them and decimals that mean nothing. Where the
    winner is three columns, a value is written as ``1/0/0``.
    """
    words = {outcome: outcome for outcome in OUTCOMES}
    if wanted.is_cells:
        return words
    if len(form.winner) == 3:  # noqa: PLR2004 - one-hot
        words = {"1/0/0": "model_a", "0/1/0": "model_b", "0/0/1": "tie"}
    elif len(form.winner) == 1:
        sides = {form.model_a: "model_a", form.model_b: "model_b"}
        words |= {side.strip().lower(): outcome for side, outcome in sides.items()} | POINTS
    if wanted.both_bad != "refuse":
        words |= dict.fromkeys(BOTH_BAD, wanted.both_bad)
    if wanted.empty != "refuse":
        words |= dict.fromkeys(NO_WINNER, wanted.empty)
    return words | dict(wanted.outcomes)
