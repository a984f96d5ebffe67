"""Snapshots of templates that change only when the stack does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import publication
from syrupy.extensions.json import JSONSnapshotExtension

from bixarena_constructs.testing.normalisation import normalised_template

if TYPE_CHECKING:
    from syrupy.types import PropertyFilter, PropertyMatcher, SerializableData, SerializedData

__all__ = ["TemplateSnapshotExtension"]


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


publication.publish()
