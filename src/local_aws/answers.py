"""Answers of ministack's services to calls made inside its process."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["RefusedError", "accepted"]

_FIRST_ERROR_STATUS = 400


class RefusedError(Exception):
    """A service refused a request.

    Attributes:
        code: The service's error code, as in ``ClusterNotFoundException``.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


# `Any`: ministack has no types; an answer is a status, headers and a JSON body.
def accepted(answer: Any) -> dict[str, Any]:
    """Return the body of an answer.

    Raises:
        RefusedError: The answer is an error.
    """
    status, _, body = answer
    parsed: dict[str, Any] = json.loads(body)
    if status >= _FIRST_ERROR_STATUS:
        raise RefusedError(parsed["__type"], parsed["message"])
    return parsed
