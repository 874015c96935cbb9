# SPDX-License-Identifier: Apache-2.0
"""Envelopes of Exchange Web Services, read with a parser that takes no DTD."""

from __future__ import annotations

from typing import Final
from xml.etree import ElementTree as ET
from xml.parsers import expat

from msgspec import Struct

SOAP: Final = "http://schemas.xmlsoap.org/soap/envelope/"
MESSAGES: Final = "http://schemas.microsoft.com/exchange/services/2006/messages"
TYPES: Final = "http://schemas.microsoft.com/exchange/services/2006/types"
ERRORS: Final = "http://schemas.microsoft.com/exchange/services/2006/errors"
_MAX_DEPTH: Final = 64
_MAX_ELEMENTS: Final = 20_000

for _prefix, _uri in (("s", SOAP), ("m", MESSAGES), ("t", TYPES), ("e", ERRORS)):
    ET.register_namespace(_prefix, _uri)


class NotSoap(ValueError):
    """What came is no envelope."""


class Asked(Struct, frozen=True):
    """Attributes: `acts_for` is whom the caller wants to impersonate, None: nobody."""

    operation: ET.Element
    acts_for: str | None


class _Builder:
    """Of elements and text alone; processing instructions and comments are left out."""

    def __init__(self) -> None:
        self._builder = ET.TreeBuilder()
        self._depth = 0
        self._count = 0
        self._parser = expat.ParserCreate(namespace_separator="}")
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._builder.data
        self._parser.StartDoctypeDeclHandler = self._doctype

    def parse(self, body: bytes) -> ET.Element:
        self._parser.Parse(body, True)  # noqa: FBT003 - takes no keyword
        return self._builder.close()

    def _doctype(self, *_: object) -> None:
        raise NotSoap("a document type")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        self._count += 1
        if self._depth > _MAX_DEPTH or self._count > _MAX_ELEMENTS:
            raise NotSoap("too much of it")
        self._builder.start(_clark(name), attributes)

    def _end(self, name: str) -> None:
        self._depth -= 1
        self._builder.end(_clark(name))


def _clark(name: str) -> str:
    return "{" + name if "}" in name else name


def parse(body: bytes) -> Asked:
    """What an envelope asks. Raises `NotSoap` where it is none, or has no one operation."""
    try:
        root = _Builder().parse(body)
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise NotSoap(str(error)) from error
    inner = root.find(f"{{{SOAP}}}Body")
    if root.tag != f"{{{SOAP}}}Envelope" or inner is None or len(inner) != 1:
        raise NotSoap("no envelope with one operation")
    if not inner[0].tag.startswith(f"{{{MESSAGES}}}"):
        raise NotSoap("no operation of Exchange")
    acting = root.find(f"{{{SOAP}}}Header/{{{TYPES}}}ExchangeImpersonation")
    acts_for = None if acting is None else "".join(acting.itertext()).strip()
    return Asked(inner[0], acts_for)


def local(element: ET.Element) -> str:
    """Name without namespace."""
    return element.tag.rpartition("}")[2]


def children(operation: ET.Element, name: str) -> list[ET.Element]:
    """What stands in one of its parts."""
    found = operation.find(f"{{{MESSAGES}}}{name}")
    return [] if found is None else list(found)


def m(name: str, *parts: ET.Element, text: str = "", **attributes: str) -> ET.Element:
    return _made(MESSAGES, name, parts, text, attributes)


def t(name: str, *parts: ET.Element, text: str = "", **attributes: str) -> ET.Element:
    return _made(TYPES, name, parts, text, attributes)


def _made(
    space: str, name: str, parts: tuple[ET.Element, ...], text: str, attributes: dict[str, str]
) -> ET.Element:
    element = ET.Element(f"{{{space}}}{name}", attributes)
    element.text = printable(text) or None
    element.extend(parts)
    return element


def printable(text: str) -> str:
    """Without what no XML may have: a mail may."""
    return "".join(
        c
        for c in text
        if c in "\t\n\r" or (c >= " " and not "\ud800" <= c <= "\udfff" and c not in "\ufffe\uffff")
    )


def envelope(body: ET.Element, build: tuple[int, int, int, int], version: str) -> bytes:
    major, minor, number, revision = map(str, build)
    info = t(
        "ServerVersionInfo",
        MajorVersion=major,
        MinorVersion=minor,
        MajorBuildNumber=number,
        MinorBuildNumber=revision,
        Version=version,
    )
    root = ET.Element(f"{{{SOAP}}}Envelope")
    ET.SubElement(root, f"{{{SOAP}}}Header").append(info)
    ET.SubElement(root, f"{{{SOAP}}}Body").append(body)
    text: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return text


def answer(operation: str, *responses: ET.Element) -> ET.Element:
    return m(f"{operation}Response", m("ResponseMessages", *responses))


def success(operation: str, *parts: ET.Element) -> ET.Element:
    code = m("ResponseCode", text="NoError")
    return m(f"{operation}ResponseMessage", code, *parts, ResponseClass="Success")


def failure(operation: str, code: str, words: str) -> ET.Element:
    return m(
        f"{operation}ResponseMessage",
        m("MessageText", text=words),
        m("ResponseCode", text=code),
        m("DescriptiveLinkKey", text="0"),
        ResponseClass="Error",
    )


def fault(code: str, words: str) -> ET.Element:
    """A SOAP fault that carries a ResponseCode."""
    made = ET.Element(f"{{{SOAP}}}Fault")
    ET.SubElement(made, "faultcode", {"xmlns:a": TYPES}).text = f"a:{code}"
    ET.SubElement(made, "faultstring").text = words
    detail = ET.SubElement(made, "detail")
    ET.SubElement(detail, f"{{{ERRORS}}}ResponseCode").text = code
    ET.SubElement(detail, f"{{{ERRORS}}}Message").text = words
    return made
