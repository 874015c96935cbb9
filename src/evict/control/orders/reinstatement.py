# SPDX-License-Identifier: Apache-2.0
"""Reinstatement: everything is put back while the hooks still refuse; the ledger entry is last."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Final

from evict.control.progress import MeasureDone, Note
from evict.control.systems import Systems
from evict.core.account import Account
from evict.core.errors import EvictError, SystemFault
from evict.core.measure import BeforeImage, Effect, EffectKind
from evict.core.secret import Secret

DEFAULT_TICKET_LIFE: Final = timedelta(minutes=600)
"""Longest life of a service ticket (MS-KILE 3.3.1, MaxServiceAge default of 10 hours)."""


def fresh_password() -> Secret:
    """Random, typeable, and complex enough for Active Directory's default rule."""
    return Secret("Ev1-" + secrets.token_urlsafe(15))


class Reinstatement:
    """Puts back what the images say, in the opposite order of their taking.

    `effects` fills while `put_back` runs.
    """

    def __init__(
        self,
        systems: Systems,
        account: Account,
        images: tuple[BeforeImage, ...],
        *,
        overwrite: bool,
    ) -> None:
        self._systems = systems
        self._account = account
        self._images = images
        self._overwrite = overwrite
        self.effects: list[Effect] = []

    @property
    def complete(self) -> bool:
        """Whether all of it is as it was before."""
        good = (EffectKind.DONE, EffectKind.UNCHANGED)
        return all(effect.kind in good for effect in self.effects)

    async def put_back(self, password: Secret) -> AsyncIterator[MeasureDone | Note]:
        """Set the password, empty caches, undo every image.

        Raises:
            SystemFault: the directory or a cache could not be written: the account stays revoked.
        """
        directory = self._systems.directory
        must_change = await directory.set_fresh_password(self._account, password)
        then = "it must be changed at the next sign-in"
        if not must_change:
            then = "the account's password never expires, so nobody is asked to change it: ask"
        yield self._note(f"a fresh password is set; {then}")
        forms = self._systems.forms(self._account)
        for dovecot in self._systems.dovecots:
            await dovecot.forget(forms)
            yield self._note(f"{dovecot.name}: cached logins of before are flushed")
        for image in reversed(self._images):
            effect = await self._undo(image)
            self.effects.append(effect)
            yield MeasureDone(account=self._account.id, effect=effect, ms=None)

    async def _undo(self, image: BeforeImage) -> Effect:
        try:
            connector = self._systems.by_name(image.system)
            return await connector.undo(self._account, image, overwrite=self._overwrite)
        except KeyError:
            detail = f"the configuration has no system {image.system} any more"
            return Effect(measure=image.measure, kind=EffectKind.FAILED, detail=detail)
        except SystemFault as error:
            if image.system == self._systems.directory.name:
                raise
            return Effect(measure=image.measure, kind=EffectKind.FAILED, detail=error.text)
        except EvictError as error:
            return Effect(measure=image.measure, kind=EffectKind.FAILED, detail=error.text)

    def _note(self, text: str) -> Note:
        return Note(account=self._account.id, text=text)
