"""The HTML report: what a browser and a screen reader need, without a browser and in one."""

from __future__ import annotations

import re
import subprocess
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Bixarena

VOID = {"meta", "link", "br", "img", "input", "hr"}
URL_ATTRIBUTES = {"src", "href", "srcset", "action", "data", "poster", "xlink:href"}


class Page(HTMLParser):
    """Collects elements in order, and checks that they are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open:
            self.texts.append((self._open[-1], data))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture
def report(bixarena: Bixarena, votes_csv: Path) -> Path:
    path = votes_csv.with_suffix(".html")
    result = bixarena("rank", votes_csv, "--report", path)
    assert result.exit_code == 0
    return path


@pytest.fixture
def page(report: Path) -> Page:
    return Page(report.read_text(encoding="utf-8"))


def test_tells_its_language_its_title_and_that_it_fits_a_phone(page: Page) -> None:
    assert page.all("html") == [{"lang": "en"}]
    assert ("title", "Leaderboard of 3 models") in page.texts
    viewports = [meta for meta in page.all("meta") if meta.get("name") == "viewport"]
    assert viewports == [{"name": "viewport", "content": "width=device-width, initial-scale=1"}]


def test_has_one_main_heading_and_none_is_skipped(page: Page) -> None:
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert set(levels[1:]) == {2}
    assert len(page.all("main")) == 1


def test_every_header_of_a_table_says_what_it_heads(page: Page) -> None:
    assert len(page.all("table")) == len(page.all("caption")) == 4
    headers = page.all("th")
    assert {header.get("scope") for header in headers} == {"col", "row"}


def test_every_section_is_named_by_its_heading(page: Page) -> None:
    headings = [attributes["id"] for attributes in page.all("h2")]
    assert [section["aria-labelledby"] for section in page.all("section")] == headings
    assert len(set(headings)) == len(headings)


def test_what_scrolls_can_be_reached_with_the_keyboard_and_has_a_name(page: Page) -> None:
    scrolling = [each for each in page.all("div") if each.get("class") == "scroll"]
    assert len(scrolling) == 5
    for each in scrolling:
        assert each["tabindex"] == "0"
        assert each["role"] == "region"
        assert each["aria-label"]


def test_the_plot_has_a_text_alternative(page: Page) -> None:
    (svg,) = page.all("svg")
    assert svg["role"] == "img"
    ids = {attributes.get("id") for _, attributes in page.elements}
    assert set((svg["aria-labelledby"] or "").split()) <= ids


def test_asks_for_nothing_from_anywhere(page: Page, report: Path) -> None:
    urls = [
        value
        for _, attributes in page.elements
        for name, value in attributes.items()
        if name in URL_ATTRIBUTES
    ]
    assert urls == ["data:,"]
    assert page.all("script") == page.all("iframe") == page.all("img") == []
    text = report.read_text(encoding="utf-8")
    assert "url(" not in text
    assert "@import" not in text
    policy = [meta["content"] for meta in page.all("meta") if "http-equiv" in meta]
    assert policy == ["default-src 'none'; style-src 'unsafe-inline'; img-src data:"]


def test_a_report_of_several_boards_has_a_chapter_for_each(
    bixarena: Bixarena, tmp_path: Path
) -> None:
    votes, path = tmp_path / "votes.csv", tmp_path / "page.html"
    votes.write_text("model_a,model_b,winner,of\na,b,tie,x\nc,d,model_a,y\n", encoding="utf-8")
    options = ("--by", "of", "--min-evals", "0", "--report", path)
    assert bixarena("rank", votes, *options).exit_code == 0
    page = Page(path.read_text(encoding="utf-8"))
    chapters = [text for tag, text in page.texts if tag == "h2"]
    assert chapters == ["x", "y", "Left out, and other notes", "How this was made"]
    assert [text for tag, text in page.texts if tag == "h3"] == 2 * [
        "Leaderboard",
        "Scores and intervals",
        "Win rates",
        "Battles",
        "Which model is above which",
    ]
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert "2 leaderboards" in [text for tag, text in page.texts if tag == "h1"]


def test_shows_names_as_text(page: Page) -> None:
    # A model is called <b>|[red].
    assert page.all("b") == []
    assert ("th", "<b>|[red]") in page.texts


def test_tells_what_was_left_out_and_why(page: Page) -> None:
    notes = [text for tag, text in page.texts if tag == "li"]
    assert notes == [
        "not listed, with fewer than 10 votes: newcomer (1)",
        "left out: 1 battle of a model with itself",
    ]


def test_win_rates_and_battles_are_those_of_the_votes(page: Page) -> None:
    cells = [text for tag, text in page.texts if tag == "td"]
    # Three matrices of three models, without their diagonals: all are coloured but even pairs.
    classes = [attributes["class"] for attributes in page.all("td") if "class" in attributes]
    assert {name[0] for name in classes if name} == {"f", "a"}
    assert len(classes) == 3 * 6 - cells.count("50%")
    # alpha beat <b>|[red] 12 times, tied 8 and lost 4: 16 of 24 points.
    assert cells.count("67%") == 1
    assert cells.count("33%") == 1
    # alpha and <b>|[red] met 24 times, the other pairs 12 times; each number stands twice.
    assert cells.count("24") == 2 + 1  # and gamma's votes
    assert cells.count("12") == 4


def test_names_its_day_its_input_and_its_method(
    bixarena: Bixarena, votes_csv: Path, tmp_path: Path
) -> None:
    path = tmp_path / "page.html"
    options = ("--report", path, "--title", "Tools <2026>", "--anchor", "alpha=1200")
    assert bixarena("rank", votes_csv, *options).exit_code == 0
    page = Page(path.read_text(encoding="utf-8"))
    assert {("title", "Tools <2026>"), ("h1", "Tools <2026>")} <= set(page.texts)
    said = " ".join(text for tag, text in page.texts if tag in ("p", "dd"))
    assert f"{datetime.now(UTC):%B %Y}, from {votes_csv}" in said
    assert "50 rows; model_a from model_a" in said
    assert "The mean of the listed models is 1000" not in said


def test_pairs_that_never_met_are_blank(bixarena: Bixarena, tmp_path: Path) -> None:
    votes, path = tmp_path / "votes.csv", tmp_path / "page.html"
    votes.write_text("model_a,model_b,winner\na,b,tie\nb,c,tie\n", encoding="utf-8")
    assert bixarena("rank", votes, "--min-evals", "0", "--report", path).exit_code == 0
    text = path.read_text(encoding="utf-8")
    matrices = text.split('<table class="matrix">')
    assert ">0<" not in matrices[2]
    assert ">0%<" not in matrices[1]
    assert matrices[1].count("<td></td>") == 3 + 2


def test_matrices_of_many_models_show_the_first_hundred(
    bixarena: Bixarena, tmp_path: Path
) -> None:
    votes, path = tmp_path / "votes.csv", tmp_path / "page.html"
    rows = "".join(f"m{number},m{(number + 1) % 120},tie\n" for number in range(120))
    votes.write_text(f"model_a,model_b,winner\n{rows}", encoding="utf-8")
    assert bixarena("rank", votes, "--min-evals", "0", "--report", path).exit_code == 0
    page = Page(path.read_text(encoding="utf-8"))
    # The board has all of them, three matrices a hundred each.
    assert sum(header["scope"] == "row" for header in page.all("th")) == 120 + 3 * 100
    assert any("Of the first 100 of 120 models." in text for _, text in page.texts)
    assert path.stat().st_size < 2**20


def test_paper_and_screens_hide_no_row(report: Path) -> None:
    style = report.read_text(encoding="utf-8").partition("<style>")[2].partition("</style>")[0]
    assert "max-height" not in style.partition(".matrix thead")[0]
    assert ".scroll { overflow: visible; }" in style.partition("@media print")[2]


def browse(page: Path, folder: Path) -> list[str]:
    """Open a page without a network, and return what the browser's console says."""
    screenshot = folder / "page.png"
    done = subprocess.run(
        [
            "chromium",
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            # A request of the page's to anywhere becomes an error on its console.
            "--host-resolver-rules=MAP * ~NOTFOUND",
            f"--user-data-dir={folder / 'profile'}",
            "--window-size=500,900",
            "--enable-logging=stderr",
            f"--screenshot={screenshot}",
            page.as_uri(),
        ],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    # An empty page is a few kilobytes.
    assert screenshot.stat().st_size > 10_000
    return [line for line in done.stderr.splitlines() if "CONSOLE" in line]


@pytest.mark.browser
def test_a_browser_shows_it_without_a_complaint_or_a_request(report: Path, tmp_path: Path) -> None:
    assert browse(report, tmp_path) == []
    # And the browser would have complained:
    text = report.read_text(encoding="utf-8")
    report.write_text(text.replace("<main>", '<main><img src="https://a.test/b.png">'))
    assert browse(report, tmp_path) != []
