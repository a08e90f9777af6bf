"""Pictures of text, in styles that requests to a vision model are typically set in.

A harmful and a harmless text in the same style differ in nothing but what they say, which is what an image
reader and a detector have to be measured on (typographic prompts: Gong et al., FigStep, arXiv 2311.05608).
"""

from __future__ import annotations

import random
import textwrap
from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw as Draw

Color = tuple[int, int, int]


class Style(StrEnum):
    """How a text is set."""

    LIST = "list"  #: a heading above empty numbered items, to be filled in by the model
    PARAGRAPH = "paragraph"  #: running text
    SIGN = "sign"  #: large and centred in a frame
    BANNER = "banner"  #: one or two lines across a wide picture
    NOTE = "note"  #: on ruled paper, slightly turned
    SCREEN = "screen"  #: a message in a window, light on dark
    POSTER = "poster"  #: on a gradient with coloured shapes


STYLES: tuple[Style, ...] = tuple(Style)


def render(text: str, style: Style | str = Style.LIST, seed: int = 0) -> Image:
    """Set a text in a style; the seed chooses size, colours and layout within it.

    Args:
        text: what the picture says; wrapped, never cut off.
        style: one of `STYLES`.
        seed: equal seeds give equal pixels (with the same Pillow).

    Returns:
        An RGB picture, 400 to 1000 pixels wide.
    """
    style = Style(style)
    return _RENDERERS[style](text, random.Random(f"{style}:{seed}"))


def _list(text: str, rng: random.Random) -> Image:
    items = [f"{number}. " for number in range(1, rng.randint(3, 5) + 1)]
    return _page(text, rng, size=(rng.choice((640, 760, 800)),) * 2, points=rng.randint(46, 76), after=items)


def _paragraph(text: str, rng: random.Random) -> Image:
    return _page(text, rng, size=(rng.randint(560, 900), rng.randint(360, 640)), points=rng.randint(22, 34))


def _sign(text: str, rng: random.Random) -> Image:
    paper, ink = _colors(rng)
    picture, draw = _canvas((rng.randint(560, 760), rng.randint(400, 560)), paper)
    width, height = picture.size
    edge = rng.randint(10, 22)
    draw.rounded_rectangle((edge, edge, width - edge, height - edge), radius=24, outline=ink, width=rng.randint(4, 10))
    _put(draw, text.upper(), (width * 0.12, height * 0.14, width * 0.88, height * 0.86), rng.randint(44, 64), ink, True)
    return picture


def _banner(text: str, rng: random.Random) -> Image:
    paper, ink = _colors(rng)
    picture, draw = _canvas((rng.randint(800, 1000), rng.randint(180, 260)), paper)
    width, height = picture.size
    _put(draw, text, (30, 20, width - 30, height - 20), rng.randint(34, 52), ink, True)
    return picture


def _note(text: str, rng: random.Random) -> Image:
    from PIL.Image import Resampling

    paper = (rng.randint(245, 255), rng.randint(240, 250), rng.randint(200, 225))
    picture, draw = _canvas((620, 620), paper)
    for y in range(90, 600, 44):
        draw.line((0, y, 620, y), fill=(170, 190, 220), width=1)
    draw.line((60, 0, 60, 620), fill=(220, 130, 130), width=2)
    ink = (rng.randint(10, 50), rng.randint(10, 60), rng.randint(90, 150))
    _put(draw, text, (80, 60, 590, 590), rng.randint(32, 42), ink, False)
    return picture.rotate(rng.uniform(-5, 5), fillcolor=paper, resample=Resampling.BICUBIC)


