"""Counted cells of a table or view, in any server that speaks PostgreSQL's protocol."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from psycopg import sql

from bixarena_constructs.worker.cells import CountedCell
from bixarena_constructs.worker.contract import Variable
from bixarena_constructs.worker.errors import SettingsError
from bixarena_constructs.worker.queries import query
from bixarena_constructs.worker.records import Votes

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import psycopg

    from bixarena_constructs.worker.database import Database

__all__ = ["VotesRelation"]

_COLUMNS = ("leaderboard", "model_a", "model_b", "outcome", "votes")
_VOTER = "voter"
_ROWS_AT_A_TIME = 1000


class VotesRelation:
    """A table or view with a row a cell.

    Args:
        database: Where it is.
        name: Its name, with its schema and database as far as they are given.
        leaderboard: The only leaderboard to count. Default: - all.
        needs_voters: Whether it must have the column of voters.
    """

    def __init__(
        self,
        database: Database,
        name: Sequence[str],
        *,
        leaderboard: str | None = None,
        needs_voters: bool = False,
    ) -> None:
        self._database = database
        self._name = sql.Identifier(*name)
        self._shown = ".".join(name)
        self._leaderboard = leaderboard
        self._needed = (*_COLUMNS, _VOTER) if needs_voters else _COLUMNS

    def cancel(self) -> None:
        """Cancel the query that another thread is waiting for, if any."""
        self._database.cancel()

    def check(self) -> None:
        """Check that it exists, is readable and has the columns.

        Raises:
            SettingsError: It lacks columns.
            DatabaseError: The server refused to read it.
        """
        with self._database.asking() as connection:
            self._columns(connection)

    def votes(
        self, slug_by_model: Mapping[str, str], leaderboards: Collection[str], *, by_voter: bool
    ) -> Votes:
        """Count its votes.

        Args:
            slug_by_model: Key to slug of all models that exist.
            leaderboards: Slugs of all leaderboards that exist.
            by_voter: Whether to count by voter as well, if it has the column.
        """
        with self._database.asking() as connection:
            knows_voters = by_voter and _VOTER in self._columns(connection)
            statement = self._statement(
                "relation_cells_by_voter" if knows_voters else "relation_cells"
            )
            stream = connection.cursor().stream(statement, size=_ROWS_AT_A_TIME)
            # A stream that is left open keeps the connection's lock.
            with closing(stream) as rows:  # type: ignore[type-var]  # it is a generator
                cells = (
                    CountedCell(
                        _text(slug), _text(model_a), _text(model_b), _text(outcome), *counted
                    )
                    for slug, model_a, model_b, outcome, *counted in rows
                )
                return Votes.from_cells(
                    cells, slug_by_model=slug_by_model, leaderboards=leaderboards
                )

    def _columns(self, connection: psycopg.Connection) -> set[str]:
        described = connection.execute(self._statement("relation_columns")).description or ()
        found = {column.name for column in described}
        missing = [name for name in self._needed if name not in found]
        if missing:
            fault = (
                f"{Variable.VOTES_RELATION} is {self._shown}, which lacks {', '.join(missing)};"
                f" its columns must be {', '.join(self._needed)}"
            )
            raise SettingsError([fault])
        return found

    def _statement(self, name: str) -> sql.Composed:
        text = query(name).decode()
        # No parameters: a server that knows little may not understand their types.
        leaderboard = sql.Literal(self._leaderboard)
        return sql.SQL(text).format(relation=self._name, leaderboard=leaderboard)


def _text(key: object) -> str:
    # A UUID is the model's id too, and char(n) comes padded; a null stays one, and fails its
    # leaderboard.
    return key if key is None else str(key).rstrip(" ")  # type: ignore[return-value]
