"""Templates without what changes although the stack does not."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

import publication

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["normalised_template"]

# What the CDK's default synthesiser adds to every stack, whatever is in it.
_BOOTSTRAP_NOISE: Final = {
    "Conditions": "CDKMetadataAvailable",
    "Parameters": "BootstrapVersion",
    "Resources": "CDKMetadata",
    "Rules": "CheckBootstrapVersion",
}
# Of a file or an image that the app brings; the digest of an image by reference is a promise.
_ASSET_HASH: Final = re.compile(r"(?<!sha256:)\b[0-9a-f]{64}\b")


def normalised_template(
    template: Mapping[str, Any],
) -> dict[str, Any]:  # CloudFormation is untyped
    """Return a template without what changes although the stack does not.

    Bootstrap parameter, rule and metadata are left out; each asset's hash becomes
    ``asset-hash-1``, ``asset-hash-2`` and so on, in the order of the template.

    Args:
        template: A synthesised template.
    """
    kept = {section: _without_noise(section, body) for section, body in template.items()}
    text = json.dumps({section: body for section, body in kept.items() if body}, sort_keys=True)
    names: dict[str, str] = {}
    for found in _ASSET_HASH.findall(text):
        names.setdefault(found, f"asset-hash-{len(names) + 1}")
    normalised: dict[str, Any] = json.loads(_ASSET_HASH.sub(lambda one: names[one[0]], text))
    return normalised


def _without_noise(section: str, body: object) -> object:
    if isinstance(body, dict) and section in _BOOTSTRAP_NOISE:
        return {name: one for name, one in body.items() if name != _BOOTSTRAP_NOISE[section]}
    return body


publication.publish()
