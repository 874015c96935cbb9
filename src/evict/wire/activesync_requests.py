# SPDX-License-Identifier: Apache-2.0
"""What a phone asks, and what it reads in the answers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from evict.wire.activesync import POLICY_TYPE, Status, order, status_of
from evict.wire.wbxml import Element, broken

INBOX: Final = "2"
"""Type of the folder (MS-ASCMD, Type (FolderSync)); so are the others."""
DEVICE_SINCE: Final = "14.1"
"""Before it nothing but the policy is asked for (MS-ASPROV 3.1.5.1.1)."""
CLASS_UNTIL: Final = "12.1"
"""Up to this version each collection says its class (MS-ASCMD, Class (Sync))."""


def node(tag: str, *content: Element) -> Element:
    return Element(tag, content)


def leaf(tag: str, value: str | int | bytes) -> Element:
    return Element(tag, (), str(value) if isinstance(value, int) else value)


def provision(*, model: str, user_agent: str, version: str = DEVICE_SINCE) -> Element:
    """Ask for the policy. Spec: MS-ASPROV 3.1.5.1.1.

    Args:
        version: of the protocol; before `DEVICE_SINCE` a phone does not describe itself here.
    """
    policies = node(
        "Provision:Policies",
        node("Provision:Policy", leaf("Provision:PolicyType", POLICY_TYPE)),
    )
    if order(version) < order(DEVICE_SINCE):
        return node("Provision:Provision", policies)
    device = node(
        "Settings:DeviceInformation",
        node(
            "Settings:Set",
            leaf("Settings:Model", model),
            leaf("Settings:UserAgent", user_agent),
        ),
    )
    return node("Provision:Provision", device, policies)


def acknowledge(policy_key: int) -> Element:
    """Say that the policy is followed. Spec: MS-ASPROV 3.1.5.1.2."""
    return node(
        "Provision:Provision",
        node(
            "Provision:Policies",
            node(
                "Provision:Policy",
                leaf("Provision:PolicyType", POLICY_TYPE),
                leaf("Provision:PolicyKey", policy_key),
                leaf("Provision:Status", Status.OK),
            ),
        ),
    )


def acknowledge_wipe() -> Element:
    """Say that the account was taken off the phone. Spec: MS-ASPROV 2.2.2.1."""
    return node(
        "Provision:Provision",
        node("Provision:AccountOnlyRemoteWipe", leaf("Provision:Status", Status.OK)),
    )


def folder_sync(sync_key: str) -> Element:
    return node("FolderHierarchy:FolderSync", leaf("FolderHierarchy:SyncKey", sync_key))


def sync(collection: str, sync_key: str, *, version: str = "") -> Element:
    """Ask for what changed in one folder, with texts cut short; key 0: for a first key alone.

    Args:
        version: of the protocol; "": one of now.
    """
    preference = node(
        "AirSyncBase:BodyPreference",
        leaf("AirSyncBase:Type", 1),
        leaf("AirSyncBase:TruncationSize", 4096),
    )
    parts = [leaf("AirSync:SyncKey", sync_key), leaf("AirSync:CollectionId", collection)]
    if version and order(version) <= order(CLASS_UNTIL):
        parts.insert(0, leaf("AirSync:Class", "Email"))
    if sync_key != "0":
        parts += [leaf("AirSync:GetChanges", 1), node("AirSync:Options", preference)]
    return node("AirSync:Sync", node("AirSync:Collections", node("AirSync:Collection", *parts)))


def ping(heartbeat_s: int, folders: Iterable[str]) -> Element:
    watched = [
        node("Ping:Folder", leaf("Ping:Id", folder), leaf("Ping:Class", "Email"))
        for folder in folders
    ]
    return node(
        "Ping:Ping",
        leaf("Ping:HeartbeatInterval", heartbeat_s),
        node("Ping:Folders", *watched),
    )


def send_mail(client_id: str, mime: bytes) -> Element:
    return node(
        "ComposeMail:SendMail",
        leaf("ComposeMail:ClientId", client_id),
        node("ComposeMail:SaveInSentItems"),
        leaf("ComposeMail:Mime", mime),
    )


class Policy(Struct, frozen=True, kw_only=True):
    """What the server says of its policy.

    Attributes:
        key: 0: none was given.
        wipe: it asks for the account, or everything, to be taken off the phone.
    """

    status: int
    key: int
    wipe: bool


def read_policy(root: Element) -> Policy:
    """Raises `RemoteProtocolError`."""
    text = root.text("Provision:Policies", "Provision:Policy", "Provision:PolicyKey") or "0"
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        broken("a policy key that is no number")
    names = ("Provision:RemoteWipe", "Provision:AccountOnlyRemoteWipe")
    return Policy(
        status=status_of(root) or Status.OK,
        key=int(text),
        wipe=any(root.find(name) is not None for name in names),
    )


class Folders(Struct, frozen=True, kw_only=True):
    """Attributes: `inbox` is its id, "" where it is not among what is new."""

    sync_key: str
    inbox: str


def read_folders(root: Element) -> Folders:
    page = "FolderHierarchy:"
    changes = root.find(f"{page}Changes")
    added = changes.all(f"{page}Add") if changes is not None else []
    inbox = next((a for a in added if a.text(f"{page}Type") == INBOX), None)
    return Folders(
        sync_key=root.text(f"{page}SyncKey") or "0",
        inbox=(inbox.text(f"{page}ServerId") or "") if inbox is not None else "",
    )
