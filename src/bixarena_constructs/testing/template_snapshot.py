"""Snapshots of templates that change only when the stack does."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

import publication
from syrupy.extensions.json import JSONSnapshotExtension

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syrupy.types import PropertyFilter, PropertyMatcher, SerializableData, SerializedData

__all__ = ["TemplateSnapshotExtension", "normalised_template"]

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


class TemplateSnapshotExtension(JSONSnapshotExtension):
    """Keeps each template as a JSON file of its own, for syrupy.

    ``assert template == snapshot(extension_class=TemplateSnapshotExtension)``
    """

    def serialize(
        self,
        data: SerializableData,
        *,
        exclude: PropertyFilter | None = None,
        include: PropertyFilter | None = None,
        matcher: PropertyMatcher | None = None,
    ) -> SerializedData:
        """Return the text of the snapshot file.

        Args:
            data: A synthesised template.
            exclude: As syrupy's own JSON extension takes it.
            include: As syrupy's own JSON extension takes it.
            matcher: As syrupy's own JSON extension takes it.

        Raises:
            TypeError: The data is no template.
        """
        if not isinstance(data, dict):
            raise TypeError(
                f"a snapshot of a template takes its JSON, got {type(data).__name__}; "
                "pass Template.from_stack(stack).to_json()"
            )
        return super().serialize(
            normalised_template(data), exclude=exclude, include=include, matcher=matcher
        )


def _without_noise(section: str, body: object) -> object:
    if isinstance(body, dict) and section in _BOOTSTRAP_NOISE:
        return {name: one for name, one in body.items() if name != _BOOTSTRAP_NOISE[section]}
    return body


publication.publish()
