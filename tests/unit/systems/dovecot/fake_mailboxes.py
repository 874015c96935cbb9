# SPDX-License-Identifier: Apache-2.0
"""The fake doveadm with mailboxes: home folders and Sieve scripts."""

from __future__ import annotations

from typing import Any

from tests.unit.systems.dovecot.fake_doveadm import FakeDoveadm


class Mailbox:
    """One home folder.

    Attributes:
        names: user names that lead to it.
        scripts: name -> text.
        stuck: `sieveDeactivate` says yes and does nothing.
    """

    def __init__(self, *names: str) -> None:
        self.names = names
        self.scripts: dict[str, str] = {}
        self.active: str | None = None
        self.stuck = False


class FakeMailboxes(FakeDoveadm):
    """Answers `user` and the Sieve commands as Dovecot 2.3.19 does.

    Attributes:
        asked_users: every user of a Sieve command, since a real server makes folders for it.
        broken_sieve: exit code of every Sieve command, where it is not 0.
    """

    def __init__(self, host: str, *mailboxes: Mailbox) -> None:
        super().__init__(host)
        self.mailboxes = mailboxes
        self.asked_users: list[str] = []
        self.broken_sieve = 0

    def _one(self, name: str, parameters: dict[str, Any], tag: str) -> list[Any]:
        if self.mode == "busy":
            return super()._one(name, parameters, tag)
        if name == "user":
            (user,) = parameters["userMask"]
            box = self._box(user)
            if box is None:
                return _failed(67, tag)
            return ["doveadmResponse", {user: {"home": f"/srv/mail/{box.names[0]}"}}, tag]
        if not name.startswith("sieve"):
            return super()._one(name, parameters, tag)
        self.commands.append((name, parameters))
        self.asked_users.append(parameters["user"])
        box = self._box(parameters["user"])
        if self.broken_sieve:
            return _failed(self.broken_sieve, tag)
        return _failed(67, tag) if box is None else self._sieve(name, box, parameters, tag)

    def _box(self, user: str) -> Mailbox | None:
        return next((box for box in self.mailboxes if user in box.names), None)

    def _sieve(self, name: str, box: Mailbox, parameters: dict[str, Any], tag: str) -> list[Any]:
        script = str(parameters.get("scriptname", ""))
        rows: list[dict[str, str]] = []
        if name == "sieveList":
            rows = [
                {"script": each, "active": "ACTIVE" if each == box.active else ""}
                for each in box.scripts
            ]
        elif name == "sievePut":
            box.scripts[script] = parameters["file"]
            box.active = script if parameters.get("activate") else box.active
        elif name == "sieveDeactivate":
            box.active = box.active if box.stuck else None
        elif script not in box.scripts:
            return _failed(68, tag)
        elif name == "sieveGet":
            rows = [{"sieve script": box.scripts[script]}]
        elif name == "sieveActivate":
            box.active = script
        return ["doveadmResponse", rows, tag]


def _failed(code: int, tag: str) -> list[Any]:
    return ["error", {"type": "exitCode", "exitCode": code}, tag]
