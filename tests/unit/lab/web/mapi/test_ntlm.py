# SPDX-License-Identifier: Apache-2.0
"""NTLM belongs to a connection: it is proved once, and nothing asks again while that lives."""

from __future__ import annotations

import base64

import httpx2
import pytest
import spnego

from evict.lab.model.words import Pool
from evict.wire import ews
from tests.unit.lab.web.loopback import PASSWORD
from tests.unit.lab.web.mapi.outlook import Outlook
from tests.unit.lab.web.owa.place import Place


async def shake_hands(outlook: Outlook, scheme: str, password: str = PASSWORD) -> httpx2.Response:
    """Connect; the client keeps its one connection."""
    context = spnego.client("CORP\\alice", password, protocol=scheme.lower())
    token = context.step()
    while True:
        assert token is not None
        sent = f"{scheme} {base64.b64encode(token).decode()}"
        answer = await outlook.ask("PING", b"", authorization=sent)
        offered = dict(
            line.partition(" ")[::2] for line in answer.headers.get_list("www-authenticate")
        )
        if answer.status_code != 401 or not offered.get(scheme):
            return answer
        token = context.step(base64.b64decode(offered[scheme]))


@pytest.mark.parametrize("scheme", ["NTLM", "Negotiate"])
async def test_a_connection_is_known_until_its_worker_starts_again(
    place: Place, scheme: str
) -> None:
    outlook = Outlook(await place.client())
    assert outlook.code(await shake_hands(outlook, scheme)) == 13
    place.organisation.directory.disable("alice")
    outlook.basic = lambda: ""  # type: ignore[method-assign]
    assert outlook.error(await outlook.connect()) == 0
    assert outlook.code(await outlook.ping()) == 0
    place.organisation.recycle("ex01", Pool.MAPI)
    assert (await outlook.ping()).status_code == 401


async def test_a_wrong_password_is_refused(place: Place) -> None:
    outlook = Outlook(await place.client())
    assert (await shake_hands(outlook, "NTLM", "wrong")).status_code == 401


async def test_the_former_password_is_good_for_ntlm_alone(place: Place) -> None:
    place.organisation.directory.set_password("alice", "Another-pw-1")
    outlook = Outlook(await place.client())
    assert outlook.code(await shake_hands(outlook, "NTLM")) == 13
    assert (await Outlook(await place.client()).ping()).status_code == 401


async def test_another_site_of_the_port_takes_the_connection(place: Place) -> None:
    outlook = Outlook(await place.client())
    await shake_hands(outlook, "NTLM")
    answer = await outlook.client.post(ews.PATH, content=ews.get_inbox())
    assert answer.status_code == 200
