"""Files as people have them, in every format, and what is said of those that are wrong."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import sys
import threading
from typing import TYPE_CHECKING
from unittest import mock

import duckdb
import pytest

from bixarena_constructs.cli.rank.counting import counting
from bixarena_constructs.cli.rank.vote_faults import BadRowsError, BadValue, UnreadableFileError
from bixarena_constructs.cli.rank.wanted import Wanted
from bixarena_constructs.worker.errors import VotesError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bixarena_constructs.worker.ranking import VoteCounts

ANY_WINNER = "model_a, model_b, tie or the name of one of the two models"
PLAIN = "model_a,model_b,winner\na,b,model_a\nb,a,tie\n"


def read(*files: Path | str, memory_limit: str = "1GB", **wanted: object) -> VoteCounts:
    # Any of the fields, which mypy checks where the command makes it.
    choice = Wanted(**wanted)  # type: ignore[arg-type]
    with counting([str(file) for file in files], choice, memory_limit=memory_limit) as votes:
        return votes.of(None)


def counts(votes: VoteCounts) -> tuple[tuple[str, ...], list[int], list[int], list[int]]:
    return (
        votes.models,
        votes.wins_first.tolist(),
        votes.wins_second.tolist(),
        votes.ties.tolist(),
    )


def written(folder: Path, text: str, encoding: str = "utf-8", name: str = "votes.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding=encoding, newline="")
    return path


def parquet(path: Path, rows: str) -> Path:
    duckdb.execute(
        f"COPY (FROM (VALUES {rows}) t(model_a, model_b, winner)) TO '{path}' (FORMAT parquet)"
    )
    return path


def test_finds_columns_by_name_and_ignores_the_others(tmp_path: Path) -> None:
    path = written(tmp_path, "prompt,winner,model_b,model_a\nhi,tie,b,a\nho,model_a,b,a\n")
    assert counts(read(path)) == (("a", "b"), [1], [0], [1])


def test_reads_quotes_line_ends_and_marks_as_spreadsheets_write_them(tmp_path: Path) -> None:
    text = 'model_a,model_b,winner\r\n"a, the ""first""",b,tie\r\n\r\n'
    votes = read(written(tmp_path, text, encoding="utf-8-sig"))
    assert votes.models == ('a, the "first"', "b")


@pytest.mark.parametrize("sign", [",", ";", "\t", "|", "^"])
def test_reads_any_delimiter(tmp_path: Path, sign: str) -> None:
    path = written(tmp_path, PLAIN.replace(",", sign))
    given = {"delimiter": "^"} if sign == "^" else {}
    assert counts(read(path, **given)) == (("a", "b"), [1], [0], [1])


def test_reads_files_whose_lines_end_differently(tmp_path: Path) -> None:
    rows = "model_a,model_b,winner\r\na,b,model_a\nb,a,tie\r\n"
    assert counts(read(written(tmp_path, rows))) == (("a", "b"), [1], [0], [1])
    with pytest.raises(BadRowsError) as caught:
        read(written(tmp_path, rows + "\na,b,x\n"))
    assert caught.value.values == (BadValue("line 5", "winner", "x", ANY_WINNER),)
    with pytest.raises(UnreadableFileError, match="line 4: 2 values, the first line has 3"):
        read(written(tmp_path, rows + "a,b\n"))


def test_copies_of_files_with_one_name_stay_apart(tmp_path: Path) -> None:
    for name, winner in (("x", "model_a"), ("y", "tie")):
        (tmp_path / name).mkdir()
        rows = f"model_a,model_b,winner\na,b,{winner}\na,b,{name}\n"
        written(tmp_path / name, rows, encoding="utf-16")
    with pytest.raises(BadRowsError, match="got 'x'"):
        read(tmp_path)


def test_skips_blank_lines_wherever_they_are(tmp_path: Path) -> None:
    path = written(tmp_path, "\r\n\n" + PLAIN.replace("\n", "\n\r\n"))
    assert counts(read(path)) == (("a", "b"), [1], [0], [1])
    with pytest.raises(BadRowsError) as caught:
        read(written(tmp_path, "\n\nmodel_a,model_b,winner\n\na,b,x\n"))
    assert caught.value.values == (BadValue("line 5", "winner", "x", ANY_WINNER),)


def test_refuses_a_delimiter_that_makes_no_columns_of_votes(tmp_path: Path) -> None:
    with pytest.raises(
        UnreadableFileError, match="the columns are model_a:model_b:winner; needed"
    ):
        read(written(tmp_path, PLAIN.replace(",", ":")))


