# SPDX-License-Identifier: Apache-2.0
"""Pictures as SVG: shapes and words, escaped, the same bytes for the same calls.

Coordinates are pixels from the top left; a picture scales to where it is put.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from typing import Final, Literal

_SPACE: Final = "http://www.w3.org/2000/svg"
_FONTS: Final = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', Arial, sans-serif"
_NOT_XML: Final = dict.fromkeys(
    ({*range(32)} - {9, 10, 13}) | {*range(0xD800, 0xE000), 0xFFFE, 0xFFFF}, "\ufffd"
)

Anchor = Literal["start", "middle", "end"]
Point = tuple[float, float]


class Svg:
    """One picture on white.

    Args:
        title: what it shows, in words: for whoever cannot see it, and as a tip.
        desc: the same at length.
    """

    def __init__(self, width: float, height: float, *, title: str, desc: str = "") -> None:
        self._root = ET.Element("svg")
        for name, value in {
            "xmlns": _SPACE,
            "viewBox": f"0 0 {_number(width)} {_number(height)}",
            "width": _number(width),
            "height": _number(height),
            "role": "img",
            "aria-labelledby": "title desc" if desc else "title",
            "font-family": _FONTS,
        }.items():
            self._root.set(name, value)
        self._word("title", title)
        if desc:
            self._word("desc", desc)
        self.rect(0, 0, width, height, fill="#ffffff")

    def _word(self, kind: str, said: str) -> None:
        element = ET.SubElement(self._root, kind, id=kind)
        element.text = _clean(said)

    def _add(self, kind: str, tip: str = "", **what: object) -> ET.Element:
        """An element; `tip` is shown while a pointer rests on it."""
        element = ET.SubElement(self._root, kind)
        for name, value in what.items():
            if value is not None:
                text = _number(value) if isinstance(value, (int, float)) else _clean(str(value))
                element.set(name.rstrip("_").replace("_", "-"), text)
        if tip:
            ET.SubElement(element, "title").text = _clean(tip)
        return element

    def rect(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        *,
        fill: str,
        stroke: str | None = None,
        radius: float | None = None,
        opacity: float | None = None,
        tip: str = "",
    ) -> None:
        self._add(
            "rect",
            tip,
            x=x,
            y=y,
            width=max(width, 0.0),
            height=max(height, 0.0),
            rx=radius,
            fill=fill,
            stroke=stroke,
            fill_opacity=opacity,
        )

    def circle(self, at: Point, radius: float, *, fill: str, tip: str = "") -> None:
        self._add("circle", tip, cx=at[0], cy=at[1], r=radius, fill=fill)

    def line(
        self, a: Point, b: Point, *, stroke: str, width: float = 1.0, dash: str | None = None
    ) -> None:
        self._add(
            "line",
            x1=a[0],
            y1=a[1],
            x2=b[0],
            y2=b[1],
            stroke=stroke,
            stroke_width=width,
            stroke_dasharray=dash,
        )

    def path(
        self,
        points: Sequence[Point],
        *,
        stroke: str | None = None,
        fill: str = "none",
        width: float = 1.0,
        closed: bool = False,
        dash: str | None = None,
        opacity: float | None = None,
        tip: str = "",
    ) -> None:
        """Straight lines from point to point."""
        steps = "L".join(f"{_number(x)} {_number(y)}" for x, y in points)
        self._add(
            "path",
            tip,
            d=f"M{steps}" + ("Z" if closed else ""),
            stroke=stroke,
            fill=fill,
            stroke_width=width,
            stroke_dasharray=dash,
            stroke_linejoin="round",
            stroke_linecap="round",
            fill_opacity=opacity,
        )

    def text(
        self,
        x: float,
        y: float,
        said: str,
        *,
        size: float = 14.0,
        fill: str = "#1c2733",
        anchor: Anchor = "start",
        bold: bool = False,
        turn: float | None = None,
    ) -> None:
        """One line of words with its baseline at `y`; `turn` in degrees, clockwise."""
        turned = f"rotate({_number(turn or 0)} {_number(x)} {_number(y)})"
        element = self._add(
            "text",
            x=x,
            y=y,
            font_size=size,
            fill=fill,
            text_anchor=anchor,
            font_weight="bold" if bold else None,
            transform=None if turn is None else turned,
        )
        element.text = _clean(said)

    def render(self) -> str:
        """The document."""
        ET.indent(self._root, "  ")
        body = ET.tostring(self._root, encoding="unicode", short_empty_elements=True)
        return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'


def _number(value: float) -> str:
    """At most two places, no trailing noughts, no minus nought."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _clean(said: str) -> str:
    """What XML 1.0 can hold."""
    return said.translate(_NOT_XML)
