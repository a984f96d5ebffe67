"""Forms of real public vote files, each rebuilt with rows of our own, and one command for each."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Bixarena
    from typer.testing import Result

PAGE = (Path(__file__).parents[3] / "docs" / "ranking.md").read_text(encoding="utf-8")
TALK = [{"role": "user", "content": 'Say "hi", then\nstop.'}]


def parquet(folder: Path, name: str, rows: list[dict[str, Any]]) -> None:
    lines = folder / "rows.jsonl"
    lines.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    duckdb.execute(f"COPY (FROM read_json('{lines}')) TO '{folder / name}' (FORMAT parquet)")
    lines.unlink()


def chatbot_arena(folder: Path) -> None:
    """lmsys/chatbot_arena_conversations: a judge, a flag and a language beside the vote."""
    for number, winner in enumerate(("model_a", "model_b", "tie", "tie (bothbad)")):
        row = {
            "question_id": f"{number:032x}",
            "model_a": "vicuna-13b",
            "model_b": "koala-13b",
            "winner": winner,
            "judge": f"arena_user_{number}",
            "conversation_a": TALK,
            "conversation_b": TALK,
            "turn": 1,
            "anony": True,
            "language": "English" if number else "German",
            "tstamp": 1682351591.1 + number,
        }
        with (folder / "train.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")


def human_preference(folder: Path) -> None:
    """lmarena-ai/arena-human-preference-140k: both_bad, sessions of several votes."""
    (folder / "data").mkdir()
    for part, winners in enumerate((("model_a", "both_bad"), ("tie", "model_b"))):
        rows = [
            {
                "id": f"{part}-{winner}",
                "model_a": "claude",
                "model_b": "gemini",
                "winner": winner,
                "evaluation_session_id": f"session-{number}",
                "evaluation_order": number,
                "conversation_a": TALK,
                "is_code": False,
            }
            for number, winner in enumerate(winners)
        ]
        parquet(folder / "data", f"train-0000{part}-of-00002.parquet", rows)


def kaggle(folder: Path) -> None:
    """lmsys-chatbot-arena on Kaggle: one-hot winners."""
    (folder / "train.csv").write_text(
        "id,model_a,model_b,prompt,response_a,response_b,winner_model_a,winner_model_b,winner_tie\n"
        '1,gpt-4,llama-2,"[""hi"",\n""ho""]","[""\\u00e9""]","[null]",1,0,0\n'
        '2,gpt-4,llama-2,"[""hi""]","[""a""]","[""b""]",0,1,0\n'
        '3,llama-2,gpt-4,"[""hi""]","[""a""]","[""b""]",0,0,1\n',
        encoding="utf-8",
    )


def mt_bench(folder: Path) -> None:
    """lmsys/mt_bench_human_judgments: experts judge each turn."""
    parquet(
        folder,
        "human-00000.parquet",
        [
            {
                "question_id": 81 + number,
                "model_a": "alpaca-13b",
                "model_b": "gpt-3.5-turbo",
                "winner": winner,
                "judge": f"expert_{number}",
                "conversation_a": TALK,
                "turn": 1 + number % 2,
            }
            for number, winner in enumerate(("model_b", "model_b", "tie", "model_a"))
        ],
    )


def search_arena(folder: Path) -> None:
    """lmarena-ai/search-arena-24k: half of the conversations have no vote."""
    rows = [
        {
            "model_a": "sonar",
            "model_b": "sonar-reasoning",
            "winner": winner,
            "judge": f"{number:064x}",
            "turn": 1,
            "timestamp": "2025-03-18T16:39:00.550000",
            "messages_a": TALK,
            "primary_intent": ("Other", "Text Processing")[number % 2],
            "languages": ["English"],
        }
        for number, winner in enumerate(("model_a", None, "tie (bothbad)", "model_b", "tie", None))
    ]
    parquet(folder, "search-arena.parquet", rows)


def rwq(folder: Path) -> None:
    """rwq-elo/rwq-battle-records: 'tie(all bad)', and a flag for rows that do not count."""
    (folder / "battles.csv").write_text(
        "question,model_a,model_b,winner,judger,tstamp,is_valid\n"
        "why,gpt4,mpt,model_a,gpt-4-turbo,2023-11-23 02:56:34,True\n"
        "how,gpt4,mpt,tie(all bad),gpt-4-turbo,2023-11-23 02:56:35,True\n"
        "who,mpt,gpt4,invalid,gpt-4-turbo,2023-11-23 02:56:36,False\n"
        "who,mpt,gpt4,model_a,gpt-4-turbo,2023-11-23 02:56:36,True\n",
        encoding="utf-8",
    )


def agent_clash(folder: Path) -> None:
    """agent-clash-multi-judge-eval: the winner by name."""
    rows = [
        {"eval_id": 1, "model_a": "opus", "model_b": "o1", "human_winner": "o1", "confidence": 6},
        {"eval_id": 2, "model_a": "o1", "model_b": "opus", "human_winner": "opus"},
        {"eval_id": 3, "model_a": "o1", "model_b": "opus", "human_winner": "tie"},
    ]
    (folder / "evals.json").write_text(json.dumps(rows, indent=2), encoding="utf-8")


def chosen_models(folder: Path) -> None:
    """sumuks/lmarena: texts for training, with the models that wrote them."""
    rows = [
        {"id": "1", "prompt": "hi", "chosen": "x", "chosen_model": "a", "rejected_model": "b"},
        {"id": "2", "prompt": "hi", "chosen": "x", "chosen_model": "b", "rejected_model": "a"},
        {"id": "3", "prompt": "hi", "chosen": "x", "chosen_model": "a", "rejected_model": "b"},
    ]
    parquet(folder, "train.parquet", rows)


def llmfao(folder: Path) -> None:
    """dustalov/llmfao's crowd comparisons: left and right."""
    (folder / "crowd-comparisons.csv").write_text(
        "id,prompt,worker,left,right,winner\n1,8,58,Koala,Dolly,left\n2,8,59,Dolly,Koala,tie\n"
        "3,8,58,Dolly,Koala,right\n",
        encoding="utf-8",
    )


