# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from evict.core.errors import RemoteProtocolError
from evict.wire import dav
from evict.wire.reading import Says

HEAD = '<?xml version="1.0" encoding="utf-8"?><D:multistatus xmlns:D="DAV:">'
CALDAV = "urn:ietf:params:xml:ns:caldav"
CARDDAV = "urn:ietf:params:xml:ns:carddav"


def response(href: str, prop: str, status: str = "HTTP/1.1 200 OK") -> str:
    return (
        f"<D:response><D:href>{href}</D:href><D:propstat><D:status>{status}</D:status>"
        f"<D:prop>{prop}</D:prop></D:propstat></D:response>"
    )


def multistatus(*responses: str) -> bytes:
    return f"{HEAD}{''.join(responses)}</D:multistatus>".encode()


def kinds(*names: str) -> str:
    inside = "".join(f'<{n.rpartition(" ")[2]} xmlns="{n.rpartition(" ")[0]}"/>' for n in names)
    return f"<D:resourcetype><D:collection/>{inside}</D:resourcetype>"


PRINCIPAL = "<D:current-user-principal><D:href>/SOGo/dav/alice/</D:href></D:current-user-principal>"
ME = response("/SOGo/dav/alice/Calendar/", PRINCIPAL)
NOBODY = response(
    "/SOGo/dav/public/", "<D:current-user-principal/>", status="HTTP/1.1 404 Not Found"
)
HOME = response("/SOGo/dav/public/alice/Calendar/", kinds())
INBOX = response("/SOGo/dav/public/alice/Calendar/inbox/", kinds(f"{CALDAV} schedule-inbox"))
BOOK = response("/SOGo/dav/public/alice/Contacts/personal/", kinds(f"{CARDDAV} addressbook"))
CALENDAR = response("/SOGo/dav/public/alice/Calendar/work/", kinds(f"{CALDAV} calendar"))


def test_paths_keep_a_name_in_its_place() -> None:
    assert dav.home("alice@corp.test", "Calendar") == "/SOGo/dav/alice@corp.test/Calendar/"
    assert dav.published("../x?", "Contacts") == "/SOGo/dav/public/..%2Fx%3F/Contacts/"


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (207, multistatus(ME), Says.IN),
        (207, multistatus(NOBODY), Says.UNCLEAR),
        (207, multistatus(), Says.UNCLEAR),
        (207, multistatus(response("/", PRINCIPAL, "HTTP/1.1 403 Forbidden")), Says.UNCLEAR),
        (200, b"<html>a login page", Says.UNCLEAR),
        (401, b"Unauthorized", Says.REFUSED),
        (403, b"", Says.REFUSED),
        (404, b"", Says.UNCLEAR),
        (503, b"", Says.UNCLEAR),
    ],
)
def test_in_is_who_the_server_names(status: int, body: bytes, says: Says) -> None:
    assert dav.read_who(status, body).says is says


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (207, multistatus(HOME, INBOX), Says.REFUSED),
        (207, multistatus(HOME, BOOK), Says.IN),
        (207, multistatus(HOME, INBOX, CALENDAR), Says.IN),
        (404, b"object not found", Says.REFUSED),
        (401, b"", Says.REFUSED),
        (302, b"", Says.UNCLEAR),
        (200, b"", Says.UNCLEAR),
        (500, b"", Says.UNCLEAR),
    ],
)
def test_what_anybody_is_shown(status: int, body: bytes, says: Says) -> None:
    assert dav.read_published(status, body).says is says


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (200, Says.IN),
        (404, Says.REFUSED),
        (401, Says.REFUSED),
        (403, Says.REFUSED),
        (302, Says.UNCLEAR),
        (500, Says.UNCLEAR),
    ],
)
def test_what_a_published_file_means(status: int, says: Says) -> None:
    assert dav.read_file(status).says is says


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"<html></html>",
        b'<!DOCTYPE x [<!ENTITY e "x">]><D:multistatus xmlns:D="DAV:">&e;</D:multistatus>',
        HEAD.encode() + b"<D:response>" * 40,
        b'<?xml version="1.0" encoding="none"?><x/>',
    ],
)
def test_what_is_no_multistatus_breaks_the_protocol(body: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        dav.read_who(207, body)
    with pytest.raises(RemoteProtocolError):
        dav.read_published(207, body)
