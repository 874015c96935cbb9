# SPDX-License-Identifier: Apache-2.0
"""Provision: the policy in two steps, and the wipe of the account. Spec: MS-ASPROV 3.1.5.1."""

from __future__ import annotations

import secrets
from typing import Final

from evict.lab.http.messages import Response
from evict.lab.model.organisation import Organisation
from evict.lab.web.activesync.call import Call, document
from evict.wire.activesync import POLICY_TYPE, Status
from evict.wire.activesync_requests import leaf, node
from evict.wire.wbxml import Element

WIPE_SINCE: Final = "16.1"
_INFORMATION_SINCE: Final = "14.1"
_PROTOCOL_ERROR: Final = 2
_POLICY_UNKNOWN: Final = 3
_WRONG_KEY: Final = 5


async def provision(call: Call) -> Response:
    """Hand out the policy under a passing key; acknowledged, under one that lasts."""
    root = call.root
    policy = root.find("Provision:Policies", "Provision:Policy") if root is not None else None
    if root is None or root.tag != "Provision:Provision" or policy is None:
        return _answer(_PROTOCOL_ERROR)
    kind = policy.text("Provision:PolicyType")
    if kind != POLICY_TYPE:
        return document(_policy(kind or "", _POLICY_UNKNOWN))
    key = policy.text("Provision:PolicyKey")
    if key is not None:
        return _acknowledged(call, key)
    if call.since(_INFORMATION_SINCE) and root.find("Settings:DeviceInformation") is None:
        return _answer(Status.DEVICE_INFORMATION_REQUIRED)
    call.phone.offered_key = _new_key()
    settings = node(
        "Provision:EASProvisionDoc",
        leaf("Provision:DevicePasswordEnabled", 0),
        leaf("Provision:AttachmentsEnabled", 1),
        leaf("Provision:AllowStorageCard", 1),
    )
    answer = _policy(kind, Status.OK, call.phone.offered_key, node("Provision:Data", settings))
    if call.since(_INFORMATION_SINCE):
        taken = node("Settings:DeviceInformation", leaf("Settings:Status", Status.OK))
        answer = node(answer.tag, taken, *answer.children)
    return document(answer)


def _acknowledged(call: Call, key: str) -> Response:
    phone = call.phone
    if not phone.offered_key or key != str(phone.offered_key):
        return document(_policy(POLICY_TYPE, _WRONG_KEY))
    phone.offered_key = 0
    phone.device.policy_key = _new_key()
    return document(_policy(POLICY_TYPE, Status.OK, phone.device.policy_key))


def wipe(organisation: Organisation, sam: str, device_id: str, root: Element | None) -> Response:
    """Ask a phone to take the account off, and take its word that it did."""
    done = root.find("Provision:AccountOnlyRemoteWipe") if root is not None else None
    if done is None:
        return _answer(Status.OK, node("Provision:AccountOnlyRemoteWipe"))
    if done.text("Provision:Status") == str(int(Status.OK)):
        box = organisation.mailboxes[sam]
        organisation.mobile.acknowledge_wipe(box, device_id)
        organisation.mobile.device(box, device_id).policy_key = 0
    return _answer(Status.OK)


def _new_key() -> int:
    return secrets.randbelow(2**32 - 1) + 1


def _answer(status: int, *more: Element) -> Response:
    return document(_provision(status, *more))


def _provision(status: int, *more: Element) -> Element:
    return node("Provision:Provision", leaf("Provision:Status", int(status)), *more)


def _policy(kind: str, status: int, key: int = 0, *data: Element) -> Element:
    keys = (leaf("Provision:PolicyKey", key),) if key else ()
    policy = node(
        "Provision:Policy",
        leaf("Provision:PolicyType", kind),
        leaf("Provision:Status", int(status)),
        *keys,
        *data,
    )
    return _provision(Status.OK, node("Provision:Policies", policy))
