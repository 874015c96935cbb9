# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from evict.core.errors import RemoteProtocolError
from evict.wire import ews
from evict.wire.reading import Says

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
ERRORS = "http://schemas.microsoft.com/exchange/services/2006/errors"
FAULT = (
    f'<s:Envelope xmlns:s="{SOAP}" xmlns:e="{ERRORS}"><s:Body><s:Fault><faultcode>x</faultcode>'
    "<faultstring>The account is off.</faultstring><detail>"
    "<e:ResponseCode>{}</e:ResponseCode><e:Message>off</e:Message></detail></s:Fault></s:Body>"
    "</s:Envelope>"
)


def test_a_fault_that_names_a_refusal_is_one() -> None:
    reading = ews.read(500, FAULT.format("ErrorAccountDisabled").encode())
    assert (reading.says, reading.words) == (
        Says.REFUSED,
        "ErrorAccountDisabled: The account is off.",
    )
    assert ews.read(500, FAULT.format("ErrorServerBusy").encode()).says is Says.UNCLEAR
    assert ews.read(500, b"<html>").says is Says.UNCLEAR


def test_no_document_type_and_no_depth_is_read() -> None:
    deep = f'<s:Envelope xmlns:s="{SOAP}">' + "<a>" * 100
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa">]>' + f'<s:Envelope xmlns:s="{SOAP}"/>'
    for body in (deep, bomb, "<a/>", "", "x"):
        with pytest.raises(RemoteProtocolError):
            ews.parse(body.encode())


def test_the_request_asks_for_the_inbox_by_id_alone() -> None:
    body = ews.get_inbox()
    assert b"IdOnly" in body
    assert ews.parse(body) == ews.Said((), (), 0)
