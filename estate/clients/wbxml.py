# SPDX-License-Identifier: Apache-2.0
"""WBXML of phones, as little as is needed: not Evict's codec, so that it proves nothing by itself.

Spec: MS-ASWBXML 2.1.2.1 (tokens of the pages), WBXML 1.3 section 5.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

_HEAD: Final = b"\x03\x01\x6a\x00"
"""Version 1.3, no public identifier, UTF-8, no string table."""
_SWITCH, _END, _TEXT, _OPAQUE, _CONTENT = 0x00, 0x01, 0x03, 0xC3, 0x40

TOKENS: Final = {
    "Sync": 0x0005,
    "Add": 0x0007,
    "SyncKey": 0x000B,
    "ServerId": 0x000D,
    "Status": 0x000E,
    "Collection": 0x000F,
    "CollectionId": 0x0012,
    "GetChanges": 0x0013,
    "WindowSize": 0x0015,
    "Commands": 0x0016,
    "Options": 0x0017,
    "Collections": 0x001C,
    "ApplicationData": 0x001D,
    "Email:Subject": 0x0214,
    "Folder:DisplayName": 0x0707,
    "Folder:ServerId": 0x0708,
    "Folder:Type": 0x070A,
    "Folder:Status": 0x070C,
    "Folder:Add": 0x070F,
    "Folder:SyncKey": 0x0712,
    "FolderSync": 0x0716,
    "Ping": 0x0D05,
    "Ping:Status": 0x0D07,
    "Ping:HeartbeatInterval": 0x0D08,
    "Ping:Folders": 0x0D09,
    "Ping:Folder": 0x0D0A,
    "Ping:Id": 0x0D0B,
    "Ping:Class": 0x0D0C,
    "BodyPreference": 0x1105,
    "Body:Type": 0x1106,
    "Body:Data": 0x110B,
}
"""Name -> page and tag."""


class Element(Struct, kw_only=True):
    """`token` is page and tag; a tag that has no name here stays a number."""

    token: int
    text: str
    children: list[Element]

    def all(self, name: str) -> list[Element]:
        """Those of this name below it, in their order."""
        found = []
        for child in self.children:
            if child.token == TOKENS[name]:
                found.append(child)
            found.extend(child.all(name))
        return found

    def one(self, name: str) -> str:
        """The text of the first of this name; empty where there is none."""
        found = self.all(name)
        return found[0].text if found else ""


def element(name: str, *content: Element | str) -> Element:
    """An element with children, or with one text."""
    text = "".join(each for each in content if isinstance(each, str))
    children = [each for each in content if isinstance(each, Element)]
    return Element(token=TOKENS[name], text=text, children=children)


def encode(root: Element) -> bytes:
    out = bytearray(_HEAD)
    _write(out, root, 0)
    return bytes(out)


def _write(out: bytearray, this: Element, page: int) -> int:
    """Returns the page that is current after it."""
    if this.token >> 8 != page:
        page = this.token >> 8
        out += bytes((_SWITCH, page))
    tag = this.token & 0xFF
    if not this.text and not this.children:
        out.append(tag)
        return page
    out.append(tag | _CONTENT)
    if this.text:
        out += bytes((_TEXT,)) + this.text.encode() + b"\0"
    for child in this.children:
        page = _write(out, child, page)
    out.append(_END)
    return page


def decode(data: bytes) -> Element:
    """Raises `ValueError` where it is none."""
    above: list[Element] = [Element(token=-1, text="", children=[])]
    at, page = 4, 0
    while at < len(data):
        byte = data[at]
        at += 1
        if byte == _SWITCH:
            page = data[at]
            at += 1
        elif byte == _END:
            above.pop()
        elif byte == _TEXT:
            end = data.index(0, at)
            above[-1].text += data[at:end].decode("utf-8", "replace")
            at = end + 1
        elif byte == _OPAQUE:
            length, at = _number(data, at)
            above[-1].text += data[at : at + length].decode("utf-8", "replace")
            at += length
        else:
            made = Element(token=page << 8 | byte & 0x3F, text="", children=[])
            above[-1].children.append(made)
            if byte & _CONTENT:
                above.append(made)
    if len(above) != 1 or not above[0].children:
        raise ValueError("no WBXML document")
    return above[0]


def _number(data: bytes, at: int) -> tuple[int, int]:
    """A multi-byte integer (WBXML 1.3 section 5.1), and where it ends."""
    value = 0
    while True:
        value = value << 7 | data[at] & 0x7F
        at += 1
        if not data[at - 1] & 0x80:
            return value, at
