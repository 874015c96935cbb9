# SPDX-License-Identifier: Apache-2.0
"""Phones' partnerships: made at a phone's first contact, wiped at its next."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from evict.lab.model.mailbox import Mailbox, MobileDevice
from evict.lab.model.profile import Profile
from evict.lab.model.words import Denial, Denied, ModelError


class Device(Struct, frozen=True, kw_only=True):
    """A phone as it says who it is."""

    device_id: str
    device_type: str = "SmartPhone"
    user_agent: str = ""


class Mobile:
    def __init__(self, profile: Profile, now: Callable[[], float]) -> None:
        self._profile = profile
        self._now = now

    def contact(self, box: Mailbox, device: Device, blocked: Sequence[str]) -> Denied | None:
        """A phone speaks. One without a partnership gets one, also where it had one before."""
        if device.device_id.lower() in (d.lower() for d in blocked):
            return Denied(Denial.DEVICE_BLOCKED)
        known = box.devices.get(device.device_id)
        now = self._now()
        if known is None:
            box.devices[device.device_id] = MobileDevice(
                device.device_id, device.device_type, device.user_agent, now, now
            )
            return None
        if known.wipe == "pending":
            return Denied(Denial.DEVICE_WIPE)
        known.last_sync = now
        return None

    def block(self, box: Mailbox, device_id: str, *, blocked: bool = True) -> bool:
        """Set-CASMailbox ActiveSyncBlockedDeviceIDs; servers read it late. Whether it changed."""
        others = [d for d in box.blocked_devices if d.lower() != device_id.lower()]
        was = list(box.blocked_devices)
        box.blocked_devices[:] = [*others, device_id] if blocked else others
        return {d.lower() for d in was} != {d.lower() for d in box.blocked_devices}

    def remove(self, box: Mailbox, device_id: str) -> MobileDevice:
        """The partnership alone: a phone that may still sync makes a new one (assumed)."""
        device = self.device(box, device_id)
        del box.devices[device.device_id]
        return device

    def wipe_account(self, box: Mailbox, device_id: str) -> None:
        """Take the account off a phone at its next contact; nothing else of it is touched.

        A phone that is not let in before never hears of it (Clear-MobileDevice: "the next time
        that the device receives data").
        """
        if not self._profile.has("account-only-wipe"):
            raise ModelError("unsupported", "this version has no account-only wipe")
        self.device(box, device_id).wipe = "pending"

    def cancel_wipe(self, box: Mailbox, device_id: str) -> bool:
        """Whether one was pending: an acknowledged one is done."""
        device = self.device(box, device_id)
        pending, device.wipe = device.wipe == "pending", device.wipe.replace("pending", "")
        return pending

    def acknowledge_wipe(self, box: Mailbox, device_id: str) -> bool:
        """The phone says that it did; whether it was asked to."""
        device = self.device(box, device_id)
        if device.wipe != "pending":
            return False
        device.wipe = "acknowledged"
        return True

    def device(self, box: Mailbox, device_id: str) -> MobileDevice:
        """Raises `ModelError` where the mailbox has no such partnership."""
        low = device_id.lower()
        found = next((d for d in box.devices.values() if d.device_id.lower() == low), None)
        if found is None:
            raise ModelError("not-found", f"there is no device {device_id}")
        return found
