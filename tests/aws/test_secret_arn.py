"""ARNs of secrets as task definitions name them."""

from __future__ import annotations

import pytest

from bixarena_constructs.aws.secret_arn import SecretArn

PREFIX = "arn:aws:secretsmanager:us-east-1:111122223333:secret:"


@pytest.mark.parametrize(
    ("text", "name", "field", "is_complete"),
    [
        (f"{PREFIX}arena-AbCdEf", "arena-AbCdEf", None, True),
        (f"{PREFIX}arena-AbCdEf:password::", "arena-AbCdEf", "password", True),
        (f"{PREFIX}arena-AbCdEf:::", "arena-AbCdEf", None, True),
        (f"{PREFIX}arena-AbCdEf::AWSPREVIOUS:", "arena-AbCdEf", None, True),
        (f"{PREFIX}arena", "arena", None, False),
        (f"{PREFIX}team/arena:password::", "team/arena", "password", False),
        # What is left of it after the tokens of partition, region and account.
        (":secret:arena-AbCdEf:host::", "arena-AbCdEf", "host", True),
        ("arn:aws-cn:secretsmanager:cn-north-1:1:secret:a-AbCdEf", "a-AbCdEf", None, True),
    ],
)
def test_are_taken_apart(text: str, name: str, field: str | None, *, is_complete: bool) -> None:
    found = SecretArn.find(text)
    assert found is not None
    assert (found.name, found.field, found.is_complete) == (name, field, is_complete)
    assert found.arn == text[: text.index(name) + len(name)]


@pytest.mark.parametrize(
    "text", ["/bixarena/password", "arn:aws:ssm:us-east-1:111122223333:parameter/p", ""]
)
def test_are_not_seen_in_other_references(text: str) -> None:
    assert SecretArn.find(text) is None


@pytest.mark.parametrize(("name", "is_word"), [("a-worker", True), ("a-AbCdEf", False)])
def test_may_end_in_a_word_of_the_name(name: str, *, is_word: bool) -> None:
    found = SecretArn.find(f"{PREFIX}{name}")
    assert found is not None
    assert found.may_end_in_a_word is is_word
