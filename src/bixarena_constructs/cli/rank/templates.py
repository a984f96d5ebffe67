"""Fills the templates of this folder; every value in them is escaped."""

from __future__ import annotations

from importlib.resources import files

from jinja2 import Environment, FunctionLoader, StrictUndefined

__all__ = ["render"]


def render(name: str, **values: object) -> str:
    """Fill a template.

    Args:
        name: File name of the template.
        **values: What the template calls them.
    """
    folder = files(__package__)
    environment = Environment(
        autoescape=True,
        loader=FunctionLoader(lambda name: folder.joinpath(name).read_text(encoding="utf-8")),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(name).render(values)