ROWS = [
    {"model_a": "a", "model_b": "b", "winner": "model_a"},
    {"model_a": "b", "model_b": "a", "winner": "tie", "text": {"of": "any kind"}},
]


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        "\n".join(map(json.dumps, ROWS)) + "\n\n",
        json.dumps(ROWS),
        json.dumps(ROWS, indent=1),
        "\n".join(json.dumps(row, indent=1) for row in ROWS),
    ],
    ids=["csv", "json-lines", "json", "indented-json", "indented-objects"],
)
@pytest.mark.parametrize("way", ["file", "gzip", "zstd", "pipe", "stdin"])
def test_reads_every_format_by_every_way(tmp_path: Path, text: str, way: str) -> None:
    # The name says nothing: what a file is follows from its beginning.
    path = tmp_path / "votes"
    if way == "gzip":
        path.write_bytes(gzip.compress(text.encode()))
    elif way == "zstd":
        path.write_bytes(zstd.compress(text.encode()))
    elif way == "pipe":
        os.mkfifo(path)
        threading.Thread(target=path.write_text, args=(text,), daemon=True).start()
    else:
        path.write_text(text, encoding="utf-8")
    if way == "stdin":
        with mock.patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode()))):
            votes = read("-")
    else:
        votes = read(path)
    assert counts(votes) == (("a", "b"), [1], [0], [1])


def test_tells_the_line_of_a_bad_value_of_standard_input() -> None:
    text = b"model_a,model_b,winner\na,b,tie\na,b,x\n"
    with (
        mock.patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(text))),
        pytest.raises(BadRowsError, match="standard input: 1 value is wrong") as caught,
    ):
        read("-")
    assert caught.value.values == (BadValue("line 3", "winner", "x", ANY_WINNER),)


def test_reads_folders_and_patterns_and_no_file_twice(tmp_path: Path) -> None:
    folder = tmp_path / "votes" / "deep"
    folder.mkdir(parents=True)
    one = written(folder, PLAIN, name="one[1].csv")
    parquet(folder / "two.PARQUET", "('a', 'b', 'model_b')")
    written(folder, "no votes", name="README.md")
    written(folder, "no votes", name="_SUCCESS.csv")
    for hidden in (".ipynb_checkpoints", "_temporary"):
        (folder / hidden).mkdir()
        written(folder / hidden, "no votes")
    expected = (("a", "b"), [1], [1], [1])
    assert counts(read(tmp_path / "votes")) == expected
    assert counts(read(f"{tmp_path}/**/[ot]*", f"{folder}/../deep/{one.name}")) == expected
    # As a pattern its name would mean this one.
    written(folder, "model_a,model_b,winner\nc,d,tie\n", name="one1.csv")
    assert read(one).models == ("a", "b")


def test_says_which_file_is_missing(tmp_path: Path) -> None:
    for argument in (tmp_path / "none.csv", tmp_path / "*.csv", tmp_path):
        with pytest.raises(FileNotFoundError, match=str(tmp_path).replace("*", ".")):
            read(argument)


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_reads_texts_of_any_length(tmp_path: Path, kind: str) -> None:
    text = "so long, " * 500_000
    path = tmp_path / f"votes.{kind}"
    if kind == "csv":
        path.write_text(f'text,model_a,model_b,winner\n"{text}",a,b,tie\n', encoding="utf-8")
    else:
        row = {"text": text, "model_a": "a", "model_b": "b", "winner": "tie"}
        path.write_text(json.dumps(row) + "\n", encoding="utf-8")
    assert counts(read(path)) == (("a", "b"), [0], [0], [1])
    bad = path.read_text(encoding="utf-8").replace("tie", "bad")
    path.write_text(bad, encoding="utf-8")
    with pytest.raises(BadRowsError, match="got 'bad'"):
        read(path)


def test_tells_the_line_of_a_bad_value_after_values_of_several_lines(tmp_path: Path) -> None:
    text = 'model_a,model_b,winner\n"a\nb",c,tie\n\na,c,even\n'
    with pytest.raises(BadRowsError) as caught:
        read(written(tmp_path, text))
    assert caught.value.values == (BadValue("line 5", "winner", "even", ANY_WINNER),)
    assert "1 value is wrong" in str(caught.value)


def test_tells_ten_bad_values_and_how_many_more_there_are(tmp_path: Path) -> None:
    text = "model_a,model_b,winner\n" + "a, ,tie\n" * 12
    with pytest.raises(BadRowsError, match="12 values are wrong") as caught:
        read(written(tmp_path, text))
    assert [value.place for value in caught.value.values] == [f"line {n}" for n in range(2, 12)]
    assert str(caught.value).endswith("\n  and 2 more")


