# SPDX-License-Identifier: Apache-2.0
"""Partnerships of phones: Get-, Remove-, Clear-MobileDevice, and the names of 2010.

Source: the cmdlets' reference. A wipe acts when the phone makes contact next, and its times stand
in the statistics alone; -AccountOnly begins with 2016. A partnership that was removed is made anew
by a phone that is still let in (assumed).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from evict.lab.cmdlets import identity
from evict.lab.cmdlets.acting import permit
from evict.lab.cmdlets.objects import (
    CONFIGURABLE,
    DIRECTORY_OBJECT,
    dn_of,
    made_up_id,
    moment,
    name_of,
    object_id,
)
from evict.lab.cmdlets.parameters import ANY_IDENTITY, IDENTITY, MAILBOX, RESULT_SIZE, exchange
from evict.lab.cmdlets.parameters import of_kind as kinds
from evict.lab.cmdlets.roles import READ, WRITE
from evict.lab.cmdlets.shape import Call, Cmdlet, Parameter
from evict.lab.cmdlets.state import Wipe, state_of
from evict.lab.cmdlets.words import CmdletError, Output, PsObject
from evict.lab.model.mailbox import Mailbox, MobileDevice
from evict.lab.model.profile import Version

_FOLDER: Final = "ExchangeActiveSyncDevices"
_DIRECTORY: Final = "Microsoft.Exchange.Data.Directory.SystemConfiguration."
_STATISTICS: Final = (
    "Microsoft.Exchange.Management.Mobility.MobileDeviceConfiguration",
    *CONFIGURABLE,
)
Found = tuple[Mailbox, MobileDevice]


def _name(device: MobileDevice) -> str:
    """Its type and its id, as Exchange joins them."""
    return f"{device.device_type}\u00a7{device.device_id}"


def _id(call: Call, box: Mailbox, device: MobileDevice) -> PsObject:
    dn = f"CN={_name(device)},CN={_FOLDER},{dn_of(call.organisation, box)}"
    return object_id(dn, made_up_id(box.sam, device.device_id))


def _all(call: Call) -> Iterator[Found]:
    for box in call.organisation.mailboxes.values():
        for device in box.devices.values():
            yield box, device


def _find(call: Call, value: object) -> Found:
    """By the whole identity, the id of the phone, or the object's. Raises `CmdletError`."""
    text = identity.text_of(value)
    low = text.lower()
    hits = [
        (box, device)
        for box, device in _all(call)
        if low
        in (
            device.device_id.lower(),
            _name(device).lower(),
            str(made_up_id(box.sam, device.device_id)),
        )
        or low == f"{name_of(call.organisation, box)}/{_FOLDER}/{_name(device)}".lower()
        or low == f"cn={_name(device)},cn={_FOLDER},{dn_of(call.organisation, box)}".lower()
    ]
    if len(hits) > 1:
        raise identity.ambiguous(text)
    if not hits:
        raise identity.not_found(call, text)
    return hits[0]


def _asked(call: Call) -> list[Found]:
    if "Mailbox" in call.bound:
        box = identity.mailbox(call, call.bound["Mailbox"])
        return [(box, device) for device in box.devices.values()]
    if "Identity" in call.bound:
        return [_find(call, call.bound["Identity"])]
    return list(_all(call))[: identity.result_size(call)]


def _common(call: Call, box: Mailbox, device: MobileDevice) -> dict[str, object]:
    listed = {i.lower(): "Blocked" for i in box.blocked_devices}
    listed |= {i.lower(): "Allowed" for i in box.allowed_devices if i.lower() not in listed}
    own = listed.get(device.device_id.lower())
    return {
        "DeviceId": device.device_id,
        "DeviceType": device.device_type,
        "DeviceModel": device.device_type,
        "DeviceUserAgent": device.user_agent,
        "DeviceAccessState": own or "Allowed",
        "DeviceAccessStateReason": "Individual" if own else "Global",
        "FirstSyncTime": moment(device.first_sync),
        "ClientType": "EAS",
        "Identity": _id(call, box, device),
        "Guid": made_up_id(box.sam, device.device_id),
        "IsValid": True,
    }


