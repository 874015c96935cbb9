# SPDX-License-Identifier: Apache-2.0
"""The pages of a mailbox that somebody has open: lists, a message, writing and sending."""

from __future__ import annotations

import hmac
import re
from typing import Final

from evict.lab.http.messages import Request, Response
from evict.lab.model.mailbox import Message
from evict.lab.model.organisation import Organisation
from evict.lab.model.store import Access
from evict.lab.model.words import Denied
from evict.lab.web.owa import pages
from evict.lab.web.owa.answers import page, refused
from evict.lab.web.owa.login import read_form
from evict.lab.web.owa.pages import Draft, View

_MOST_SHOWN: Final = 200
_MOST_ADDRESSES: Final = 500
"""The default of MaxRecipientEnvelopeLimit (Set-TransportConfig)."""


class Desk:
    """Args: canary: the cookie that a form must say again; it was found to be this person's."""

    def __init__(self, organisation: Organisation, access: Access, view: View) -> None:
        self._organisation = organisation
        self._access = access
        self._view = view

    def get(self, request: Request) -> Response:
        query = request.query
        folder = query.get("fld", self._view.folders[0] if self._view.folders else "")
        if query.get("a") == "New":
            return page(pages.compose(self._view, Draft(query.get("to", "")[:1024])))
        if folder not in self._view.folders:
            return Response(404)
        if query.get("a") == "Open":
            return self._open(folder, query.get("id", ""))
        return page(pages.listing(self._view, folder, self._newest(folder)))

    def _newest(self, folder: str) -> list[Message]:
        return self._access.mailbox.messages.get(folder, [])[: -_MOST_SHOWN - 1 : -1]

    def _open(self, folder: str, wanted: str) -> Response:
        for message in self._access.mailbox.messages.get(folder, []):
            if message.id == wanted:
                return page(pages.read(self._view, message))
        return Response(404)

    def send(self, request: Request, cookie: str) -> Response:
        """Args: cookie: the canary as the browser has it."""
        form = read_form(request)
        if form is None:
            return Response(400)
        given = form.get("canary", "")
        if not cookie or not hmac.compare_digest(given.encode(), cookie.encode()):
            return Response(403)
        draft = Draft(form.get("to", ""), form.get("subject", ""), form.get("body", ""))
        to = [a.strip() for a in re.split(r"[,;\n]", draft.to) if a.strip()]
        known = [a for a in map(self._address, to) if a]
        if not to or len(known) != len(to) or len(to) > _MOST_ADDRESSES:
            words = "We don't know everybody you addressed it to." if to else "Say to whom."
            return page(pages.compose(self._view, draft, words))
        own = self._access.mailbox.sam == self._access.principal.sam
        sent = self._organisation.submit(
            self._access,
            known,
            " ".join(draft.subject.split()),
            draft.body.replace("\r\n", "\n"),
            send_as=None if own else self._access.mailbox.primary,
        )
        return refused(sent) if isinstance(sent, Denied) else page(pages.sent(self._view, known))

    def _address(self, text: str) -> str:
        """A person of the organisation by any name, or an address outside; "" if neither."""
        box = self._organisation.find_mailbox(text)
        if box is not None:
            return box.primary
        return text if re.fullmatch(r"[^\s@<>\"]{1,64}@[^\s@<>\"]{1,190}", text) else ""
