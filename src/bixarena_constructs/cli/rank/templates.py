"""Fills the templates of this folder; every value in them is escaped."""

from __future__ import annotations

from importlib.resources import files

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from bixarena_constructs.cli.printable import printable

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
        finalize=_shown,
        loader=FunctionLoader(lambda name: folder.joinpath(name).read_text(encoding="utf-8")),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(name).render(values)


def _shown(value: object) -> object:
    """Leave out of a text what XML does not allow; what templates made themselves stays."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return printable(value)
