"""The workflows on GitHub, as far as they can be read here; `make lint` runs zizmor on them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TEXTS = {path.name: path.read_text() for path in WORKFLOWS}
TARGETS = set(re.findall(r"^([\w-]+(?: [\w-]+)*):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def jobs(name: str) -> dict[str, Any]:  # YAML is untyped
    found: dict[str, Any] = yaml.safe_load(TEXTS[name])["jobs"]
    return found


@pytest.mark.parametrize("name", TEXTS)
def test_pins_every_action_by_commit_and_names_its_version(name: str) -> None:
    used = re.findall(r"uses: (\S+)(.*)", TEXTS[name])
    foreign = [(action, rest) for action, rest in used if not action.startswith("$/")]
    assert foreign
    for action, rest in foreign:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", action)
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", rest)
    pins = {action.partition("@")[0]: action for action, _ in foreign}
    assert all(pins[action.partition("@")[0]] == action for action, _ in foreign)


@pytest.mark.parametrize("name", TEXTS)
def test_gives_a_token_to_jobs_only_and_no_more_than_reading_outside_a_release(name: str) -> None:
    workflow = yaml.safe_load(TEXTS[name])
    assert workflow["permissions"] == {}
    given = [job["permissions"] for job in workflow["jobs"].values()]
    if name != "release.yml":
        assert all(each == {"contents": "read"} for each in given)
    assert "pull_request_target" not in TEXTS[name]


@pytest.mark.parametrize("name", TEXTS)
def test_runs_targets_and_scripts_that_exist(name: str) -> None:
    commands = "\n".join(
        step["run"]
        for job in jobs(name).values()
        for step in job.get("steps", [])
        if "run" in step
    )
    listed = " ".join(TARGETS).split()
    for words in re.findall(r"\bmake ([\w \-]+)", commands):
        assert set(words.split()) - {"PYTHONS", "ARCHIVE"} <= set(listed), words
    for script in re.findall(r"python3 (\S+)", commands):
        assert (ROOT / script).exists()
    assert "make" in commands or "python3" in commands


def test_tests_every_python_that_the_package_names() -> None:
    classifiers = (ROOT / "pyproject.toml").read_text()
    versions = re.findall(r"Python :: (3\.\d+)", classifiers)
    matrix = jobs("ci.yml")["test"]["strategy"]
    assert matrix["matrix"]["python"] == versions
    assert f'PYTHONS="{" ".join(versions)}"' in TEXTS["ci.yml"]


def test_publishes_only_after_every_check() -> None:
    needs = {name: job.get("needs", []) for name, job in jobs("release.yml").items()}

    def before(job: str) -> set[str]:
        direct = needs[job]
        names = {direct} if isinstance(direct, str) else set(direct)
        return names.union(*(before(name) for name in names))

    assert before("testpypi") == {"tag", "ci", "image"}
    assert before("publish-image") == before("testpypi") | {"testpypi", "testpypi-has-it"}
    assert before("pypi") == before("publish-image") | {"publish-image"}


def test_starts_the_image_on_both_architectures_that_it_publishes() -> None:
    built = jobs("image.yml")["image"]["strategy"]["matrix"]["include"]
    assert {each["architecture"]: each["runner"] for each in built} == {
        "amd64": "ubuntu-24.04",
        "arm64": "ubuntu-24.04-arm",
    }
    for each in built:
        assert f"worker-{each['architecture']}.tar" in TEXTS["release.yml"]