def points(folder: Path) -> None:
    """Games of chess and of many evaluations: 1, 0.5 and 0 points of the first."""
    (folder / "games.tsv").write_text(
        "white\tblack\tscore\nfish\tzero\t1\nfish\tzero\t0.5\nzero\tfish\t0.0\n", encoding="utf-8"
    )


def international_results(folder: Path) -> None:
    """martj42/international_results: the goals of both, and matches yet to be played."""
    (folder / "results.csv").write_text(
        "date,home_team,away_team,home_score,away_score,neutral\n"
        "1930-07-30,Uruguay,Argentina,4,2,FALSE\n1990-07-08,Italy,Argentina,10,9,TRUE\n"
        "2014-07-13,Argentina,Germany,0,0,TRUE\n2030-06-08,Spain,Argentina,NA,NA,FALSE\n",
        encoding="utf-8",
    )


def tennis_atp(folder: Path) -> None:
    """JeffSackmann/tennis_atp: winner and loser, and who they are in other columns."""
    (folder / "atp_matches_2024.csv").write_text(
        "tourney_id,surface,winner_id,winner_name,loser_id,loser_name,score\n"
        "1,Hard,7,Ann,8,Bob,6-4 6-2\n2,Clay,8,Bob,7,Ann,6-3 RET\n3,Clay,7,Ann,8,Bob,7-6(5) 6-4\n",
        encoding="utf-8",
    )


def tidytuesday_chess(folder: Path) -> None:
    """tidytuesday's games of chess: the colour that won."""
    (folder / "chess.csv").write_text(
        "game_id,rated,winner,white_id,white_rating,black_id,black_rating\n"
        "x,TRUE,white,ann,1800,bob,1750\ny,TRUE,draw,bob,1755,ann,1806\n"
        "z,FALSE,black,ann,1798,bob,1748\nw,TRUE,white,ann,1805,new,1500\n",
        encoding="utf-8",
    )


