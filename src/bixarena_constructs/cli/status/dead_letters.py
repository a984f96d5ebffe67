"""Events whose run could not be started, read without taking them from their queue."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bixarena_constructs.deployment import Output

if TYPE_CHECKING:
    from bixarena_constructs.cli.deployed.stack import DeployedTask

__all__ = ["DeadLetter", "DeadLetters", "read_dead_letters"]

_LOOKS: Final = 5
_LETTERS_A_LOOK: Final = 10


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One event.

    Attributes:
        scheduled_at: The scheduled time of its run.
        why: The error that EventBridge got when it tried to start the run.
    """

    scheduled_at: str
    why: str


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """The queue.

    Attributes:
        count: How many there are, approximately.
        letters: Those that were read, by scheduled time.
    """

    count: int
    letters: tuple[DeadLetter, ...]


def read_dead_letters(task: DeployedTask) -> DeadLetters | None:
    """Read the queue and leave every letter in it; None where the stack names no queue."""
    url = task.outputs.get(Output.DEAD_LETTER_QUEUE_URL)
    if url is None:
        return None
    sqs = task.session.client("sqs")
    answered = sqs.get_queue_attributes(
        QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"]
    )
    count = int(answered["Attributes"]["ApproximateNumberOfMessages"])
    letters: dict[str, DeadLetter] = {}
    # Each answer has only some of the messages.
    for _ in range(_LOOKS if count else 0):
        answer = sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=_LETTERS_A_LOOK,
            MessageAttributeNames=["All"],
            VisibilityTimeout=0,
        )
        for message in answer.get("Messages", ()):
            attributes = {
                key: value.get("StringValue", "")
                for key, value in message.get("MessageAttributes", {}).items()
            }
            letters[message["MessageId"]] = DeadLetter(
                scheduled_at=_time_in(message["Body"]),
                why=": ".join(filter(None, map(attributes.get, ("ERROR_CODE", "ERROR_MESSAGE")))),
            )
        if len(letters) >= count:
            break
    return DeadLetters(
        max(count, len(letters)),
        tuple(sorted(letters.values(), key=lambda each: each.scheduled_at)),
    )


def _time_in(body: str) -> str:
    try:
        return str(json.loads(body)["time"])
    except (ValueError, KeyError, TypeError):
        return "unknown"
