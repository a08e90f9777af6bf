"""The measurements as one HTML file that needs nothing else."""

from __future__ import annotations

import base64
from importlib.resources import files

from jinja2 import Environment, StrictUndefined

from eyelid.bench._result import Measured


def page(measured: Measured, png: bytes) -> str:
    """The page as HTML, with the picture inside."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(files(__package__).joinpath("bench.html.j2").read_text("utf-8"))
    picture = "data:image/png;base64," + base64.b64encode(png).decode("ascii")
    return template.render(measured=measured, picture=picture)
