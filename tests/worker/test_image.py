"""What can be checked of the image without building it; docs/worker.md says how it was tried."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path

from bixarena_constructs.worker.contract import RDS_CERTIFICATES

_FOLDER = Path(str(files("bixarena_constructs.worker")))
_DOCKERFILE = (_FOLDER / "Dockerfile").read_text()


def test_copies_everything_that_the_worker_runs_from() -> None:
    suffixes = {
        path.relative_to(_FOLDER).parts[0] for path in _FOLDER.rglob("*") if path.is_file()
    }
    left_out = {"Dockerfile", ".dockerignore", "__pycache__"}
    copied = set(re.findall(r"^COPY (?!--from)(\S+)", _DOCKERFILE, flags=re.MULTILINE))
    modules = {name for name in suffixes if name.endswith(".py")}
    assert suffixes - left_out - modules == copied - {"*.py"}
    assert "*.py" in copied


def test_has_the_certificates_of_rds_where_stacks_look_for_them() -> None:
    assert re.search(rf"^ADD \S+ {re.escape(RDS_CERTIFICATES)}$", _DOCKERFILE, flags=re.MULTILINE)
    assert "COPY --from=build /opt/rds /opt/rds" in _DOCKERFILE


def test_installs_pinned_hashes_only_and_as_nobody_who_can_write() -> None:
    assert "--require-hashes" in _DOCKERFILE
    assert "--no-deps" in _DOCKERFILE
    final_stage = _DOCKERFILE.split("FROM ${BASE}\n")[-1]
    assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", final_stage, flags=re.MULTILINE)
    assert "OPENBLAS_NUM_THREADS=1" in final_stage
    assert "pip" not in final_stage


def test_blocks_signals_until_the_worker_listens() -> None:
    (entry_point,) = re.findall(r"^ENTRYPOINT (.*)", _DOCKERFILE, flags=re.MULTILINE | re.DOTALL)
    words = json.loads(entry_point.replace("\\\n", ""))
    assert words[0] == "env"
    assert {"--block-signal=TERM", "--block-signal=INT"} == set(words[1:-3])
    assert words[-3:] == ["python", "-m", "bixarena_constructs.worker"]
