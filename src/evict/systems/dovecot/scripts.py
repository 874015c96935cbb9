# SPDX-License-Identifier: Apache-2.0
"""The leaver's active Sieve script: seen, deactivated with its before-image kept, activated again.

A redirect goes on forwarding after everything else is shut, since delivery asks no directory.
"""

from __future__ import annotations

import hashlib
from typing import Final

from msgspec import Struct

from evict.core.account import Account
from evict.core.errors import RemoteProtocolError
from evict.core.measure import BeforeImage, Effect, EffectKind, Measure
from evict.core.names import apply_username_format, try_canonical
from evict.systems.dovecot.doveadm import NO_USER, Command, Doveadm, Script
from evict.systems.dovecot.sieve import Summary, summarise

_NAME: Final = "active script"
_TEXT: Final = "script"
_HASH: Final = "sha256"


class ActiveScript(Struct, frozen=True, kw_only=True):
    """The one script of a mailbox that runs at delivery.

    Attributes:
        user: the mailbox, as Dovecot names it.
        text: the script itself; "" where it is active and cannot be fetched.
    """

    user: str
    name: str
    text: str

    @property
    def sha256(self) -> str:
        return _digest(self.text)

    def image(self, measure: str, system: str) -> BeforeImage:
        """What a reinstatement needs: name, hash, and the text should the script be deleted."""
        return BeforeImage(
            measure=measure,
            system=system,
            target=self.user,
            before={_NAME: self.name, _HASH: self.sha256, _TEXT: self.text},
            after={},
        )

    @property
    def summary(self) -> Summary:
        return summarise(self.text)

    @property
    def sentence(self) -> str:
        return f"the Sieve script {self.name!r} of {self.user} is active: {self.summary.sentence}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class Scripts:
    """Reads and sets active scripts at one Dovecot."""

    def __init__(self, doveadm: Doveadm, *, system: str, username_format: str) -> None:
        self._doveadm = doveadm
        self._system = system
        self._format = username_format

    async def of(self, account: Account) -> tuple[ActiveScript, ...]:
        """The active script of each mailbox that the account's names lead to."""
        found = [await self._active(user) for user in await self._mailboxes(account)]
        return tuple(script for script in found if script is not None)

    async def _mailboxes(self, account: Account) -> list[str]:
        """Mailboxes by their home folders, each once: mail to an alias may run a script of its own.

        Quirk: Dovecot 2.3.19 makes the folders of a mailbox that `sieveList` is asked about, so a
        second name of the same home is not asked.
        """
        raw = (account.sam, account.upn, *account.addresses)
        forms = [form for name in raw if name and (form := try_canonical(name)) is not None]
        users = list(dict.fromkeys(apply_username_format(self._format, form) for form in forms))
        commands = [Command("user", {"userMask": [user], "field": "home"}) for user in users]
        homes: dict[str, str] = {}
        for user, answer in zip(users, await self._doveadm.run(commands), strict=True):
            if answer.exit_code == NO_USER:
                continue
            (row,) = self._doveadm.rows(answer) or ({},)
            homes.setdefault(row.get(user, user), user)
        return list(homes.values())

    async def _active(self, user: str) -> ActiveScript | None:
        listed = await self._doveadm.sieve_list(user)
        active = next((script for script in listed if script.active), None)
        if active is None:
            return None
        text = await self._doveadm.sieve_get(user, active.name)
        return ActiveScript(user=user, name=active.name, text=text or "")

    async def deactivate(self, measure: Measure) -> Effect:
        """Leave the mailbox `measure.target` without an active script, and look whether it is.

        A script that was changed after it was planned is deactivated too: its text stays in the
        mailbox, and the undo says that it drifted.
        """
        script = await self._active(measure.target)
        if script is None:
            text = f"{measure.target} has no active script"
            return Effect(measure=measure.id, kind=EffectKind.UNCHANGED, detail=text)
        await self._doveadm.sieve_deactivate(measure.target)
        if await self._active(measure.target) is not None:
            raise RemoteProtocolError(
                f"the script {script.name!r} is active still", system=self._system
            )
        detail = f"the script {script.name!r} ({script.summary.sentence}) is deactivated"
        return Effect(measure=measure.id, kind=EffectKind.DONE, detail=detail)

    async def activate_again(self, image: BeforeImage, *, overwrite: bool) -> Effect:
        """Make the script of `image` the active one, if it is what it was.

        Args:
            overwrite: put the kept text back where the script was changed, deleted or replaced.
        """
        user, name, text = image.target, image.before[_NAME], image.before[_TEXT]
        listed = await self._doveadm.sieve_list(user)
        now = await self._doveadm.sieve_get(user, name)
        drift = _drift(listed, name, now, image.before[_HASH])
        if drift and not overwrite:
            detail = f"left as it is: {drift}"
            return Effect(measure=image.measure, kind=EffectKind.DRIFTED, detail=detail)
        if drift:
            parameters: dict[str, str | bool | list[str]] = {"scriptname": name, "file": text}
            put = Command("sievePut", {"user": user, "activate": True, **parameters})
            (answer,) = await self._doveadm.run([put])
            self._doveadm.rows(answer)
            detail = f"the script {name!r} is put back and active again ({drift})"
            return Effect(measure=image.measure, kind=EffectKind.DONE, detail=detail)
        if any(script.active for script in listed):
            detail = f"the script {name!r} is active already"
            return Effect(measure=image.measure, kind=EffectKind.UNCHANGED, detail=detail)
        await self._doveadm.sieve_activate(user, name)
        detail = f"the script {name!r} is active again"
        return Effect(measure=image.measure, kind=EffectKind.DONE, detail=detail)


def _drift(listed: tuple[Script, ...], name: str, text: str | None, digest: str) -> str:
    """What is not as Evict left it; "" where all is."""
    other = next((s.name for s in listed if s.active and s.name != name), None)
    if other is not None:
        return f"the script {other!r} is active now"
    if text is None:
        return f"the script {name!r} was deleted meanwhile"
    return "" if _digest(text) == digest else f"the script {name!r} was changed meanwhile"
