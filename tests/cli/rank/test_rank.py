from __future__ import annotations

import csv
import inspect
import io
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest
import typer
from typer.core import TyperGroup

from bixarena_constructs.cli.app import app
from bixarena_constructs.cli.rank import execute
from bixarena_constructs.cli.rank.command import rank as rank_command
from bixarena_constructs.worker.ranking import RankingOptions

if TYPE_CHECKING:
    from tests.cli.conftest import Bixarena
    from typer.testing import Result


# Any: JSON.
def parsed(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.stderr
    loaded: dict[str, Any] = json.loads(result.stdout)
    return loaded


def test_defaults_are_the_workers() -> None:
    # They are written twice so that `bixarena --help` need not load numpy.
    command = {
        name: parameter.default
        for name, parameter in inspect.signature(rank_command).parameters.items()
    }
    options = RankingOptions()
    assert command["prior_battles"] == options.prior_battles
    assert command["bootstrap"] == options.num_bootstrap
    assert command["min_evals"] == options.min_evals
    assert command["seed"] == options.seed
    assert command["significant"] == options.significant
    assert command["intervals"] == options.interval_method
    assert command["threads"] == options.threads


def test_help_loads_no_numerics() -> None:
    program = (
        "import sys\n"
        "from typer.testing import CliRunner\n"
        "from bixarena_constructs.cli.app import app\n"
        "result = CliRunner().invoke(app, ['rank', '--help'])\n"
        "assert '--prior-battles' in result.stdout, result.stdout\n"
        "heavy = {'numpy', 'duckdb', 'boto3', 'aws_cdk'} & set(sys.modules)\n"
        "sys.exit(f'{heavy} loaded' if heavy else 0)\n"
    )
    environment = {"COLUMNS": "200", "TERM": "dumb"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        check=False,
        capture_output=True,
        text=True,
        env=environment,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_json_holds_entries_in_rank_order(bixarena: Bixarena, votes_csv: Path) -> None:
    found = parsed(bixarena("rank", votes_csv, "--format", "json"))
    entries = found["entries"]
    assert [entry["model"] for entry in entries] == ["alpha", "<b>|[red]", "gamma"]
    assert [entry["rank"] for entry in entries] == [1, 2, 3]
    assert [entry["votes"] for entry in entries] == [37, 36, 24]
    for entry in entries:
        assert entry["lower"] < entry["score"] < entry["upper"]
    assert found["unlisted"] == [{"model": "newcomer", "votes": 1}]
    assert found["self_battles"] == 1
    assert found["options"]["seed"] == 0


def test_rounds_without_a_finite_estimate_give_null_bounds(
    bixarena: Bixarena, tmp_path: Path
) -> None:
    path = tmp_path / "votes.csv"
    path.write_text("model_a,model_b,winner\na,b,model_a\na,b,model_b\n", encoding="utf-8")
    options = ("--prior-battles", "0", "--min-evals", "0", "--intervals", "percentile")
    entries = parsed(bixarena("rank", path, "--format", "json", *options))["entries"]
    assert [(entry["lower"], entry["upper"]) for entry in entries] == [(None, None)] * 2
    table = bixarena("rank", path, *options).stdout
    assert "-∞ to ∞" in table
    assert "have no finite estimate" in table


def test_csv_is_read_back_as_written(bixarena: Bixarena, votes_csv: Path) -> None:
    result = bixarena("rank", votes_csv, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    entries = parsed(bixarena("rank", votes_csv, "--format", "json"))["entries"]
    assert [row["model"] for row in rows] == [entry["model"] for entry in entries]
    assert [float(row["lower"]) for row in rows] == [round(each["lower"], 6) for each in entries]
    assert "not listed, with fewer than 10 votes: newcomer (1)" in result.stderr


def test_markdown_keeps_names_from_breaking_the_table(bixarena: Bixarena, votes_csv: Path) -> None:
    lines = bixarena("rank", votes_csv, "--format", "markdown").stdout.splitlines()
    assert lines[0] == "| Rank | Model | Score | 95% interval | Tier | Places | First | Votes |"
    assert lines[3].startswith(r"| 2 | \<b\>\|\[red\] |")


def test_table_shows_names_as_they_are_and_the_notes(bixarena: Bixarena, votes_csv: Path) -> None:
    table = bixarena("rank", votes_csv).stdout
    assert "<b>|[red]" in table
    assert table.split()[:8] == [
        "Rank",
        "Model",
        "Score",
        "95%",
        "interval",
        "Tier",
        "Places",
        "First",
    ]
    assert "left out: 1 battle of a model with itself" in table


def test_a_board_won_by_one_vote_has_an_interval(bixarena: Bixarena, tmp_path: Path) -> None:
    path = tmp_path / "votes.csv"
    path.write_text("model_a,model_b,winner\na,b,model_a\n", encoding="utf-8")
    for method in ("auto", "wald", "sandwich", "percentile", "voter"):
        found = bixarena("rank", path, "--min-evals", "0", "--intervals", method)
        assert found.exit_code == (65 if method == "voter" else 0), found.stderr
        assert "Traceback" not in found.stderr
    first = parsed(bixarena("rank", path, "--min-evals", "0", "--format", "json"))["entries"][0]
    assert first["lower"] < first["score"] - 100
    assert first["probability_best"] < 0.95


def test_without_rounds_resampling_gives_no_intervals(bixarena: Bixarena, votes_csv: Path) -> None:
    options = ("--bootstrap", "0", "--intervals", "percentile")
    table = bixarena("rank", votes_csv, *options).stdout
    assert "interval" not in table
    assert "●" not in table


def test_takes_a_column_of_voters_where_there_is_one(bixarena: Bixarena, votes_csv: Path) -> None:
    found = {
        method: parsed(bixarena("rank", votes_csv, "--intervals", method, "--format", "json"))
        for method in ("auto", "voter", "wald")
    }
    assert [each["interval_method"] for each in found.values()] == ["voter", "voter", "wald"]
    assert 11 < found["auto"]["effective_voters"] <= 12
    assert found["auto"]["entries"] == found["voter"]["entries"]
    assert found["wald"]["effective_voters"] is None
    for by_voter, by_vote in zip(
        *(found[name]["entries"] for name in ("auto", "wald")), strict=True
    ):
        assert by_voter["score"] == by_vote["score"]
        assert by_voter["lower"] <= by_vote["lower"]


def test_takes_the_column_of_voters_that_is_named(bixarena: Bixarena, votes_csv: Path) -> None:
    text = votes_csv.read_text(encoding="utf-8")
    votes_csv.write_text(text.replace("winner,voter", "winner,judge"), encoding="utf-8")
    methods = []
    for options in ((), ("--voter-column", "judge")):
        found = parsed(bixarena("rank", votes_csv, *options, "--format", "json"))
        methods.append(found["interval_method"])
    assert methods == ["wald", "voter"]


def test_says_that_voters_are_too_few(bixarena: Bixarena, tmp_path: Path) -> None:
    path = tmp_path / "votes.csv"
    rows = "a,b,model_a,ann\na,b,model_b,bob\n" * 10
    path.write_text(f"model_a,model_b,winner,voter\n{rows}", encoding="utf-8")
    for options in ((), ("--intervals", "voter")):
        found = bixarena("rank", path, *options)
        assert found.exit_code == 0
        shown = " ".join(found.stdout.split())
        assert "2.0 voters, counted by how evenly they share the votes, are too few" in shown


def test_names_the_voter_column_that_is_missing(bixarena: Bixarena, votes_csv: Path) -> None:
    result = bixarena("rank", votes_csv, "--intervals", "voter", "--voter-column", "user")
    assert result.exit_code == 65
    assert "user not found among model_a, model_b, winner, voter" in result.stderr
    votes_csv.write_text("model_a,model_b,winner\na,b,tie\n", encoding="utf-8")
    result = bixarena("rank", votes_csv, "--intervals", "voter")
    assert "voter not found among model_a, model_b, winner" in result.stderr


def test_a_plot_is_an_svg_picture_with_a_text_alternative(
    bixarena: Bixarena, votes_csv: Path, tmp_path: Path
) -> None:
    path = tmp_path / "plot.svg"
    assert bixarena("rank", votes_csv, "--plot", path).exit_code == 0
    root = ET.fromstring(path.read_text(encoding="utf-8"))  # noqa: S314 - our own file
    svg = "{http://www.w3.org/2000/svg}"
    assert root.get("role") == "img"
    labels = [root.find(f"{svg}{tag}") for tag in ("title", "desc")]
    assert [label.get("id") for label in labels if label is not None] == root.get(
        "aria-labelledby", ""
    ).split()
    assert root.findtext(f"{svg}title") == "Scores by model, with 95% intervals"
    assert "First is alpha" in root.findtext(f"{svg}desc", "")
    assert len(root.findall(f".//{svg}circle")) == 3
    texts = [text.text or "" for text in root.iter(f"{svg}text")]
    assert {"<b>|[red]", "Scores by model, with 95% intervals"} <= set(texts)
    assert any(text.startswith("Score: 400 more") for text in texts)
    assert sum(" to " in text and "(" in text for text in texts) == 3
    # A page around it may be dark.
    background = root.find(f"{svg}rect")
    assert background is not None
    assert (background.get("width"), background.get("height")) == (
        root.get("width"),
        root.get("height"),
    )


def test_a_plot_cuts_no_name_that_models_have(bixarena: Bixarena, tmp_path: Path) -> None:
    votes, plot = tmp_path / "votes.csv", tmp_path / "plot.svg"
    names = ["mixture-of-agents-with-a-long-description-20260101-preview", "b"]
    votes.write_text(f"model_a,model_b,winner\n{names[0]},{names[1]},tie\n", encoding="utf-8")
    assert bixarena("rank", votes, "--min-evals", "0", "--plot", plot).exit_code == 0
    assert f">{names[0]}</text>" in plot.read_text(encoding="utf-8")


def test_a_plot_ends_an_infinite_interval_in_an_arrow(bixarena: Bixarena, tmp_path: Path) -> None:
    votes, plot = tmp_path / "votes.csv", tmp_path / "plot.svg"
    votes.write_text("model_a,model_b,winner\na,b,model_a\na,b,model_b\n", encoding="utf-8")
    options = (
        "--prior-battles",
        "0",
        "--min-evals",
        "0",
        "--intervals",
        "percentile",
        "--plot",
        plot,
    )
    assert bixarena("rank", votes, *options).exit_code == 0
    root = ET.fromstring(plot.read_text(encoding="utf-8"))  # noqa: S314 - our own file
    svg = "{http://www.w3.org/2000/svg}"
    arrows = [path.get("d", "") for path in root.iter(f"{svg}path")]
    # Both models have both; each points away from the interval, whose ends are the scale's.
    assert [arrow.split()[0] for arrow in arrows] == ["M112.0", "M608.0"] * 2


def test_tells_bad_values_and_writes_nothing(bixarena: Bixarena, tmp_path: Path) -> None:
    votes, plot = tmp_path / "votes.csv", tmp_path / "plot.svg"
    votes.write_text("model_a,model_b,winner\na,b,model_a\na,b,draw\n,b,\n", encoding="utf-8")
    valid = "model_a, model_b, tie or the name of one of the two models"
    result = bixarena("rank", votes, "--plot", plot)
    assert result.exit_code == 65
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        f"error: {votes}: 3 values are wrong, nothing was ranked or written",
        f"  line 3, column winner: got 'draw', allowed: {valid}",
        "  line 4, column model_a: got nothing, allowed: any name",
        f"  line 4, column winner: got nothing, allowed: {valid}",
        "  --empty drop, or tie, says what to do with a vote without a winner",
    ]
    assert not plot.exists()


def test_a_board_that_cannot_be_ranked_is_a_data_error(bixarena: Bixarena, tmp_path: Path) -> None:
    votes = tmp_path / "votes.csv"
    votes.write_text("model_a,model_b,winner\nhero,villain,model_a\n", encoding="utf-8")
    too_few = bixarena("rank", votes)
    assert too_few.exit_code == 65
    assert "error: two models with 10 or more votes" in too_few.stderr
    infinite = bixarena("rank", votes, "--min-evals", "0", "--prior-battles", "0")
    assert infinite.exit_code == 65
    assert "no point was lost to another group by 'hero'" in infinite.stderr


@pytest.mark.parametrize(
    ("option", "value", "shown"),
    [
        ("--prior-battles", "-1", "prior_battles must be 0 or from"),
        ("--bootstrap", "-1", "Invalid value for '--bootstrap'"),
        ("--format", "xml", "Invalid value for '--format'"),
    ],
)
def test_an_option_out_of_range_is_a_usage_error(
    bixarena: Bixarena, votes_csv: Path, *, option: str, value: str, shown: str
) -> None:
    result = bixarena("rank", votes_csv, option, value)
    assert result.exit_code == 64
    assert shown in " ".join(result.stderr.replace("│", " ").split())


def test_a_missing_file_is_a_usage_error(bixarena: Bixarena, tmp_path: Path) -> None:
    assert bixarena("rank", tmp_path / "none.csv").exit_code == 64


def test_says_which_file_cannot_be_written(
    bixarena: Bixarena, votes_csv: Path, tmp_path: Path
) -> None:
    path = tmp_path / "none" / "plot.svg"
    result = bixarena("rank", votes_csv, "--plot", path)
    assert result.exit_code == 73
    assert f"cannot write {path}" in result.stderr


def test_draws_bars_where_there_is_room(
    bixarena: Bixarena, votes_csv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "140")
    assert "●" in bixarena("rank", votes_csv).stdout


def test_a_tier_holds_those_who_cannot_be_told_apart_from_its_first(
    bixarena: Bixarena, tmp_path: Path
) -> None:
    path = tmp_path / "votes.csv"
    # Neighbours are 1.6 standard errors apart, the first and the last 2.2.
    rows = "".join(
        f"{one},{other},model_a\n" * 58 + f"{one},{other},model_b\n" * 42
        for one, other in ("ab", "bc", "cd")
    )
    path.write_text(f"model_a,model_b,winner\n{rows}", encoding="utf-8")
    lines = bixarena("rank", path, "--format", "markdown").stdout.splitlines()[2:]
    cells = [[cell.strip() for cell in line.split("|")] for line in lines]
    assert [(row[2], row[5], row[6]) for row in cells] == [
        ("a", "1", "1 to 2"),
        ("b", "1", "1 to 3"),
        ("c", "2", "2 to 4"),
        ("d", "2", "3 to 4"),
    ]
    entries = parsed(bixarena("rank", path, "--format", "json"))["entries"]
    assert [entry["tier"] for entry in entries] == [1, 1, 2, 2]
    rows_of_csv = csv.DictReader(bixarena("rank", path, "--format", "csv").stdout.splitlines())
    assert [row["tier"] for row in rows_of_csv] == ["1", "1", "2", "2"]


@pytest.mark.parametrize("output_format", ["table", "markdown"])
def test_no_name_speaks_to_the_terminal(
    bixarena: Bixarena, tmp_path: Path, output_format: str
) -> None:
    path, plot, page = (tmp_path / name for name in ("votes.csv", "plot.svg", "page.html"))
    names = ("\x1b[2Jred\x9b", "nan\x07")
    path.write_text(f"model_a,model_b,winner\n{names[0]},{names[1]},tie\n", encoding="utf-8")
    options = ("--min-evals", "0", "--plot", plot, "--report", page, "--format", output_format)
    result = bixarena("rank", path, *options)
    for text in (
        result.output,
        plot.read_text(encoding="utf-8"),
        page.read_text(encoding="utf-8"),
    ):
        assert not set(text) & {"\x1b", "\x9b", "\x07"}
    assert "\\x1b" in result.output
    ET.fromstring(plot.read_text(encoding="utf-8"))  # noqa: S314 - our own file
    few = bixarena("rank", path)
    assert few.exit_code == 65
    assert "\x1b" not in few.stderr


def test_a_picture_of_several_boards_shows_them_below_each_other(
    bixarena: Bixarena, tmp_path: Path
) -> None:
    path, plot = tmp_path / "votes.csv", tmp_path / "plot.svg"
    path.write_text("model_a,model_b,winner,of\na,b,tie,x & y\nc,d,tie,z\n", encoding="utf-8")
    options = ("--by", "of", "--min-evals", "0", "--plot", plot)
    assert bixarena("rank", path, *options).exit_code == 0
    root = ET.fromstring(plot.read_text(encoding="utf-8"))  # noqa: S314 - our own file
    svg = "{http://www.w3.org/2000/svg}"
    titles = [each.findtext(f"{svg}title") for each in root.findall(f"{svg}svg")]
    assert titles == [
        "x & y: scores by model, with 95% intervals",
        "z: scores by model, with 95% intervals",
    ]
    first, second = root.findall(f"{svg}svg")
    assert (first.get("y"), second.get("y")) == (None, first.get("height"))
    assert int(root.get("height", "")) == sum(
        int(each.get("height", "")) for each in (first, second)
    )
    ids = [each.get("id") for each in root.iter() if each.get("id")]
    assert len(ids) == len(set(ids)) == 4


def test_an_anchor_moves_all_scores_alike(bixarena: Bixarena, votes_csv: Path) -> None:
    plain = parsed(bixarena("rank", votes_csv, "--format", "json"))["entries"]
    options = ("--anchor", "gamma=1100", "--format", "json")
    found = parsed(bixarena("rank", votes_csv, *options))
    shift = 1100 - next(entry["score"] for entry in plain if entry["model"] == "gamma")
    for before, after in zip(plain, found["entries"], strict=True):
        for bound in ("lower", "score", "upper"):
            # Rounding of one addition.
            assert after[bound] == pytest.approx(before[bound] + shift, rel=1e-12)
    assert found["input"]["notes"] == ["scores are moved so that gamma has 1100"]
    missing = bixarena("rank", votes_csv, "--anchor", "newcomer=1100")
    assert missing.exit_code == 65
    assert "--anchor names 'newcomer', which is not among the listed models" in missing.stderr
    assert bixarena("rank", votes_csv, "--anchor", "gamma").exit_code == 64


def test_writes_over_no_input_and_no_other_output(
    bixarena: Bixarena, votes_csv: Path, tmp_path: Path
) -> None:
    before = votes_csv.read_text(encoding="utf-8")
    link = tmp_path / "link.html"
    link.symlink_to(votes_csv)
    hard_link = tmp_path / "hard.html"
    hard_link.hardlink_to(votes_csv)
    page = tmp_path / "page"
    commands: list[list[str | Path]] = [
        [votes_csv, "--report", link],
        [votes_csv, "--report", hard_link],
        [votes_csv, "--plot", votes_csv],
        [votes_csv, "--plot", page, "--report", page],
        [votes_csv.parent, "--plot", votes_csv],
        [votes_csv.with_name("v*.csv"), "--plot", votes_csv],
    ]
    for arguments in commands:
        result = bixarena("rank", *arguments)
        assert result.exit_code == 64
        assert "would overwrite" in " ".join(result.stderr.replace("│", " ").split())
    assert votes_csv.read_text(encoding="utf-8") == before
    assert not page.exists()


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="a shell of Unix")
@pytest.mark.parametrize(
    ("redirected", "code", "message"),
    [
        ("- <&-", 64, "standard input is closed"),
        ("- --plot votes.csv <votes.csv", 64, "would overwrite the votes -"),
        ("votes.csv --plot out >out", 64, "would overwrite standard output"),
        ("votes.csv >&-", 73, "error: standard output is closed"),
    ],
)
def test_takes_redirections_for_what_they_are(
    votes_csv: Path, redirected: str, code: int, message: str
) -> None:
    program = "from bixarena_constructs.cli import main; main()"
    line = f"{shlex.quote(sys.executable)} -c {shlex.quote(program)} rank {redirected}"
    done = subprocess.run(
        ["sh", "-c", line],
        cwd=votes_csv.parent,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == code
    assert message in " ".join(done.stderr.replace("│", " ").split())
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
@pytest.mark.parametrize("options", [["--format", "table"], ["--format", "json"], ["--help"]])
def test_says_that_standard_output_is_full(votes_csv: Path, options: list[str]) -> None:
    code = "from bixarena_constructs.cli import main; main()"
    words = options if options == ["--help"] else ["rank", str(votes_csv), *options]
    command = [sys.executable, "-c", code, *words]
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=60
        )
    assert done.returncode == 73
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


def test_writes_no_file_that_is_called_as_standard_output(
    bixarena: Bixarena, votes_csv: Path
) -> None:
    result = bixarena("rank", votes_csv, "--report", "-")
    assert result.exit_code == 64
    assert "--report needs the name of a file" in " ".join(result.stderr.split())


def test_refuses_a_heading_without_a_page(bixarena: Bixarena, votes_csv: Path) -> None:
    result = bixarena("rank", votes_csv, "--title", "Ours")
    assert result.exit_code == 64
    assert "add --report FILE" in result.stderr


def test_says_that_memory_is_too_small(
    bixarena: Bixarena, votes_csv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rank(*_: object, **__: object) -> None:
        raise MemoryError("8 GiB")

    monkeypatch.setattr(execute, "rank", rank)
    result = bixarena("rank", votes_csv)
    assert result.exit_code == 65
    assert result.stderr == "error: not enough memory to rank so many models or votes: 8 GiB\n"


def test_says_that_the_disk_is_full(bixarena: Bixarena, votes_csv: Path) -> None:
    result = bixarena("rank", votes_csv, "--plot", "/dev/full")
    assert result.exit_code == 73
    assert "cannot write /dev/full: No space left on device" in result.stderr


@pytest.mark.parametrize("method", ["auto", "percentile", "sandwich"])
def test_warns_of_intervals_without_a_width(
    bixarena: Bixarena, tmp_path: Path, method: str
) -> None:
    path = tmp_path / "won.csv"
    path.write_text("model_a,model_b,winner\n" + 20 * "a,b,model_a\n")
    result = bixarena("rank", path, "--intervals", method, "--format", "json")
    widths = [each["upper"] - each["lower"] for each in json.loads(result.stdout)["entries"]]
    warning = f"intervals of {method} have no width where votes went one way only; --intervals"
    assert (max(widths) < 1e-6) == (warning in result.stderr) == (method != "auto")


def test_says_what_was_left_out_where_nothing_can_be_ranked(
    bixarena: Bixarena, votes_csv: Path
) -> None:
    result = bixarena("rank", votes_csv, "--where", "winner = 'x'")
    assert result.exit_code == 65
    assert re.search(r"left out: (\d+) of \1 rows, not winner = 'x'", result.stderr)


def test_every_option_is_documented() -> None:
    page = (Path(__file__).parents[3] / "docs" / "ranking.md").read_text(encoding="utf-8")
    command = typer.main.get_command(app)
    assert isinstance(command, TyperGroup)
    names = [name for parameter in command.commands["rank"].params for name in parameter.opts]
    options = [name for name in names if name.startswith("--")]
    assert "--prior-battles" in options
    assert [name for name in options if f"`{name}" not in page] == []


def test_progress_is_not_shown_to_programs(bixarena: Bixarena, votes_csv: Path) -> None:
    assert bixarena("rank", votes_csv).stderr == ""
