"""Vote files, a command line that runs in the test's process, and a deployed example.

The minimal example is deployed with the CDK command line, once for all tests of a process;
`bixarena` is a process there where a test takes signals, a terminal or a pipe.
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from unittest import mock

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.loaders import JSONFileLoader
from botocore.validate import validate_parameters
from typer.testing import CliRunner, Result

from bixarena_constructs.cli.app import app
from bixarena_constructs.cli.deployed.stack import DeployedTask, find_task
from bixarena_demo.account_resources import define_neighbours
from bixarena_demo.cdk_cli import Cdk
from local_aws import LocalAws

if TYPE_CHECKING:
    from collections.abc import Iterator

    from botocore.model import OperationModel

    from bixarena_demo.bixarena_database import BixArenaDatabase

MINIMAL = Path(__file__).parents[2] / "examples" / "minimal"
STACK = "BixarenaSnapshot"
WORKER_IMAGE = "ghcr.io/sage-bionetworks/bixarena-constructs-worker"


class Bixarena(Protocol):
    """Runs ``bixarena`` with some arguments."""

    def __call__(self, *arguments: str | Path) -> Result: ...


@pytest.fixture
def bixarena() -> Bixarena:
    def run(*arguments: str | Path) -> Result:
        # `rank` sets a variable of its process, which here belongs to every test.
        with mock.patch.dict(os.environ):
            return CliRunner().invoke(app, [str(argument) for argument in arguments])

    return run


@pytest.fixture
def votes_csv(tmp_path: Path) -> Path:
    """Three models, one of them with a name that is dangerous to every format, and a newcomer."""
    path = tmp_path / "votes.csv"
    lines = ["model_a,model_b,winner,voter"]
    for voter in range(12):
        lines += [
            f"alpha,<b>|[red],model_a,{voter}",
            f"alpha,<b>|[red],{'tie' if voter % 3 else 'model_b'},{voter}",
            f"gamma,alpha,model_b,{voter}",
            f"gamma,<b>|[red],{'model_a' if voter % 2 else 'model_b'},{voter}",
        ]
    lines += ["alpha,newcomer,tie,1", "gamma,gamma,tie,1"]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@dataclass(frozen=True, kw_only=True)
class Arena:
    """A deployed example and what it stands on."""

    aws: LocalAws
    cdk: Cdk
    database: BixArenaDatabase

    @property
    def task(self) -> DeployedTask:
        return find_task(self.aws.session, STACK, name=None)

    def environment(self, **more: str) -> dict[str, str]:
        """What a process needs to see this AWS only, and to be measured by `make coverage`."""
        coverage = {key: each for key, each in os.environ.items() if key.startswith("COVERAGE_")}
        return {**self.aws.environment(), **coverage, **more}

    def command(self, *arguments: str) -> list[str]:
        return [str(Path(sys.executable).with_name("bixarena")), *arguments]

    def bixarena(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run the command line with an environment in which there is this AWS only.

        It runs in the test's process: starting one would take most of the time.
        """
        seen = self.environment(**{"COLUMNS": "100", **environment})
        with mock.patch.dict(os.environ, seen, clear=True):
            done = CliRunner().invoke(app, arguments)
        if not isinstance(done.exception, SystemExit | None):
            raise done.exception
        return subprocess.CompletedProcess(arguments, done.exit_code, done.stdout, done.stderr)


class _Body:
    """The body of an answer, as urllib3 gives it to the SDK."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self._content


class Answers(dict[str, Any]):
    """What AWS answers, by the name of the operation; each answer has the operation's shape.

    An answer is a dict, an error such as ``Throttling: Rate exceeded``, the bytes that a proxy
    sends in AWS's place, or a list of answers, one for each call.
    """

    def __init__(self) -> None:
        super().__init__()
        self.session = boto3.Session("AKID", "secret", region_name="us-east-1")
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self._body = b""
        handlers: dict[str, Any] = {
            "provide-client-params": self._ask,
            "before-call": self._answer,
            "before-send": self._send,
        }
        for event, handler in handlers.items():
            self.session.events.register(event, handler)

    def _ask(self, params: dict[str, Any], model: OperationModel, **_: Any) -> None:
        self.asked.append((model.name, params))

    def _answer(self, model: OperationModel, **_: Any) -> Any:
        answer: Any = self[model.name]
        if isinstance(answer, list):
            answer = answer.pop(0)
        if isinstance(answer, bytes):
            self._body = answer
            return None  # which sends it
        if isinstance(answer, str):
            code, _colon, message = answer.partition(": ")
            return self._http(400), {"Error": {"Code": code, "Message": message}}
        if model.output_shape is None:
            assert answer == {}
        else:
            validate_parameters(answer, model.output_shape)
        return self._http(200), answer

    def _send(self, **_: Any) -> AWSResponse:
        return self._http(200)

    def _http(self, status: int) -> AWSResponse:
        return AWSResponse("", status, HTTPHeaders(), _Body(self._body))


@pytest.fixture(scope="session")
def _answers() -> Answers:
    return Answers()


@pytest.fixture
def answers(_answers: Answers) -> Answers:
    """An AWS that answers as the test says; loading the SDK's models takes seconds."""
    _answers.clear()
    _answers.asked.clear()
    return _answers


@contextmanager
def _account(filled_bixarena: Any) -> Iterator[Arena]:
    worker = [sys.executable, "-m", "bixarena_constructs.worker"]
    with filled_bixarena() as database, LocalAws.start(images={WORKER_IMAGE: worker}) as aws:
        cdk = Cdk(
            MINIMAL,
            # Template validation takes most of a synthesis; tests of the examples have it on.
            environment={**aws.environment(), "CDK_VALIDATION": "false"},
            context=define_neighbours(aws, database.worker),
            work_folder=aws.folder / "cdk",
        )
        cdk.bootstrap(account=aws.account, region=aws.region)
        yield Arena(aws=aws, cdk=cdk, database=database)


@pytest.fixture(scope="module")
def fresh_arena(filled_bixarena: Any) -> Iterator[Arena]:
    """An account of the module's own, bootstrapped, with nothing deployed in it yet."""
    with _account(filled_bixarena) as arena:
        yield arena


@pytest.fixture(scope="module")
def own_arena(fresh_arena: Arena) -> Arena:
    """An account of the module's own with the example deployed, whose runs are the module's."""
    fresh_arena.cdk.deploy()
    return fresh_arena


@pytest.fixture(scope="session")
def arena(filled_bixarena: Any) -> Iterator[Arena]:
    """An account with the example deployed; each test leaves it as it found it."""
    with _account(filled_bixarena) as arena:
        arena.cdk.deploy()
        yield arena


@pytest.fixture(scope="session", autouse=True)
def _each_model_is_parsed_once() -> Iterator[None]:
    """Each session of the SDK parses the services' models anew, 0.3 s for EC2's."""
    load = cache(partial(JSONFileLoader.load_file, JSONFileLoader()))
    with mock.patch.object(JSONFileLoader, "load_file", lambda _self, path: load(path)):
        yield
