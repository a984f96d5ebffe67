from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from pyarrow import parquet

from bixarena_constructs.cli.rank.vote_files import column_names, read_votes
from bixarena_constructs.cli.rank.vote_rows import BadRowsError, BadValue, UnreadableFileError

if TYPE_CHECKING:
    from pathlib import Path


def written(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "votes.csv"
    path.write_text(text, encoding=encoding)
    return path


def test_finds_columns_by_name_and_ignores_the_others(tmp_path: Path) -> None:
    path = written(tmp_path, "prompt,winner,model_b,model_a\nhi,tie,b,a\nho,model_a,b,a\n")
    votes = read_votes(path)
    assert (votes.models, votes.wins_first.tolist(), votes.ties.tolist()) == (("a", "b"), [1], [1])


def test_reads_quotes_line_ends_and_marks_as_spreadsheets_write_them(tmp_path: Path) -> None:
    text = 'model_a,model_b,winner\r\n"a, the ""first""",b,tie\r\n\r\n'
    votes = read_votes(written(tmp_path, text, encoding="utf-8-sig"))
    assert votes.models == ('a, the "first"', "b")


def test_tells_the_line_of_a_bad_value_after_values_of_several_lines(tmp_path: Path) -> None:
    text = 'model_a,model_b,winner\n"a\nb",c,tie\n\na,c,Tie\n'
    with pytest.raises(BadRowsError) as caught:
        read_votes(written(tmp_path, text))
    assert caught.value.values == (BadValue(5, "winner", "Tie", "model_a, model_b, tie"),)
    assert "1 value is wrong" in str(caught.value)


def test_tells_ten_bad_values_and_how_many_more_there_are(tmp_path: Path) -> None:
    text = "model_a,model_b,winner\n" + "a, ,tie\n" * 12
    with pytest.raises(BadRowsError, match="12 values are wrong") as caught:
        read_votes(written(tmp_path, text))
    assert [value.line for value in caught.value.values] == list(range(2, 12))
    assert str(caught.value).endswith("\n  and 2 more")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "model_a, model_b, winner not found among no columns at all"),
        ("a,b,winner\n", "model_a, model_b not found among a, b, winner"),
        ('model_a,model_b,winner\na,"b,tie\n', "not a CSV file in UTF-8"),
    ],
)
def test_refuses_what_is_no_table_of_votes(tmp_path: Path, text: str, reason: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(UnreadableFileError, match=reason) as caught:
        read_votes(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_refuses_other_encodings(tmp_path: Path) -> None:
    path = written(tmp_path, "model_a,model_b,winner\né,b,tie\n", encoding="latin-1")
    with pytest.raises(UnreadableFileError, match="not a CSV file in UTF-8"):
        read_votes(path)


def test_counts_a_file_without_rows_as_no_votes(tmp_path: Path) -> None:
    assert read_votes(written(tmp_path, "model_a,model_b,winner\n")).total == 0


def test_a_vote_without_a_voter_is_one_of_a_voter_of_its_own(tmp_path: Path) -> None:
    path = written(tmp_path, "model_a,model_b,winner,user\na,b,tie,\na,b,tie, \na,b,tie,u2\n")
    voters = read_votes(path, voter_column="user").voters
    assert voters is not None
    assert voters.num_voters == 3


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_reads_the_names_of_columns(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"votes.{kind}"
    if kind == "csv":
        path.write_text("\ufeffmodel_a,other\n", encoding="utf-8")
    else:
        parquet.write_table(pa.table({"model_a": ["a"], "other": [1]}), path)
    assert column_names(path) == ["model_a", "other"]


def test_counts_by_voter_when_a_column_names_them(tmp_path: Path) -> None:
    path = written(tmp_path, "model_a,model_b,winner,user\na,b,tie,u1\na,b,tie,u2\n")
    voters = read_votes(path, voter_column="user").voters
    assert voters is not None
    assert voters.num_voters == 2


def test_reads_parquet_like_csv(tmp_path: Path) -> None:
    path = tmp_path / "votes.parquet"
    columns = {"model_a": ["a", "b"], "model_b": ["b", "a"], "winner": ["tie", "model_a"]}
    parquet.write_table(pa.table({**columns, "length": [1, 2]}), path)
    votes = read_votes(path)
    assert (votes.models, votes.wins_second.tolist(), votes.ties.tolist()) == (
        ("a", "b"),
        [1],
        [1],
    )


def test_tells_the_row_of_a_bad_value_in_parquet(tmp_path: Path) -> None:
    path = tmp_path / "votes.parquet"
    columns = {"model_a": ["a", None], "model_b": ["b", "a"], "winner": ["tie", "model_a"]}
    parquet.write_table(pa.table(columns), path)
    with pytest.raises(BadRowsError) as caught:
        read_votes(path)
    assert caught.value.values == (BadValue(2, "model_a", None, "any name"),)


def test_refuses_a_file_that_is_only_named_parquet(tmp_path: Path) -> None:
    path = tmp_path / "votes.parquet"
    path.write_text("model_a,model_b,winner\n", encoding="utf-8")
    with pytest.raises(UnreadableFileError, match="not a Parquet file of votes"):
        read_votes(path)
