# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from xml.parsers import expat

from evict.core.errors import RemoteProtocolError


class XmlReader:
    """Reads an answer element by element; a DTD ends it, so no entity is ever expanded.

    Args:
        what: the answer is, for people.
        root: `namespace name` of its first element.
        depth: elements inside one another, at the most.
    """

    def __init__(self, system: str, what: str, *, root: str, depth: int) -> None:
        self._system = system
        self._what = what
        self._root = root
        self._depth = depth
        self._stack: list[str] = []
        self._text: list[str] = []

    def parse(self, body: bytes) -> None:
        """Raises `RemoteProtocolError` where it is not what it should be."""
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text.append
        parser.StartDoctypeDeclHandler = self._doctype
        try:
            parser.Parse(body, True)  # noqa: FBT003 - takes no keyword
        except (expat.ExpatError, LookupError, ValueError) as error:
            raise self._strange(f"not XML: {error}") from error

    def begun(self, name: str) -> None:
        """An element begins."""

    def ended(self, name: str, text: str, inside: str) -> None:
        """An element ends, with the text that came last in it."""

    def _strange(self, text: str) -> RemoteProtocolError:
        return RemoteProtocolError(text, system=self._system)

    def _doctype(self, *_: object) -> None:
        raise self._strange(f"a document type in {self._what}")

    def _start(self, name: str, _: dict[str, str]) -> None:
        if not self._stack and name != self._root:
            raise self._strange(f"not {self._what}")
        self.begun(name)
        self._stack.append(name)
        if len(self._stack) > self._depth:
            raise self._strange(f"{self._what} is nested too deep")
        self._text.clear()

    def _end(self, name: str) -> None:
        text = "".join(self._text).strip()
        self._text.clear()
        self._stack.pop()
        self.ended(name, text, self.inside)

    @property
    def inside(self) -> str:
        """The element around; "" around the first."""
        return self._stack[-1] if self._stack else ""