def test_tells_the_line_of_json_lines_and_the_row_of_other_files(tmp_path: Path) -> None:
    rows = [*ROWS, {"model_a": "a", "winner": "x"}]
    lines = written(tmp_path, "\n\n".join(map(json.dumps, rows)), name="votes.jsonl")
    array = written(tmp_path, json.dumps(rows), name="votes.json")
    for path, place in ((lines, "line 5"), (array, "row 3")):
        with pytest.raises(BadRowsError) as caught:
            read(path)
        assert caught.value.values == (
            BadValue(place, "model_b", None, "any name"),
            BadValue(place, "winner", "x", ANY_WINNER),
        )
    path = parquet(tmp_path / "votes.parquet", "('a', 'b', 'tie'), (NULL, 'a', 'model_a')")
    with pytest.raises(BadRowsError) as caught:
        read(path)
    assert caught.value.values == (BadValue("row 2", "model_a", None, "any name"),)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "the file is empty"),
        ("\n \n", "the file is empty"),
        (
            "a,b,winner\n",
            "the columns are a, b, winner; needed: .*; name yours with --columns",
        ),
        ("model_a,model_b,outcome,votes\n", "these are counted cells: --cells reads them"),
        (
            "model_a,model_b,winner,Model_A\n",
            r"the columns are model_a \(column 1\), model_b, winner, Model_A \(column 4\)",
        ),
        ('{"winner": 1, "WINNER": 2}', "'winner' and 'WINNER' have the same name"),
        (PLAIN + 'a,"b,tie\na,b,tie\n', "in the row that begins in line 4: .* is written twice"),
        ("sep=;\n" + PLAIN.replace(",", ";"), r"headings are in line 2; .*: tail -n \+2 FILE \|"),
        ("# today\n\n" + PLAIN, r"headings are in line 3; .*: tail -n \+3 FILE \|"),
        (PLAIN + "a,b\n", r"1 row does not fit the first line\n  line 4: 2 values"),
        (PLAIN + "a,b\na,b,tie,x\n", r"2 rows do not fit the first line\n  line 4: 2 values"),
        ('{"model_a": 1,\n', "JSON"),
        ("[1, 2]", "holds no object with keys"),
    ],
)
def test_refuses_what_is_no_table_of_votes(tmp_path: Path, text: str, reason: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(UnreadableFileError, match=reason) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "Possible" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("model_a,model_b,winner\né,b,tie\n".encode("latin-1"), "UTF-8: .* --encoding names"),
        (PLAIN.encode("utf-16")[:-1], "UTF-16.*: truncated data at byte"),
        (b"PK\x03\x04", "Excel workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "Excel workbook"),
        (b"SQLite format 3\x00", "SQLite database: sqlite3 -csv -header FILE"),
        (b"ARROW1\x00\x00", "Arrow file"),
        (b"\xff\xff\xff\xff\x10\x00", "Arrow stream"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"<!DOCTYPE html>\n<html>", "web page"),
        (PLAIN.encode("utf-16-le"), "byte 1 is zero; --encoding utf-16-le"),
        (b"Obj\x01\x04\x00", "byte 5 is zero"),
        (bz2.compress(PLAIN.encode()), r"bzip2: bzcat FILE \| bixarena rank -"),
        (lzma.compress(PLAIN.encode()), r"xz: xzcat FILE \| bixarena rank -"),
        (b"\x28\xb5\x2f\xfd", "not a table: Compressed file ended before"),
        (b"\x1f\x8b\x08\x00", "not a table: Compressed file ended before"),
    ],
)
def test_says_what_else_a_file_is(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "votes.csv"
    path.write_bytes(content)
    with pytest.raises(UnreadableFileError, match=reason):
        read(path)


def test_says_what_is_wrong_far_within_a_file(tmp_path: Path) -> None:
    path = tmp_path / "votes.csv"
    rows = PLAIN.encode() + 2000 * b"a,b,tie\n"
    path.write_bytes(rows + b"\xe9,b,tie\r\n")
    with pytest.raises(UnreadableFileError, match="not text in UTF-8"):
        read(path)
    path.write_bytes(gzip.compress(rows)[:-9])
    with pytest.raises(UnreadableFileError, match="not a"):
        read(path)
    path.write_bytes(PLAIN.encode())
    with pytest.raises(UnreadableFileError, match="not text: UTF-16 stream does not start with"):
        read(path, encoding="utf-16")


def test_refuses_a_file_that_is_only_named_parquet(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError, match="not a Parquet file"):
        read(written(tmp_path, PLAIN, name="votes.Parquet"))


def test_counts_a_file_without_rows_as_no_votes(tmp_path: Path) -> None:
    assert read(written(tmp_path, "model_a,model_b,winner\n")).total == 0


def test_a_vote_without_a_voter_is_one_of_a_voter_of_its_own(tmp_path: Path) -> None:
    path = written(
        tmp_path, "model_a,model_b,winner,user\na,b,tie,\na,b,tie, \na,b,tie, \na,b,tie,u2\n"
    )
    voters = read(path, voter="user").voters
    assert voters is not None
    assert voters.num_voters == 4


def test_a_column_of_voters_that_names_nobody_is_none(tmp_path: Path) -> None:
    path = written(tmp_path, "model_a,model_b,winner,voter\na,b,model_a,\nb,a,tie,  \n")
    assert read(path).voters is None


def test_reads_keys_that_the_first_object_lacks(tmp_path: Path) -> None:
    rows = [
        {"model_a": "a", "winner": "tie", "model_b": "b"},
        {"model_a": "a", "winner": "tie", "model_b": "b", "voter": 1},
    ]
    votes = read(written(tmp_path, "\n".join(map(json.dumps, rows))))
    assert votes.voters is not None


def test_counts_by_voter_when_a_column_names_them(tmp_path: Path) -> None:
    path = written(tmp_path, "model_a,model_b,winner,user\na,b,tie,u1\na,b,tie,u2\n")
    voters = read(path, voter="user").voters
    assert voters is not None
    assert voters.num_voters == 2


def test_counts_rows_as_often_as_a_column_says(tmp_path: Path) -> None:
    path = written(tmp_path, "model_a,model_b,winner,n\na,b,tie,3\na,b,model_a,2.0\nc,b,tie,0\n")
    assert counts(read(path, count="n")) == (("a", "b"), [2], [0], [3])
    bad = written(tmp_path, "model_a,model_b,winner,n\na,b,tie,1.5\na,b,tie,-1\na,b,tie,\n")
    with pytest.raises(BadRowsError) as caught:
        read(bad, count="n")
    assert [value.value for value in caught.value.values] == ["1.5", "-1", None]


def test_weights_can_be_fractions(tmp_path: Path) -> None:
    rows = [
        "a,b,model_a,0.5,x",
        "b,a,tie,1e-1,x",
        "b,a,model_a,0.25,y",
        "b,c,tie,1.5,",
        "a,a,tie,2,",
    ]
    path = written(tmp_path, "model_a,model_b,winner,w,voter\n" + "\n".join(rows))
    votes = read(path, weight="w")
    assert votes.wins_first.tolist() == [0.5, 0.0]
    assert votes.wins_second.tolist() == [0.25, 0.0]
    assert votes.ties.tolist() == [0.1, 1.5]
    assert (votes.total, votes.self_battles) == (2, 2)
    assert votes.voters is not None
    assert votes.voters.num_voters == 3
    for weight in ("-1", "nan", "1e16", "x"):
        with pytest.raises(BadRowsError) as caught:
            read(written(tmp_path, f"model_a,model_b,winner,w\na,b,tie,{weight}\n"), weight="w")
        assert caught.value.values == (BadValue("line 2", "w", weight, "a number, 0 or more"),)


def test_a_weighty_row_stays_one_vote_to_the_intervals(tmp_path: Path) -> None:
    path = written(tmp_path, "model_a,model_b,winner,w\na,b,tie,3\na,b,model_a,2\na,b,tie,3\n")
    votes = read(path, weight="w")
    assert counts(votes) == (("a", "b"), [2], [0], [6])
    assert votes.voters is not None
    assert sorted(votes.voters.votes.tolist()) == [2, 3, 3]
    with pytest.raises(ValueError, match="--weight-column goes with --intervals"):
        Wanted(weight="w", intervals="wald")


@pytest.mark.parametrize(
    ("encoding", "said"), [("utf-16", None), ("utf-16-be", "utf-16-be"), ("cp1252", "cp1252")]
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstd.compress])
def test_reads_texts_of_other_encodings(
    tmp_path: Path, encoding: str, said: str | None, *, pack: Callable[..., bytes]
) -> None:
    path = tmp_path / "votes"
    text = "model_a,model_b,winner\né,b,model_a\nb,é,tie\n"
    path.write_bytes(pack(text.encode(encoding)))
    assert counts(read(path, encoding=said)) == (("b", "é"), [0], [1], [1])


