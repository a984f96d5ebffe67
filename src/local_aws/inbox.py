"""A queue that receives what a topic of the local AWS publishes, for tests of alerts."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from local_aws.handle import LocalAws

__all__ = ["Inbox"]

_PATIENCE_SECONDS: Final = 60


class Inbox:
    """A queue that is subscribed to one topic.

    Args:
        aws: The local AWS.
        topic_arn: One of its topics, the only sender that the queue allows.

    Attributes:
        url: The queue's URL.
    """

    def __init__(self, aws: LocalAws, topic_arn: str) -> None:
        name = f"inbox-of-{topic_arn.rpartition(':')[2]}"[:80]
        arn = f"arn:aws:sqs:{aws.region}:{aws.account}:{name}"
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": topic_arn}},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self._sqs = aws.session.client("sqs")
        created = self._sqs.create_queue(QueueName=name, Attributes={"Policy": policy})
        self.url: str = created["QueueUrl"]
        aws.session.client("sns").subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=arn)

    def take(self, *, at_least: int = 0) -> list[str]:
        """Remove and return the messages that have arrived, within a second of the last.

        Args:
            at_least: How many to wait for, since a state machine sends them when it gets there.

        Raises:
            TimeoutError: Fewer arrive within a minute.
        """
        found: list[str] = []
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while (messages := self._receive()) or len(found) < at_least:
            found += messages
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(found)} messages arrived, not {at_least}")
        return found

    def _receive(self) -> list[str]:
        received = self._sqs.receive_message(
            QueueUrl=self.url, MaxNumberOfMessages=10, WaitTimeSeconds=1
        ).get("Messages", [])
        for message in received:
            self._sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(message["Body"])["Message"] for message in received]
