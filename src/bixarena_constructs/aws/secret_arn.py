"""ARNs of Secrets Manager's secrets, as task definitions name them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

__all__ = ["SecretArn"]

# What precedes the name may be a token of a template; what follows it is a JSON field, a version
# stage and a version, as ECS reads `valueFrom`.
_ARN: Final = re.compile(
    r"(?P<arn>(?:arn:[^:]+:secretsmanager:[^:]*:[^:]*)?:secret:(?P<name>[^:]+))"
    r"(?::(?P<field>[^:]*)(?::.*)?)?"
)
_SUFFIX: Final = re.compile(r"-[A-Za-z0-9]{6}")
_WORD: Final = re.compile(r"-[a-z]{6}")
_SUFFIX_LENGTH: Final = len("-AbCdEf")


@dataclass(frozen=True, slots=True)
class SecretArn:
    """A secret, and the field of its JSON that is taken.

    Attributes:
        arn: ARN of the secret without what follows it, or its end after the last token.
        name: Name of the secret, with the hyphen and six characters of a complete ARN.
        field: The JSON field; None for the whole secret.
    """

    arn: str
    name: str
    field: str | None

    @classmethod
    def find(cls, text: str) -> SecretArn | None:
        """Return the secret that a text ends with, or None.

        Args:
            text: A whole ``valueFrom``, or the part of it after the last token.
        """
        found = _ARN.search(text)
        if found is None or found.end() != len(text):
            return None
        return cls(found["arn"], found["name"], found["field"] or None)

    @property
    def is_complete(self) -> bool:
        """Whether it has the hyphen and six characters that Secrets Manager adds to the name."""
        return _SUFFIX.fullmatch(self.name[-_SUFFIX_LENGTH:]) is not None

    @property
    def may_end_in_a_word(self) -> bool:
        """Whether those six characters may be a word of the name, such as ``worker``."""
        return _WORD.fullmatch(self.name[-_SUFFIX_LENGTH:]) is not None