def test_tells_the_line_of_a_bad_value_in_another_encoding(tmp_path: Path) -> None:
    path = written(tmp_path, "model_a,model_b,winner\né,b,model_a\né,b,nobody\n", "cp1252")
    with pytest.raises(BadRowsError, match="1 value is wrong") as caught:
        read(path, encoding="cp1252")
    assert caught.value.values[0].place == "line 3"


def test_nothing_but_the_result_appears_on_standard_output(tmp_path: Path) -> None:
    # DuckDB shows the progress of a statement of two seconds there.
    choice = Wanted()
    path = str(written(tmp_path, PLAIN))
    with counting([path], choice, memory_limit="1GB") as votes:
        shown = votes.connection.execute("SELECT current_setting('enable_progress_bar')")
        assert shown.fetchone() == (False,)


def test_memory_is_bounded_by_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "votes.parquet"
    duckdb.execute(
        "COPY (SELECT 'm' || (i * 7 % 20) AS model_a, 'n' || (i * 11 % 20) AS model_b, "
        f"'tie' AS winner, md5(i::VARCHAR) AS voter FROM range(300000) t(i)) TO '{path}'"
    )
    votes = read(path, memory_limit="64MB")
    assert votes.total == 300_000
    assert votes.voters is not None
    assert votes.voters.num_voters == 300_000
    with pytest.raises(VotesError, match="--memory-limit 'much' is not a size"):
        read(path, memory_limit="much")


