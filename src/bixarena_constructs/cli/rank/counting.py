"""Counts the votes of any number of files with DuckDB, which spills to disk if need be."""

from __future__ import annotations

import tempfile
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bixarena_constructs.cli.rank.opening import lists_within, open_file
from bixarena_constructs.cli.rank.vote_faults import (
    VALUES,
    UnreadableFileError,
    check_values,
    first_line,
)
from bixarena_constructs.cli.rank.vote_files import literal
from bixarena_constructs.cli.rank.vote_forms import (
    find_column,
    find_form,
    missing_columns,
    nested_path,
)
from bixarena_constructs.cli.rank.vote_notes import dropped_rows, reading_notes
from bixarena_constructs.cli.rank.vote_paths import find_files
from bixarena_constructs.cli.rank.vote_statements import (
    count_file,
    judge,
    number_names,
    number_of,
)
from bixarena_constructs.worker.errors import VotesError
from bixarena_constructs.worker.ranking import VoteCounts
from bixarena_constructs.worker.ranking.options import usable_cpus

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from duckdb import DuckDBPyConnection

    from bixarena_constructs.cli.rank.vote_files import VoteFile
    from bixarena_constructs.cli.rank.vote_forms import Form
    from bixarena_constructs.cli.rank.wanted import Wanted

__all__ = ["Votes", "counting"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Votes:
    """Votes of some files, counted.

    Attributes:
        connection: Holds the counts.
        files: The files that were read.
        rows: How many rows there were.
        dropped: How many of them count nowhere, by the reason.
        notes: What a reader should know about how the rows were read.
        columns: Column of each role.
        categories: Categories in ascending order; None where the votes are one board.
        models: All names; positions are the numbers that the counts use.
        by_voter: Whether votes are counted by voter.
        is_weighed: Whether they have weights, which can be fractions.
    """

    connection: DuckDBPyConnection
    files: tuple[str, ...]
    rows: int
    dropped: dict[str, int]
    notes: tuple[str, ...]
    columns: dict[str, str]
    categories: tuple[str | None, ...]
    models: tuple[str, ...]
    by_voter: bool
    is_weighed: bool

    def of(self, category: str | None) -> VoteCounts:
        """Count the votes of a category."""
        which = "true" if category is None else f"category = {literal(category)}"
        total = "fsum(reps * heft)" if self.is_weighed else "sum(reps)::BIGINT"
        statement = f"SELECT a, b, outcome, {total} AS votes FROM votes WHERE {which} GROUP BY ALL"
        if self.by_voter:
            # -1: an unknown voter, each of whose votes is that of a voter of its own. A vote of
            # another weight than 1 is still one vote, so it gets a number that no voter has.
            statement = f"""
                SELECT a, b, outcome, voter::INT AS voter, {total} AS votes
                FROM votes JOIN voters USING (who) WHERE {which} GROUP BY ALL
                UNION ALL
                SELECT a, b, outcome, -1, sum(reps)::BIGINT
                FROM votes WHERE who IS NULL AND heft = 1 AND {which} GROUP BY ALL
                UNION ALL
                SELECT a, b, outcome, ((SELECT count(*) FROM voters)
                    + row_number() OVER (ORDER BY a, b, outcome, heft))::INT, heft
                FROM votes, generate_series(1, reps) WHERE who IS NULL AND heft <> 1 AND {which}
            """
        if self.is_weighed:
            # Sums of fractions are rounded, in the order of the rows.
            statement += " ORDER BY ALL"
        arrays = self.connection.execute(statement).fetchnumpy()
        return VoteCounts.from_arrays(
            self.models,
            model_a=arrays["a"],
            model_b=arrays["b"],
            outcome=arrays["outcome"],
            votes=arrays["votes"],
            voter=arrays.get("voter"),
        )


@contextmanager
def counting(
    arguments: Sequence[str], wanted: Wanted, *, memory_limit: str, threads: int | None = None
) -> Iterator[Votes]:
    """Count the votes of some files.

    Args:
        arguments: Files, folders, patterns, or ``-`` for standard input.
        wanted: What the command line says about them.
        memory_limit: What DuckDB may use, as in ``1GB``; it writes the rest to disk.
        threads: Threads that it may use. Default: - one for each processor.

    Raises:
        FileNotFoundError: An argument means no file.
        UnreadableFileError: A file is not a table of votes.
        BadRowsError: A row has no model, an unknown winner or an impossible number.
        VotesError: A condition is wrong.
    """
    import duckdb  # noqa: PLC0415 - an extra that the other commands do without

    with tempfile.TemporaryDirectory(prefix="bixarena-") as folder:
        found = find_files(arguments, Path(folder))
        settings: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": memory_limit,
            "temp_directory": f"{folder}/spilled",
            # What it does not hold is not fetched from the internet in silence.
            "autoinstall_known_extensions": False,
        }
        if threads:
            settings["threads"] = min(threads, usable_cpus())
        try:
            opened = duckdb.connect(config=settings)
        except duckdb.Error as error:
            raise VotesError(
                f"--memory-limit {memory_limit!r} is not a size such as 500MB or 2GB"
            ) from error
        with closing(opened) as connection:
            # It would appear on standard output, among what is piped on.
            connection.execute("SET enable_progress_bar = false")
            try:
                yield _counted(connection, found, wanted, scratch=Path(folder))
            except duckdb.OutOfMemoryException as error:
                raise VotesError(
                    f"--memory-limit {memory_limit} is too little: {first_line(error)}"
                ) from error
            except duckdb.Error as error:
                raise VotesError(f"the votes cannot be counted: {first_line(error)}") from error