def _screen(text: str, rng: random.Random) -> Image:
    shade = rng.randint(18, 45)
    picture, draw = _canvas((rng.randint(640, 860), rng.randint(360, 520)), (shade, shade, shade + 8))
    width, height = picture.size
    draw.rectangle((0, 0, width, 38), fill=(60, 62, 70))
    for number, color in enumerate(((236, 95, 87), (245, 190, 79), (98, 197, 84))):
        draw.ellipse((14 + 24 * number, 12, 28 + 24 * number, 26), fill=color)
    ink = rng.choice(((230, 230, 230), (140, 220, 140), (240, 210, 130)))
    _put(draw, text, (28, 64, width - 28, height - 20), rng.randint(24, 34), ink, False)
    return picture


def _poster(text: str, rng: random.Random) -> Image:
    from PIL import Image as Picture
    from PIL import ImageDraw

    top, bottom = (tuple(rng.randint(150, 255) for _ in range(3)) for _ in range(2))
    fade = Picture.linear_gradient("L").resize((700, 700))
    picture = Picture.composite(Picture.new("RGB", (700, 700), bottom), Picture.new("RGB", (700, 700), top), fade)
    draw = ImageDraw.Draw(picture)
    for _ in range(rng.randint(3, 7)):
        x, y, radius = rng.randint(0, 700), rng.randint(0, 700), rng.randint(30, 120)
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=tuple(rng.randint(170, 255) for _ in "rgb"))
    _put(draw, text, (60, 80, 640, 640), rng.randint(44, 62), (20, 20, 40), True)
    return picture


_RENDERERS: dict[Style, Callable[[str, random.Random], Image]] = {
    Style.LIST: _list,
    Style.PARAGRAPH: _paragraph,
    Style.SIGN: _sign,
    Style.BANNER: _banner,
    Style.NOTE: _note,
    Style.SCREEN: _screen,
    Style.POSTER: _poster,
}


def _page(
    text: str, rng: random.Random, *, size: tuple[int, int], points: int, after: list[str] | None = None
) -> Image:
    paper, ink = _colors(rng)
    picture, draw = _canvas(size, paper)
    margin = rng.randint(24, 48)
    box = (margin, margin, size[0] - margin, size[1] - margin)
    _put(draw, text, box, points, ink, rng.random() < 0.25 and not after, after or [])
    return picture


def _canvas(size: tuple[int, int], paper: Color) -> tuple[Image, Draw]:
    from PIL import Image as Picture
    from PIL import ImageDraw

    picture = Picture.new("RGB", size, paper)
    return picture, ImageDraw.Draw(picture)


def _colors(rng: random.Random) -> tuple[Color, Color]:
    """Paper and ink: mostly dark on light, now and then the other way round."""
    light = (rng.randint(215, 255), rng.randint(215, 255), rng.randint(215, 255))
    dark = (rng.randint(0, 70), rng.randint(0, 70), rng.randint(0, 90))
    return (dark, light) if rng.random() < 0.2 else (light, dark)


def _put(
    draw: Draw,
    text: str,
    box: tuple[float, float, float, float],
    points: int,
    ink: Color,
    centred: bool,
    after: list[str] | None = None,
) -> None:
    """Wrap and draw the text in the box, in smaller letters if it would not fit; `after` are lines of their own."""
    from PIL import ImageFont

    left, top, right, bottom = box
    while True:
        font = ImageFont.load_default(points)
        letters = max(6, int((right - left) * len(text) / max(1.0, font.getlength(text.replace("\n", " ")))))
        wrapped = [row for part in text.splitlines() for row in textwrap.wrap(part, letters) or [""]]
        block = "\n".join([*wrapped, *(after or [])])
        x0, y0, x1, y1 = draw.multiline_textbbox((0, 0), block, font=font, spacing=points // 3)
        if points <= 8 or (x1 - x0 <= right - left and y1 - y0 <= bottom - top):
            break
        points -= 2
    x = left + (right - left - (x1 - x0)) / 2 if centred else left
    y = top + (bottom - top - (y1 - y0)) / 2 if centred else top
    draw.multiline_text((x, y), block, font=font, fill=ink, spacing=points // 3, align="center" if centred else "left")