def football_data(folder: Path) -> None:
    """football-data.co.uk: home, away or draw, and columns without a name at the end."""
    (folder / "E0.csv").write_text(
        "Div,Date,HomeTeam,AwayTeam,FTHG,FTAG,FTR,,\nE0,1/8,Arsenal,Leeds,2,1,H,,\n"
        "E0,2/8,Leeds,Arsenal,1,1,D,,\nE0,3/8,Leeds,Arsenal,0,1,A,,\n",
        encoding="cp1252",
    )


def alpaca_eval(folder: Path) -> None:
    """tatsu-lab/alpaca_eval's annotations: 1 or 2, as numbers that JSON writes with decimals."""
    rows = [
        {"generator_1": "davinci", "generator_2": "claude", "preference": preference}
        for preference in (2.0, 2.0, 1.5, 1.0, None)
    ]
    (folder / "annotations.json").write_text(json.dumps(rows, indent=2), encoding="utf-8")


FORMS = {
    # The votes of the first model by name and of the second, the ties, and the rows left out.
    chatbot_arena: (2, 0, 1, 1),
    human_preference: (1, 1, 2, 0),
    kaggle: (1, 1, 1, 0),
    mt_bench: (1, 2, 1, 0),
    search_arena: (1, 1, 1, 3),
    rwq: (1, 1, 1, 1),
    agent_clash: (1, 1, 1, 0),
    chosen_models: (2, 1, 0, 0),
    llmfao: (0, 2, 1, 0),
    points: (2, 0, 1, 0),
    international_results: (0, 2, 1, 1),
    tennis_atp: (2, 1, 0, 0),
    tidytuesday_chess: (1, 1, 1, 1),
    football_data: (2, 0, 1, 0),
    alpaca_eval: (2, 1, 1, 1),
}


def commands() -> dict[str, str]:
    rows = re.findall(r"^\| .+ \| `bixarena (rank [^`]+)` \|$", PAGE, re.MULTILINE)
    return {shlex.split(row)[1]: row for row in rows}


def test_every_documented_command_is_tried() -> None:
    assert len(commands()) == len(FORMS)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_ranks_a_public_file_with_the_documented_command(
    bixarena: Bixarena, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: Any
) -> None:
    form(tmp_path)
    monkeypatch.chdir(tmp_path)
    (name,) = (name for name in commands() if list(tmp_path.glob(name)))
    line = shlex.split(commands()[name])
    result = bixarena(*line, "--min-evals", "0", "--format", "json")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    boards = found.get("boards") or [found]
    wins_first, wins_second, ties, left_out = FORMS[form]
    assert sum(board["total_votes"] for board in boards) == wins_first + wins_second + ties
    assert sum(found["input"]["dropped"].values()) == left_out
    for board in boards:
        if len(boards) == 1 and wins_first != wins_second:
            first = min(board["entries"], key=lambda entry: entry["model"])
            assert (first["rank"] == 1) == (wins_first > wins_second)


