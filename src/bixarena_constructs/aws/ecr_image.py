"""Images in a private repository of ECR, by their references."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

__all__ = ["EcrRepository", "is_like_ecr", "may_be_in_ecr"]

# What a template fills in: `${AWS::Region}`, or the mark of a token.
_FILLED: Final = r"\$\{[^}]+\}"
_IMAGE: Final = re.compile(
    rf"(?P<account>[0-9]{{12}}|{_FILLED})"
    # With IPv4, with FIPS, and with both address families.
    r"\.(?:dkr\.ecr|dkr\.ecr-fips|dkr-ecr|dkr-ecr-fips)"
    rf"\.(?P<region>[a-z0-9-]+|{_FILLED})"
    rf"\.(?:[a-z0-9.-]|{_FILLED})+"
    rf"/(?P<name>(?:[a-z0-9._/-]|{_FILLED})+)"
    r"(?:[:@].*)?"
)
_LIKE_ECR: Final = re.compile(r"[^/]*\.dkr[.-]ecr[.-][^/]*/.*", re.IGNORECASE)
_HEAD: Final = re.compile(rf"(?:{_FILLED}|[^:@/$])*")
_REGISTRY: Final = re.compile(rf"(?:{_FILLED}|[^/$])*/")
# The end of a registry's host that is written out.
_DOMAIN: Final = re.compile(r"\}(?:\.[a-zA-Z0-9-]+)+(?::[0-9]+)?/")
_AMAZON: Final = re.compile(r"\.(?:amazonaws|amazonwebservices)\.|\.aws/")


@dataclass(frozen=True, slots=True)
class EcrRepository:
    """A private repository of ECR; each part may hold what a template fills in.

    Attributes:
        account: The account that it belongs to.
        region: The region that it lies in.
        name: Its name, namespaces included.
    """

    account: str
    region: str
    name: str

    @classmethod
    def find(cls, image: str) -> EcrRepository | None:
        """Return the repository of an image, or None for any other registry.

        Args:
            image: Reference of the image.
        """
        found = _IMAGE.fullmatch(image)
        return None if found is None else cls(found["account"], found["region"], found["name"])


def is_like_ecr(image: str) -> bool:
    """Return whether a registry is visibly meant to be one of ECR, well written or not.

    Args:
        image: Reference of an image.
    """
    return _LIKE_ECR.fullmatch(image) is not None


def may_be_in_ecr(image: str) -> bool:
    """Return whether what a template fills in may name a registry of ECR.

    Args:
        image: Reference of an image that is not visibly in ECR.
    """
    registry = _REGISTRY.match(image)
    if registry is None:
        head = _HEAD.match(image)
        return head is not None and "${" in head[0]
    is_elsewhere = _DOMAIN.search(registry[0]) and not _AMAZON.search(registry[0])
    return "${" in registry[0] and not is_elsewhere
