# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
from anyldap.protocols import pureldap

from evict.core.errors import RemoteProtocolError
from evict.wire import ldap_bind
from evict.wire.ldap_bind import BindResult, Messages

TEXT = "80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data 533, v1db1"


def content(data: bytes) -> bytes:
    messages = Messages()
    messages.feed(data)
    message = messages.next_message()
    assert message is not None
    return message


def test_another_library_writes_the_very_same_request() -> None:
    theirs = pureldap.LDAPMessage(
        pureldap.LDAPBindRequest(dn="alice@corp.test", auth="pässword"), id=1
    )
    assert ldap_bind.bind_request("alice@corp.test", "pässword") == theirs.toWire()


def test_another_library_writes_the_very_same_starttls() -> None:
    theirs = pureldap.LDAPMessage(pureldap.LDAPStartTLSRequest(), id=1)
    assert ldap_bind.starttls_request() == theirs.toWire()
    assert ldap_bind.asks_for_tls(content(theirs.toWire()))
    assert not ldap_bind.asks_for_tls(content(ldap_bind.bind_request("a", "b")))
    answer = pureldap.LDAPMessage(pureldap.LDAPStartTLSResponse(resultCode=0), id=1).toWire()
    assert ldap_bind.parse_starttls_result(content(answer)) == BindResult(code=0)


def test_the_answer_to_one_request_is_none_to_the_other() -> None:
    with pytest.raises(RemoteProtocolError, match="StartTLS"):
        ldap_bind.parse_starttls_result(content(ldap_bind.bind_response(0)))
    with pytest.raises(RemoteProtocolError, match="bind"):
        ldap_bind.parse_result(content(ldap_bind.starttls_response(0)))


def test_the_answer_of_another_library_is_read() -> None:
    response = pureldap.LDAPBindResponse(resultCode=49, matchedDN="", errorMessage=TEXT)
    data = pureldap.LDAPMessage(response, id=1).toWire()
    assert ldap_bind.parse_result(content(data)) == BindResult(code=49, text=TEXT)


def test_lengths_of_four_octets_are_read() -> None:
    """As Samba and Windows write them."""
    data = bytes.fromhex("308400000010020101618400000007") + bytes.fromhex("0a0100040004 00")
    assert ldap_bind.parse_result(content(data)) == BindResult(code=0)


def test_both_ends_agree() -> None:
    request = ldap_bind.parse_request(content(ldap_bind.bind_request("a", "b")))
    assert (request.message_id, request.name, request.password) == (1, "a", "b")
    result = ldap_bind.parse_result(content(ldap_bind.bind_response(49, "x" * 300)))
    assert result == BindResult(code=49, text="x" * 300)


def test_a_notice_of_disconnection_is_no_answer_to_the_bind() -> None:
    result = ldap_bind.parse_result(content(ldap_bind.disconnection("going down")))
    assert result == BindResult(code=ldap_bind.DISCONNECTION, text="going down")


def test_a_message_is_given_once_it_is_whole() -> None:
    messages = Messages()
    data = ldap_bind.bind_response(0)
    for octet in data[:-1]:
        messages.feed(bytes([octet]))
        assert messages.next_message() is None
    messages.feed(data[-1:])
    assert messages.next_message() is not None


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 400\r\n",
        b"\x30\x80\x02\x01\x01",
        b"\x30\x85\x01\x00\x00\x00\x00",
        b"\x30\x84\x7f\xff\xff\xff",
        b"\x30\x00",
        b"\x30\x03\x02\x01\x01",
        ldap_bind.bind_response(0, message_id=2),
        ldap_bind.bind_request("a", "b"),
    ],
)
def test_anything_else_is_no_answer(data: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        ldap_bind.parse_result(content(data))