def ranked(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.fixture
def arena(tmp_path: Path) -> Path:
    path = tmp_path / "arena.csv"
    rows = ["model_a,model_b,winner,language,weight,judge"]
    rows += ["a,b,model_a,en,1,j1", "a,b,tie (bothbad),en,1,j2", "b,c,tie,de,2,j1"]
    rows += ["a,b,,en,1,j1", "c,b,model_b,de,1,j3"]
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def test_refuses_both_bad_until_it_is_said_what_it_means(bixarena: Bixarena, arena: Path) -> None:
    result = bixarena("rank", arena)
    assert result.exit_code == 65
    assert "line 3, column winner: got 'tie (bothbad)'" in result.stderr
    assert "--both-bad tie, or drop, says" in result.stderr
    result = bixarena("rank", arena, "--both-bad", "drop")
    assert "line 5, column winner: got nothing" in result.stderr
    assert "--empty drop, or tie, says" in result.stderr


@pytest.mark.parametrize("output", ["table", "json", "csv", "markdown", "html", "svg"])
def test_counts_what_was_left_out_in_every_output(
    bixarena: Bixarena, arena: Path, tmp_path: Path, output: str
) -> None:
    options = ["--both-bad", "drop", "--empty", "tie", "--min-evals", "0"]
    page = tmp_path / f"page.{output}"
    if output in ("html", "svg"):
        options += ["--report" if output == "html" else "--plot", str(page)]
    else:
        options += ["--format", output]
    result = bixarena("rank", arena, *options)
    assert result.exit_code == 0
    said = page.read_text(encoding="utf-8") if page.exists() else result.stdout + result.stderr
    said = " ".join(said.replace("&#39;", "'").split())
    if output == "json":
        found = json.loads(result.stdout)["input"]
        assert found["dropped"] == {"winner 'tie (bothbad)'": 1}
        assert "rows counted as ties: 1, with winner ''" in found["notes"]
    else:
        assert "left out: 1 of 5 rows, winner 'tie (bothbad)'" in said


def test_reports_special_columns_that_are_not_used(bixarena: Bixarena, arena: Path) -> None:
    options = ("--both-bad", "tie", "--empty", "drop", "--min-evals", "0", "--format", "csv")
    said = bixarena("rank", arena, *options).stderr
    assert "column weight is not used; --weight-column weight would" in said
    assert "column judge is not used; --voter-column judge would" in said
    said = bixarena(
        "rank", arena, *options, "--weight-column", "weight", "--voter-column", "judge"
    ).stderr
    assert "is not used" not in said
    path = arena.with_name("capitals.csv")
    path.write_text("model_a,model_b,winner,User ID\na,b,tie,x\n")
    said = bixarena("rank", path, "--min-evals", "0", "--format", "csv").stderr
    assert said == "note: column User ID is not used; --voter-column User ID would\n"


def test_takes_only_rows_for_which_the_condition_holds(bixarena: Bixarena, arena: Path) -> None:
    # Rows that do not count may hold anything.
    where = "language = 'de' -- not English"
    found = ranked(
        bixarena("rank", arena, "--where", where, "--min-evals", "0", "--format", "json")
    )
    assert found["total_votes"] == 2
    assert found["input"]["dropped"] == {f"not {where}": 3}


def test_ranks_a_board_for_each_category(bixarena: Bixarena, arena: Path) -> None:
    options = ["--by", "language", "--both-bad", "tie", "--empty", "drop", "--min-evals", "2"]
    found = ranked(bixarena("rank", arena, *options, "--format", "json"))
    assert [(each["category"], each["total_votes"]) for each in found["boards"]] == [
        ("de", 2),
        ("en", 2),
    ]
    assert [entry["model"] for entry in found["boards"][1]["entries"]] == ["a", "b"]
    table = bixarena("rank", arena, *options).stdout
    assert [line for line in table.splitlines() if line in ("de", "en")] == ["de", "en"]
    rows = bixarena("rank", arena, *options, "--format", "csv").stdout.splitlines()
    assert rows[0].startswith("category,rank,model,")
    assert [row.split(",")[0] for row in rows[1:]] == ["de", "de", "en", "en"]
    markdown = bixarena("rank", arena, *options, "--format", "markdown").stdout
    assert re.findall("^## (.*)", markdown, re.MULTILINE) == ["de", "en"]


def test_a_category_without_a_name_has_a_heading(bixarena: Bixarena, tmp_path: Path) -> None:
    path, plot, page = (tmp_path / name for name in ("votes.csv", "plot.svg", "page.html"))
    path.write_text("model_a,model_b,winner,language\na,b,tie,\na,b,tie,en\n", encoding="utf-8")
    options = ["--by", "language", "--min-evals", "0", "--plot", str(plot), "--report", str(page)]
    assert bixarena("rank", path, *options).stdout.startswith("(empty)\n")
    assert "(empty): scores by model" in plot.read_text(encoding="utf-8")
    assert "<h2>(empty)</h2>" in page.read_text(encoding="utf-8")
    markdown = bixarena("rank", path, *options, "--format", "markdown").stdout
    assert markdown.startswith("## (empty)\n")
    boards = ranked(bixarena("rank", path, *options, "--format", "json"))["boards"]
    assert [board["category"] for board in boards] == ["", "en"]


def test_says_which_category_cannot_be_ranked(bixarena: Bixarena, arena: Path) -> None:
    with arena.open("a", encoding="utf-8") as file:
        file.write("a,b,tie,fr,1,j1\n")
    options = ["--by", "language", "--both-bad", "tie", "--empty", "drop"]
    result = bixarena("rank", arena, *options, "--min-evals", "2", "--format", "json")
    assert list(ranked(result)["unranked"]) == ["fr"]
    assert "no board for 'fr': two models with 2 or more votes" in result.stderr
    result = bixarena("rank", arena, *options)
    assert result.exit_code == 65
    assert "error: no board can be ranked\n  'de': two models with 10" in result.stderr


def test_reads_words_that_are_said_to_mean_an_outcome(bixarena: Bixarena, tmp_path: Path) -> None:
    path = tmp_path / "votes.csv"
    path.write_text("model_a,model_b,winner\na,b,A>>B\na,b,A=B\nb,a,B>A\na,b,skip\n")
    result = bixarena("rank", path)
    pairs = "'A>>B=OUTCOME,A=B=OUTCOME,B>A=OUTCOME,skip=OUTCOME'"
    assert f"--outcomes {pairs} says what these mean" in result.stderr
    words = "A>>B=model_a,A=B=tie,B>A=model_b,skip=drop"
    options = ("--outcomes", words, "--min-evals", "0", "--format", "json")
    found = ranked(bixarena("rank", path, *options))
    assert (found["total_votes"], found["input"]["dropped"]) == (3, {"winner 'skip'": 1})
    assert found["entries"][0]["model"] == "a"


def test_a_number_is_the_same_outcome_with_and_without_decimals(
    bixarena: Bixarena, tmp_path: Path
) -> None:
    # Points of the first model are 1 and 0, unless it is said that numbers mean another thing.
    path = tmp_path / "votes.csv"
    path.write_text("model_a,model_b,winner\na,b,1.0\na,b,1\na,b,2.00\na,b,-1\n")
    options = ("--min-evals", "0", "--format", "json")
    result = bixarena("rank", path, "--outcomes", "1=model_b,2.0=tie,-1=drop", *options)
    found = ranked(result)
    assert (found["total_votes"], found["entries"][0]["model"]) == (3, "b")
    assert found["input"]["dropped"] == {"winner '-1'": 1}
    assert "points" not in result.stderr


@pytest.mark.parametrize("score", ["", "NA", "nan", "inf"])
def test_a_score_that_is_no_number_decides_nothing(
    bixarena: Bixarena, tmp_path: Path, score: str
) -> None:
    path = tmp_path / "votes.csv"
    path.write_text(f"model_a,model_b,score_a,score_b\na,b,1e1,9.5\na,b,{score},{score}\n")
    result = bixarena("rank", path)
    assert result.exit_code == 65
    value = repr(f"{score}/{score}") if score else "nothing"
    assert f"line 3, column score_a, score_b: got {value}, allowed: a number" in result.stderr
    options = ("--outcomes", f"{score}/{score}=drop") if score else ("--empty", "drop")
    result = bixarena("rank", path, *options, "--min-evals", "0", "--format", "json")
    assert [entry["model"] for entry in ranked(result)["entries"]] == ["a", "b"]


def test_a_word_that_is_the_other_models_name_means_neither(
    bixarena: Bixarena, tmp_path: Path
) -> None:
    path = tmp_path / "votes.csv"
    path.write_text("model_a,model_b,winner\ntie,a,tie\na,b,model_a\n", encoding="utf-8")
    result = bixarena("rank", path, "--min-evals", "0")
    assert result.exit_code == 65
    assert "1 value is wrong" in result.stderr
    assert "line 2, column winner: got 'tie'" in result.stderr
    assert bixarena("rank", path, "--min-evals", "0", "--outcomes", "tie=tie").exit_code == 0


def test_points_to_names_that_are_hardly_meant(bixarena: Bixarena, tmp_path: Path) -> None:
    path = tmp_path / "votes.csv"
    rows = "a,a ,tie\nnan,None,tie\na,=1+1,tie\né,e\u0301,tie\n" + '"{""id"": 1}",a,tie\n'
    path.write_text(f"model_a,model_b,winner\n{rows}", encoding="utf-8")
    said = bixarena("rank", path, "--min-evals", "0", "--format", "csv").stderr
    alike = "names that differ only in spaces, capitals or encoding are different models: "
    assert f"{alike}'a', 'a '" in said
    assert f"{alike}'e\u0301', 'é'" in said
    assert """'{"id": 1}' is not a name; --columns model_a=COLUMN.KEY""" in said
    assert "a model is called 'nan', as programs write a missing name" in said
    assert "a model is called 'None'" in said
    assert "'=1+1' begins as a formula does; import it as text" in said


CELLS = """leaderboard,model_a,model_b,outcome,votes,voter
overall,a,b,model_a,3,1
overall,b,a,tie,2,
overall,a,a,tie,4,2
coding,a,b,model_b,2,1
coding,a,b,model_b,1,1
"""


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_ranks_counted_cells(bixarena: Bixarena, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "cells.csv"
    path.write_text(CELLS, encoding="utf-8")
    if kind == "parquet":
        duckdb.execute(f"COPY (FROM '{path}') TO '{tmp_path / 'cells.parquet'}'")
        path = tmp_path / "cells.parquet"
    found = ranked(bixarena("rank", "--cells", path, "--min-evals", "0", "--format", "json"))
    boards = {board["category"]: board for board in found["boards"]}
    assert {name: board["total_votes"] for name, board in boards.items()} == {
        "coding": 3,
        "overall": 5,
    }
    assert boards["overall"]["self_battles"] == 4
    assert [entry["model"] for entry in boards["coding"]["entries"]] == ["b", "a"]


def test_cells_of_one_leaderboard_are_one_board(bixarena: Bixarena, tmp_path: Path) -> None:
    path = tmp_path / "cells.csv"
    path.write_text("\n".join(CELLS.splitlines()[:3]), encoding="utf-8")
    found = ranked(bixarena("rank", "--cells", path, "--min-evals", "0", "--format", "json"))
    assert found["total_votes"] == 5


def test_refuses_cells_that_are_none(bixarena: Bixarena, tmp_path: Path) -> None:
    path = tmp_path / "cells.csv"
    path.write_text(CELLS + "overall,a,b,a,0,1\n", encoding="utf-8")
    result = bixarena("rank", "--cells", path)
    assert result.exit_code == 65
    assert result.stderr.splitlines()[1:] == [
        "  line 7, column outcome: got 'a', allowed: model_a, model_b, tie",
        "  line 7, column votes: got '0', allowed: a whole number, 1 or more",
    ]
    both = bixarena("rank", "--cells", path, "--count-column", "votes")
    assert both.exit_code == 64


@pytest.mark.parametrize(
    ("option", "value", "shown"),
    [
        ("--columns", "model_a", "--columns: 'model_a' is not ROLE=COLUMN"),
        ("--columns", "side=x", "with a role of model_a, model_b, winner, winner_model_a"),
        ("--columns", "chosen=x,winner=y", "or chosen, rejected; got chosen, winner"),
        ("--columns", "winner=x,winner=y", "--columns names winner twice: 'x' and 'y'"),
        ("--outcomes", "x=win", "with an outcome of model_a, model_b, tie, drop"),
        ("--outcomes", "x=won,y=tie", "'x=won,y=tie' is not VALUE=OUTCOME"),
        ("--outcomes", "A=tie,a=drop", "'a' has two outcomes"),
        ("--encoding", "utf-9", "'utf-9' is unknown"),
        ("--encoding", "base64", "'base64' is unknown"),
        ("--delimiter", "::", "--delimiter '::' is not a single character"),
        ("--delimiter", "", "--delimiter '' is not a single character"),
        ("--delimiter", '"', "is not a single character"),
    ],
)
def test_says_how_columns_and_outcomes_are_written(
    bixarena: Bixarena, arena: Path, *, option: str, value: str, shown: str
) -> None:
    result = bixarena("rank", arena, option, value)
    assert result.exit_code == 64
    assert shown in " ".join(result.stderr.replace("│", " ").split())