def test_says_that_the_limit_is_too_little(tmp_path: Path) -> None:
    path = written(tmp_path, "\n".join(map(json.dumps, ROWS)))
    with pytest.raises(VotesError, match="--memory-limit 16MB is too little"):
        read(path, memory_limit="16MB")


def test_says_what_is_wrong_with_a_condition(tmp_path: Path) -> None:
    path = written(tmp_path, PLAIN)
    for condition in ("language = 'English'", "winner = ", "model_a = b)"):
        with pytest.raises(VotesError, match=r"--where .* fails on"):
            read(path, where=condition)


@pytest.mark.parametrize("condition", ["model_a", "'a'", "model_a::INT > 1", "--", "()"])
def test_blames_the_condition_and_not_the_file(tmp_path: Path, condition: str) -> None:
    for name in ("votes.csv", "votes.jsonl"):
        text = PLAIN if name.endswith("csv") else json.dumps(ROWS[0])
        with pytest.raises(VotesError, match=r"--where .* fails on"):
            read(written(tmp_path, text, name=name), where=condition)
    path = written(tmp_path, PLAIN + "a,b\n")
    with pytest.raises(UnreadableFileError, match="does not fit"):
        read(path, where="model_a = 'a'")


def test_refuses_a_condition_without_words() -> None:
    with pytest.raises(ValueError, match="--where is empty"):
        Wanted(where=" ")


@pytest.mark.parametrize("content", ["utf-8-sig", "utf-32"])
@pytest.mark.parametrize("text", [PLAIN, json.dumps(ROWS), "\n".join(map(json.dumps, ROWS))])
def test_reads_a_mark_before_any_format(tmp_path: Path, text: str, content: str) -> None:
    path = written(tmp_path, text, encoding=content)
    assert counts(read(path)) == counts(read(written(tmp_path, text, name="plain")))


def test_reads_standard_input_once() -> None:
    with mock.patch("sys.stdin", io.TextIOWrapper(io.BytesIO(PLAIN.encode()))):
        assert read("-", "-").total == 2


def test_skips_no_votes_of_a_folder_in_silence(tmp_path: Path) -> None:
    written(tmp_path, PLAIN)
    (tmp_path / "more.csv.bz2").write_bytes(bz2.compress(PLAIN.encode()))
    with pytest.raises(UnreadableFileError, match="bzip2"):
        read(tmp_path)


@pytest.mark.parametrize("value", ["abc", "1,5", "1.5", "-1", "nan", ""])
def test_refuses_a_count_that_is_no_whole_number(tmp_path: Path, value: str) -> None:
    path = written(tmp_path, f'model_a,model_b,winner,n\na,b,tie,"{value}"\n')
    with pytest.raises(BadRowsError, match=r"line 2, column n: .*, allowed: a whole number"):
        read(path, count="n")


def test_takes_no_more_threads_than_there_are_processors(tmp_path: Path) -> None:
    path = written(tmp_path, PLAIN)
    with counting([str(path)], Wanted(), memory_limit="1GB", threads=100_000) as votes:
        (threads,) = votes.connection.execute("SELECT current_setting('threads')").fetchall()[0]
    assert threads <= (os.cpu_count() or 1)
