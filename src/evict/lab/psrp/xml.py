# SPDX-License-Identifier: Apache-2.0
"""XML that came over the wire, without the parts of XML that do harm."""

from __future__ import annotations

from typing import Final
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

MAX_DEPTH: Final = 64


class Malformed(ValueError):
    """No XML, or XML with a document type, entities or too much depth."""


def parse(data: bytes) -> Element:
    """The root; names as `{namespace}local`.

    Spec: W3C SOAP 1.2 part 1 section 5 (no document type, no processing instructions).

    Raises:
        Malformed: see there.
    """
    builder = TreeBuilder()
    parser = expat.ParserCreate(namespace_separator="}")
    depth = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > MAX_DEPTH:
            raise Malformed("too deep")
        builder.start(_clark(name), {_clark(key): value for key, value in attributes.items()})

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(_clark(name))

    def refuse(*_: object) -> None:
        raise Malformed("a document type or an instruction")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    parser.ProcessingInstructionHandler = refuse
    parser.buffer_text = True
    try:
        parser.Parse(data, True)  # noqa: FBT003 - expat's signature
    except (expat.ExpatError, LookupError, ValueError) as wrong:
        raise Malformed(str(wrong)) from None
    return builder.close()


def _clark(name: str) -> str:
    return "{" + name if "}" in name else name
