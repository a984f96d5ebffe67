"""Ministack with its gaps closed, served on a socket that the parent process bound."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypercorn.asyncio import serve as serve_asgi
from hypercorn.config import Config
from ministack.app import app
from ministack.services import eventbridge, scheduler

from local_aws import (
    alarms,
    callers,
    cloudformation,
    events,
    network,
    permissions,
    step_functions,
    tasks,
)
from local_aws.patching import replace

if TYPE_CHECKING:
    from local_aws.containers import Runtime


async def serve(runtime: Runtime, *, file_descriptor: int) -> None:
    """Apply every patch and answer requests until the process ends.

    Raises:
        PatchError: Ministack lacks something that a patch replaces.
    """
    alarms.apply()
    cloudformation.apply()
    network.apply()
    tasks.apply(runtime)
    callers.apply()
    events.apply()
    permissions.apply()
    step_functions.apply()
    _stop_the_clock()
    config = Config()
    config.bind = [f"fd://{file_descriptor}"]
    await serve_asgi(app, config)


def _stop_the_clock() -> None:
    """Keep schedules from firing by themselves.

    AWS fires a rule when its time comes, and so does ministack: a test that happens to run at
    ten o'clock would see a task that it did not start. Here rules fire by ``LocalAws.fire``.
    """

    def never(_start: Any) -> Any:
        return lambda: None

    for module in (eventbridge, scheduler):
        replace(vars(module), "start_scheduler", never)
