"""Votes as people spell them: headings, fields within columns, and outcomes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Bixarena

NESTED = [
    {"info": {"a-side": "gpt", "b-side": "llama"}, "verdict": ["model_a"], "judge": {"id": 1}},
    {"info": {"a-side": "llama", "b-side": "gpt"}, "verdict": ["tie"], "judge": {"id": 2}},
]
COLUMNS = "model_a=info.a-side,model_b=info.b-side,winner=verdict[0]"


def rank(bixarena: Bixarena, *arguments: str | Path) -> dict[str, Any]:
    result = bixarena("rank", *arguments, "--min-evals", "0", "--format", "json")
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.mark.parametrize("kind", ["jsonl", "json", "parquet", "csv"])
def test_reads_fields_within_columns(bixarena: Bixarena, tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"votes.{kind}"
    if kind == "json":
        path.write_text(json.dumps(NESTED), encoding="utf-8")
    elif kind == "jsonl":
        path.write_text("\n".join(map(json.dumps, NESTED)), encoding="utf-8")
    elif kind == "parquet":
        (tmp_path / "rows.json").write_text(json.dumps(NESTED), encoding="utf-8")
        duckdb.execute(f"COPY (FROM read_json('{tmp_path / 'rows.json'}')) TO '{path}'")
    else:
        (tmp_path / "rows.json").write_text(json.dumps(NESTED), encoding="utf-8")
        as_json = "info::JSON AS info, verdict::JSON AS verdict, judge::JSON AS judge"
        duckdb.execute(
            f"COPY (SELECT {as_json} FROM read_json('{tmp_path / 'rows.json'}')) TO '{path}'"
        )
    found = rank(bixarena, path, "--columns", COLUMNS, "--voter-column", "judge.id")
    assert [entry["model"] for entry in found["entries"]] == ["gpt", "llama"]
    assert (found["total_votes"], found["effective_voters"]) == (2, 2.0)
    assert found["input"]["columns"]["winner"] == "verdict[0]"


def test_a_field_that_is_missing_in_a_row_is_a_missing_value(
    bixarena: Bixarena, tmp_path: Path
) -> None:
    path = tmp_path / "votes.csv"
    path.write_text('info,b,w\n"{""a"": ""x""}",y,tie\nplain text,y,tie\n', encoding="utf-8")
    result = bixarena("rank", path, "--columns", "model_a=info.a,model_b=b,winner=w")
    assert result.exit_code == 65
    assert "line 3, column info.a: got nothing, allowed: any name" in result.stderr
    wrong = bixarena("rank", path, "--columns", "model_a=other.a,model_b=b,winner=w")
    assert "needed: other.a, b, w" in wrong.stderr


@pytest.mark.parametrize("option", ["--by", "--voter-column"])
def test_refuses_a_path_that_leads_nowhere(
    bixarena: Bixarena, tmp_path: Path, option: str
) -> None:
    path = tmp_path / "votes.jsonl"
    tags = {"criteria_v0.1": {"hard": "yes"}}
    vote = {"model_a": "a", "model_b": "b", "winner": "tie"}
    rows = [{**vote, "tag": tags}, vote]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    options = ("--min-evals", "0", "--intervals", "auto")
    wrong = bixarena("rank", path, *options, option, "tag.criteria_v0.1.hard")
    assert wrong.exit_code == 65
    assert "no row has a value at tag.criteria_v0.1.hard" in wrong.stderr
    right = bixarena("rank", path, *options, option, 'tag."criteria_v0.1".hard')
    assert right.exit_code == 0, right.stderr


def test_says_how_to_reach_votes_within_an_object(bixarena: Bixarena, tmp_path: Path) -> None:
    path = tmp_path / "export.json"
    votes = [{"model_a": "a", "model_b": "b", "winner": "tie"}]
    path.write_text(json.dumps({"meta": {"n": 1}, "votes": votes}), encoding="utf-8")
    result = bixarena("rank", path)
    assert result.exit_code == 65
    assert "jq -c '.votes[]' FILE | bixarena rank -" in result.stderr


@pytest.mark.parametrize(
    "heading",
    ["Model A,Model B,Winner", "MODEL_A,MODEL_B,WINNER", " model-a , model b ,winner "],
)
def test_headings_may_differ_in_capitals_and_spaces(
    bixarena: Bixarena, tmp_path: Path, heading: str
) -> None:
    path = tmp_path / "votes.csv"
    model_a, model_b, winner = heading.split(",")
    path.write_text(f"{heading},Voter\ngpt,llama,{model_a},1\n", encoding="utf-8")
    found = rank(bixarena, path)
    assert found["entries"][0]["model"] == "gpt"
    assert found["input"]["columns"] == {
        "model_a": model_a,
        "model_b": model_b,
        "winner": winner,
        "voter": "Voter",
    }
    assert any(
        note.startswith(f"columns: model_a is {model_a};") for note in found["input"]["notes"]
    )


@pytest.mark.parametrize(
    ("first", "tie", "second"),
    [
        ("MODEL_A", "TIE", "MODEL_B"),
        ("Model_A", " Tie ", "model_b "),
        ("1", "0.5", "0"),
        ("1.00", ".5", "0.00"),
        ('"1,0"', '"0,5"', '"0,0"'),
        ("1-0", "1/2-1/2", "0-1"),
        ("gpt", "tie", "llama"),
    ],
)
def test_knows_outcomes_in_their_spellings(
    bixarena: Bixarena, tmp_path: Path, *, first: str, tie: str, second: str
) -> None:
    path = tmp_path / "votes.csv"
    rows = "".join(f"gpt,llama,{winner}\n" for winner in (first, first, first, tie, second))
    path.write_text(f"model_a,model_b,winner\n{rows}", encoding="utf-8")
    expected = tmp_path / "expected.csv"
    expected.write_text(
        "model_a,model_b,winner\n"
        + "gpt,llama,model_a\n" * 3
        + "gpt,llama,tie\ngpt,llama,model_b\n",
        encoding="utf-8",
    )
    assert rank(bixarena, path)["entries"] == rank(bixarena, expected)["entries"]


def test_a_word_in_other_capitals_is_no_other_model(bixarena: Bixarena, tmp_path: Path) -> None:
    path = tmp_path / "votes.csv"
    path.write_text("model_a,model_b,winner\nGPT,gpt,gpt\n", encoding="utf-8")
    assert rank(bixarena, path)["entries"][0]["model"] == "gpt"
    path.write_text("model_a,model_b,winner\na,TIE,TIE\n", encoding="utf-8")
    result = bixarena("rank", path)
    assert "line 2, column winner: got 'TIE'" in result.stderr


def test_cells_are_spelt_as_agreed(bixarena: Bixarena, tmp_path: Path) -> None:
    path = tmp_path / "cells.csv"
    path.write_text("leaderboard,model_a,model_b,outcome,votes\nall,a,b,TIE,3\n")
    result = bixarena("rank", "--cells", path)
    assert "line 2, column outcome: got 'TIE', allowed: model_a, model_b, tie" in result.stderr
