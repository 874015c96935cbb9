# SPDX-License-Identifier: Apache-2.0
"""How long each door at a Postfix stays open after a plain disable, by its own settings.

A plain disable is what people do without Evict, so a hook shortens nothing here.
"""

from __future__ import annotations

from typing import Final

from evict.config.model import PostfixSection
from evict.core.exposure import Exposure, Source
from evict.systems.postfix.doors import Doors
from evict.systems.postfix.settings import Settings, seconds

_DOVECOT_CACHE_S: Final = 3600.0
"""Dovecot's auth_cache_ttl by default, where its cache is on."""


def exposures(section: PostfixSection, doors: Doors, read: Settings) -> tuple[Exposure, ...]:
    services = read.listening(section.submission_port) or ("",)
    kind = read.get("smtpd_sasl_type", services[0])
    lifetime = read.get("maximal_queue_lifetime")
    return (
        _password(doors, kind),
        Exposure(
            door=doors.session,
            closes_after_s=None,
            source=Source.ASSUMED,
            setting="(none)",
            value="no limit while the client speaks",
            reason="a live connection is never asked again after its login, and goes on sending",
            remedy="configure the policy hook (`evict agent snippet postfix`), which refuses and"
            " cuts it at its next recipient",
        ),
        Exposure(
            door=doors.queue,
            closes_after_s=seconds(lifetime, "d"),
            source=Source.READ,
            setting="maximal_queue_lifetime",
            value=lifetime,
            reason="queued mail goes out whenever its next hop takes it",
            remedy="`evict revoke --hold-queue` holds it",
        ),
    )


def _password(doors: Doors, kind: str) -> Exposure:
    if kind == "dovecot":
        return Exposure(
            door=doors.password,
            closes_after_s=_DOVECOT_CACHE_S,
            source=Source.ASSUMED,
            setting="smtpd_sasl_type",
            value=kind,
            reason="Postfix asks Dovecot for each login, so it lasts as long as Dovecot's cache:"
            " Dovecot's own line tells, its default (auth_cache_ttl, 1 hour) is assumed here",
            remedy="configure Dovecot's auth-policy hook, which is asked for these logins too",
        )
    return Exposure(
        door=doors.password,
        closes_after_s=None,
        source=Source.READ,
        setting="smtpd_sasl_type",
        value=kind,
        reason="nothing tells how long this login service remembers a password",
        remedy="let Postfix ask Dovecot (smtpd_sasl_type = dovecot)",
    )