def get_device(call: Call) -> Iterator[Output]:
    kind = "MobileDevice" if call.organisation.profile.has("mobile-device") else "ActiveSyncDevice"
    for box, device in _asked(call):
        extra: dict[str, object] = {
            "FriendlyName": device.device_type,
            "UserDisplayName": name_of(call.organisation, box),
            "Name": _name(device),
            "DistinguishedName": f"CN={_name(device)},CN={_FOLDER},{dn_of(call.organisation, box)}",
        }
        types = (f"{_DIRECTORY}{kind}", *DIRECTORY_OBJECT)
        yield PsObject(types, _name(device), _common(call, box, device) | extra)


def _status(wipe: Wipe | None, state: str) -> str:
    if wipe is None or not state:
        return "DeviceOk"
    kind = "DeviceWipe" if wipe.whole else "AccountOnlyDeviceWipe"
    return f"{kind}{'Pending' if state == 'pending' else 'Succeeded'}"


def get_statistics(call: Call) -> Iterator[Output]:
    for box, device in _asked(call):
        wipe = state_of(call.organisation).of(box.sam).wipes.get(device.device_id)
        ordered = device.wipe != ""
        taken = device.wipe == "acknowledged"
        asked = wipe.asked if wipe is not None else device.last_sync
        extra: dict[str, object] = {
            "LastSuccessSync": moment(device.last_sync),
            "LastSyncAttemptTime": moment(device.last_sync),
            "DeviceWipeRequestTime": moment(asked) if ordered else None,
            "DeviceWipeSentTime": moment(device.last_sync) if taken else None,
            "DeviceWipeAckTime": moment(device.last_sync) if taken else None,
            "LastDeviceWipeRequestor": wipe.by if wipe is not None and ordered else "",
            "Status": _status(wipe or (Wipe(asked, "", whole=False)), device.wipe),
            "IsRemoteWipeSupported": True,
        }
        yield PsObject(_STATISTICS, _name(device), _common(call, box, device) | extra)


def remove(call: Call) -> Iterator[Output]:
    box, device = _find(call, call.bound["Identity"])
    if (yield from permit(call, box, f"Removing the device {_name(device)} of")):
        call.organisation.mobile.remove(box, device.device_id)
        state_of(call.organisation).of(box.sam).wipes.pop(device.device_id, None)


def clear(call: Call) -> Iterator[Output]:
    box, device = _find(call, call.bound["Identity"])
    kept = state_of(call.organisation).of(box.sam).wipes
    if call.flag("Cancel"):
        if not (yield from permit(call, box, f"Canceling the wipe of {_name(device)} of")):
            return
        if device.wipe == "acknowledged":
            raise CmdletError(
                f"The wipe of {_name(device)} can't be canceled: the device confirmed it already.",
                "TaskInvalidOperationException",
                category="InvalidOperation",
            )
        call.organisation.mobile.cancel_wipe(box, device.device_id)
        kept.pop(device.device_id, None)
        return
    if not (yield from permit(call, box, f"Wiping the device {_name(device)} of")):
        return
    alone = call.flag("AccountOnly")
    if alone:
        call.organisation.mobile.wipe_account(box, device.device_id)
    else:
        device.wipe = "pending"
    by = call.organisation.directory.get(call.caller).upn
    kept[device.device_id] = Wipe(call.organisation.now(), by, whole=not alone)


_GET: Final = exchange(
    ANY_IDENTITY, MAILBOX, RESULT_SIZE, *kinds("string", "Filter"), *kinds("switch", "ActiveSync")
)
_CLEAR: Final = exchange(
    IDENTITY,
    *kinds("switch", "Cancel"),
    *kinds("list", "NotificationEmailAddresses"),
    Parameter(name="AccountOnly", kind="switch", since=Version.V2016),
)
_REMOVE: Final = exchange(IDENTITY)


def _of(noun: str, since: Version, until: Version) -> Iterator[Cmdlet]:
    """The four cmdlets of either name."""
    for verb, run, parameters, suffix in (
        ("Get", get_device, _GET, ""),
        ("Get", get_statistics, _GET, "Statistics"),
        ("Remove", remove, _REMOVE, ""),
        ("Clear", clear, _CLEAR, ""),
    ):
        yield Cmdlet(
            name=f"{verb}-{noun}{suffix}",
            run=run,
            roles=READ if verb == "Get" else WRITE,
            since=since,
            until=until,
            confirms=verb != "Get",
            parameters=parameters,
        )


CMDLETS: Final = (
    *_of("ActiveSyncDevice", Version.V2010, Version.V2010),
    *_of("MobileDevice", Version.V2013, Version.SE),
)
