"""A queue that receives what a topic of the local AWS publishes, for tests of alerts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from local_aws.handle import LocalAws

__all__ = ["Inbox"]


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

    def take(self) -> list[str]:
        """Remove and return the messages that have arrived, within a second of the last.

        A stopped task's event is delivered before the task is seen as stopped, so nothing that
        it causes is missed after ``LocalAws.wait_for_task``.
        """
        found = []
        while messages := self._sqs.receive_message(
            QueueUrl=self.url, MaxNumberOfMessages=10, WaitTimeSeconds=1
        ).get("Messages"):
            for message in messages:
                found.append(json.loads(message["Body"])["Message"])
                self._sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        return found
