# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import base64

import pytest

from evict.core.errors import RemoteProtocolError
from evict.wire import activesync_requests as requests
from evict.wire.activesync import order, read_body, status_document, status_of, write_body
from evict.wire.activesync_query import Query, read_query
from evict.wire.wbxml import Element

DOCUMENTED = "jAAJBAp2MTQwRGV2aWNlAApTbWFydFBob25l"
"""The example of MS-ASHTTP 2.2.1.1.1.1."""
QUERY = Query(
    command="SendMail",
    device_id="PHONE1",
    device_type="SmartPhone",
    user="alice@corp.example",
    version="16.1",
    policy_key=3_000_000_000,
    save_in_sent=True,
    parameters={"CollectionId": "5"},
)


def test_the_documented_query_is_read_and_written() -> None:
    query = read_query(DOCUMENTED)
    assert (query.command, query.version) == ("Sync", "14.0")
    assert (query.device_id, query.device_type) == ("v140Device", "SmartPhone")
    assert query.policy_key is None
    assert query.binary() == DOCUMENTED


def test_both_forms_carry_the_same() -> None:
    assert read_query(QUERY.binary()) == QUERY
    plain = read_query(QUERY.plain())
    assert (plain.command, plain.user, plain.save_in_sent) == ("SendMail", QUERY.user, True)
    assert plain.parameters == {"CollectionId": "5"}
    assert (plain.version, plain.policy_key) == ("", None)


def test_a_query_may_be_percent_encoded() -> None:
    key = Query(command="Ping", device_id="P", device_type="S", version="14.1", policy_key=0xFB)
    text = key.binary().replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")
    assert read_query(text) == key


def test_a_device_id_that_is_a_guid_is_shown_in_hexadecimal() -> None:
    raw = b"\x8d\x12\x09\x04\x10" + bytes(range(16)) + b"\x00\x02WP"
    query = read_query(base64.b64encode(raw).decode())
    assert query.device_id == bytes(range(16)).hex().upper()
    assert query.device_type == "WP"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "User=x&DeviceId=y",
        "Cmd=",
        "nonsense!",
        "&".join(f"a{i}=b" for i in range(99)),
        "x" * 5000,
        base64.b64encode(b"\x8d\x12").decode(),
        base64.b64encode(b"\x8d\x63\x09\x04\x01a\x00\x01b").decode(),
        base64.b64encode(b"\x8d\x12\x09\x04\x01a\x02\x00\x00\x01b").decode(),
        base64.b64encode(b"\x8d\x12\x09\x04\xffa").decode(),
        base64.b64encode(b"\x8d\x12\x09\x04\x01a\x00\x01\xff").decode(),
    ],
)
def test_a_query_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        read_query(text)


@pytest.mark.parametrize("version", ["", "14", "a.b", "14.x", "1234.1", "-1.2", "٣.1"])
def test_a_version_that_is_none_is_refused(version: str) -> None:
    with pytest.raises(RemoteProtocolError):
        order(version)


def test_versions_are_compared_as_numbers() -> None:
    assert order("2.5") < order("12.1") < order("14.0") < order("16.1")


def test_a_status_is_found_whichever_command_answers() -> None:
    for command in ("Ping", "FolderSync", "SendMail", "Provision"):
        root = read_body(write_body(status_document(command, 126)))
        assert status_of(root) == 126
    assert status_of(Element("Ping:Ping")) is None


@pytest.mark.parametrize(
    "root",
    [
        Element("Ping:Folders"),
        Element("Ping:Ping", (Element("Ping:Status", (), "open"),)),
        Element("Ping:Ping", (Element("Ping:Status", (), "11111"),)),
    ],
)
def test_an_answer_that_is_none_is_refused(root: Element) -> None:
    with pytest.raises(RemoteProtocolError):
        status_of(root)


def test_a_policy_is_read() -> None:
    policy = requests.read_policy(requests.acknowledge(4_294_967_295))
    assert (policy.key, policy.wipe) == (4_294_967_295, False)
    wipe = requests.read_policy(requests.acknowledge_wipe())
    assert (wipe.key, wipe.wipe) == (0, True)


@pytest.mark.parametrize("key", ["x", "12345678901", "-1"])
def test_a_policy_key_that_is_no_number_is_refused(key: str) -> None:
    policy = requests.node("Provision:Policy", requests.leaf("Provision:PolicyKey", key))
    with pytest.raises(RemoteProtocolError):
        requests.read_policy(
            requests.node("Provision:Provision", requests.node("Provision:Policies", policy))
        )


def test_the_inbox_is_found_among_the_folders() -> None:
    page = "FolderHierarchy:"
    added = [
        requests.node(
            f"{page}Add",
            requests.leaf(f"{page}ServerId", number),
            requests.leaf(f"{page}Type", kind),
        )
        for number, kind in (("7", 3), ("8", 2))
    ]
    root = requests.node(
        f"{page}FolderSync",
        requests.leaf(f"{page}SyncKey", "4"),
        requests.node(f"{page}Changes", *added),
    )
    assert requests.read_folders(root) == requests.Folders(sync_key="4", inbox="8")
    assert requests.read_folders(Element(f"{page}FolderSync")).inbox == ""
