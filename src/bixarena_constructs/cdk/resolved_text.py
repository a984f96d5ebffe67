"""Resolved values of a template as one text, in the form of ``Fn::Sub``."""

from __future__ import annotations

import json
import re
from typing import Final

__all__ = ["as_text", "readable_text"]

_OTHER_THAN_PSEUDO: Final = re.compile(r"\$\{(?!AWS::)")


def readable_text(resolved: object) -> str | None:
    """Return a value that is made of text and pseudo parameters, or None for any other.

    Args:
        resolved: The value as the template has it.
    """
    match resolved:
        case str():
            return resolved
        case {"Ref": str(name)} if name.startswith("AWS::"):
            return f"${{{name}}}"
        case {"Fn::Sub": str(template)} if not _OTHER_THAN_PSEUDO.search(template):
            return template
    return None


def as_text(resolved: object) -> str:
    """Return a value as a text that is the same for the same value.

    Args:
        resolved: The value as the template has it.
    """
    match resolved:
        case {"Fn::Join": ["", list(parts)]}:
            return "".join(map(as_text, parts))
    return readable_text(resolved) or json.dumps(resolved)
