# SPDX-License-Identifier: Apache-2.0
"""What an administrator, a tool or Evict does in one step; each acts on the model at once."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from msgspec import Struct

from evict.lab.compare.scene import LEAVER, Scene
from evict.lab.model.profile import Profile
from evict.lab.model.words import ModelError, Pool, Protocol

Act = Callable[[Scene], None]
_NOT_HERE: Final = "no equivalent on premises"
LOOKS: Final = 2
LOOK_EVERY_S: Final = 1.0
"""How Evict's controller looks again, at the least: a session that nothing lists keeps it from no
rest."""
_FLAGS: Final = ("owa", "ecp", "activesync", "ews", "mapi", "imap", "pop3")


class Step(Struct, frozen=True, kw_only=True):
    """One step.

    Attributes:
        act: None: there is nothing on premises that it would change; it is listed all the same.
        tool: whose duration it has, of `durations.toml`.
        needs: what a version must have for it (`Profile.has`); "" for nothing.
        optional: on a version that does not have it, the recipe goes without.
        cmdlet: how one does it, for the sentence that says that a version cannot.
    """

    what: str
    act: Act | None
    tool: str = "console"
    needs: str = ""
    cmdlet: str = ""
    optional: bool = False

    def possible(self, profile: Profile) -> bool:
        return not self.missing(profile)

    def missing(self, profile: Profile) -> str:
        """Why it cannot be done on this version; "" where it can."""
        if self.act is None:
            return _NOT_HERE
        if self.needs and not profile.has(self.needs):
            return f"Exchange {profile.version} has no {self.cmdlet or self.needs}"
        return ""


def nothing_like(what: str) -> Step:
    """Something of the cloud that an organisation on own servers does not have."""
    return Step(what=what, act=None, tool="script")


# In the directory.


def disable(scene: Scene) -> None:
    scene.organisation.directory.disable(LEAVER)


def reset(scene: Scene) -> None:
    """A new password each time; the leaver does not know it."""
    count = len(scene.organisation.directory.accounts[LEAVER].previous)
    scene.organisation.directory.set_password(LEAVER, f"Set-by-the-administrator-{count}")


# On the mailbox.


def features_off(scene: Scene) -> None:
    """Everything that Set-CASMailbox of this version can switch off."""
    profile = scene.organisation.profile
    flags = [name for name in _FLAGS if name != "ews" or profile.has("ews-flag")]
    scene.organisation.set_features(LEAVER, **dict.fromkeys(flags, False))


def self_off(scene: Scene) -> None:
    scene.organisation.remove_permission(LEAVER, "NT AUTHORITY\\SELF", ["FullAccess"])


def system_entries_off(scene: Scene) -> None:
    for name in ("Exchange Servers", "Exchange Trusted Subsystem"):
        user = f"{scene.organisation.directory.netbios}\\{name}"
        scene.organisation.remove_permission(LEAVER, user, ["FullAccess"])


def quarantine(scene: Scene) -> None:
    scene.organisation.quarantine(LEAVER)


def move(scene: Scene) -> None:
    scene.organisation.start_move(LEAVER, "DB02")


def remove_partnerships(scene: Scene) -> None:
    box = scene.organisation.mailboxes[LEAVER]
    for device_id in list(box.devices):
        scene.organisation.mobile.remove(box, device_id)


def block_devices(scene: Scene) -> None:
    box = scene.organisation.mailboxes[LEAVER]
    for device_id in list(box.devices):
        scene.organisation.mobile.block(box, device_id)


def wipe_phones(scene: Scene) -> None:
    """The account alone; the tool's own full wipe takes a private phone with it."""
    box = scene.organisation.mailboxes[LEAVER]
    for device_id in list(box.devices):
        scene.organisation.mobile.wipe_account(box, device_id)


def rules_off(scene: Scene) -> None:
    for rule in scene.organisation.mailboxes[LEAVER].rules:
        rule.enabled = False


def rights_elsewhere_off(scene: Scene) -> None:
    """Every right of the leaver's in other mailboxes, found by a search of all of them."""
    names = {name.lower() for name in scene.names_of_the_leaver()}
    for box in scene.organisation.mailboxes.values():
        for entry in list(box.acl):
            if entry.user.lower() in names and not entry.inherited:
                scene.organisation.remove_permission(box.sam, entry.user, entry.rights)


# On the servers.


def iisreset_everywhere(scene: Scene) -> None:
    for server in scene.organisation.servers:
        _restart(scene, server)


def _restart(scene: Scene, server: str) -> None:
    """First as one should; by force where that fails."""
    try:
        scene.organisation.iisreset(server, force=False)
    except ModelError:
        scene.organisation.iisreset(server, force=True)


def recycle_where_served(scene: Scene) -> None:
    """Look into the servers' logs again and again, and recycle a pool that serves the leaver.

    As long as the controller looks after its measures; nobody looks after that.
    """
    begun_s = scene.place.now_s
    for look in range(1, LOOKS + 1):
        scene.place.course.after(LOOK_EVERY_S * look, partial(_look, scene, begun_s, set()))


def _look(scene: Scene, since_s: float, recycled: set[tuple[str, Pool]]) -> None:
    for name, server in scene.organisation.servers.items():
        for line in reversed(server.log):
            if line.at < since_s:
                break
            pool = scene.organisation.profile.pool_of(Protocol(line.protocol))
            if line.sam == LEAVER and pool is not None and (name, pool) not in recycled:
                recycled.add((name, pool))
                scene.organisation.recycle(name, pool)


def refuse_at_the_front(scene: Scene) -> None:
    scene.place.front.close(LEAVER)


def shorter_tokens(scene: Scene, seconds: float) -> None:
    """Set on every server, and IIS restarted so that it holds; long before anybody leaves."""
    for server in scene.organisation.servers:
        scene.organisation.set_token_ttl(server, seconds)
        scene.organisation.iisreset(server, force=True)