def _counted(
    connection: DuckDBPyConnection,
    found: Sequence[tuple[str, Path]],
    wanted: Wanted,
    *,
    scratch: Path,
) -> Votes:
    columns = ", ".join(f"{role} VARCHAR" for role in VALUES)
    connection.execute(f"CREATE TABLE counted (file INT, kept BOOLEAN, {columns}, n BIGINT)")
    connection.execute(
        "CREATE TABLE words (words_of INT, folded VARCHAR, word VARCHAR, given BOOLEAN)"
    )
    files, forms, sources = [], [], []
    for number, (name, path) in enumerate(found):
        file = open_file(
            name,
            path,
            connection=connection,
            scratch=scratch,
            delimiter=wanted.delimiter,
            encoding=wanted.encoding,
            is_known=lambda columns: find_form(columns, wanted) is not None,
        )
        form = _form(file, wanted, connection)
        sources.append(
            count_file(connection, number, file, form=form, wanted=wanted, scratch=scratch)
        )
        _check_paths(connection, number, file, form)
        files.append(file)
        forms.append(form)
    judge(connection, by_name=not wanted.is_cells, least=1 if wanted.is_cells else 0)
    check_values(connection, list(zip(files, forms, sources, strict=True)), wanted=wanted)
    models = number_names(connection)
    is_weighed = any(form.weight for form in forms)
    by_voter = is_weighed or number_of(connection, "SELECT count(*) FROM voters") > 0
    return Votes(
        connection=connection,
        files=tuple(file.name for file in files),
        rows=number_of(connection, "SELECT sum(n) FROM counted"),
        dropped=dropped_rows(connection, wanted),
        notes=tuple(dict.fromkeys(reading_notes(connection, files, forms, wanted=wanted))),
        columns=forms[0].columns,
        categories=_categories(connection, wanted=wanted),
        models=models,
        by_voter=by_voter,
        is_weighed=is_weighed,
    )


def _form(file: VoteFile, wanted: Wanted, connection: DuckDBPyConnection) -> Form:
    form = find_form(file.columns, wanted)
    if form is None:
        reason = missing_columns(file.columns, wanted)
        for key in lists_within(file, connection):
            reason += f"; to read the list in {key}: jq -c '.{key}[]' FILE | bixarena rank -"
        raise UnreadableFileError(file.name, reason)
    named = (form.voter, form.weight, form.count, form.category)
    missing = [column for column in named if column and not find_column(column, file.columns)]
    if missing:
        raise UnreadableFileError(
            file.name, f"{', '.join(missing)} not found among {', '.join(file.columns)}"
        )
    return form


def _check_paths(connection: DuckDBPyConnection, number: int, file: VoteFile, form: Form) -> None:
    """Refuse a path to voters or categories that leads nowhere in any row: it is misspelt."""
    for role, path in (("who", form.voter), ("category", form.category)):
        if path and nested_path(path, file.columns):
            reached = f"count(*) FILTER (coalesce({role}, '') = '') < count(*) OR count(*) = 0"
            statement = f"SELECT {reached} FROM counted WHERE kept AND file = {number}"
            if not number_of(connection, statement):
                raise UnreadableFileError(
                    file.name,
                    f"no row has a value at {path}; a path is COLUMN.KEY, COLUMN[0], or "
                    'COLUMN."A.KEY" for a key with dots',
                )


def _categories(connection: DuckDBPyConnection, *, wanted: Wanted) -> tuple[str | None, ...]:
    found = connection.execute("SELECT DISTINCT category FROM votes ORDER BY category").fetchall()
    names = [name for (name,) in found]
    # Cells of one leaderboard are one board.
    is_split = wanted.category is not None or (wanted.is_cells and len(names) > 1)
    return tuple(names) if is_split else (None,)
