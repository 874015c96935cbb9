# SPDX-License-Identifier: Apache-2.0
"""One command of a phone that was let in, and how it is answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from evict.lab.http.messages import Request, Response
from evict.lab.model.organisation import Organisation
from evict.lab.model.store import Access
from evict.lab.web.activesync.phone import Phone
from evict.wire.activesync import CONTENT_TYPE, order, write_body
from evict.wire.activesync_query import Query
from evict.wire.wbxml import Element

_XML: Final = frozenset("\t\n\r")


@dataclass(slots=True)
class Call:
    """Attributes: `root` is the body as a document, None where there is none."""

    organisation: Organisation
    server: str
    access: Access
    phone: Phone
    query: Query
    version: str
    request: Request
    root: Element | None = None

    def since(self, version: str) -> bool:
        """Whether the phone speaks this version of the protocol or a later one."""
        return order(self.version) >= order(version)


def document(root: Element) -> Response:
    return Response(200, [("Content-Type", CONTENT_TYPE)], write_body(root))


def printable(text: str) -> str:
    """Without what no XML may have: a mail may."""
    return "".join(c for c in text if c in _XML or (c >= " " and c not in "\ufffe\uffff"))
