# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import ssl

from evict.config.secrets import locate
from evict.config.service import HttpSection
from evict.core.errors import ConfigError


def context(section: HttpSection) -> ssl.SSLContext | None:
    """For the listener; None where it has no certificate. Raises `ConfigError`."""
    if section.certificate_file is None or section.key_file is None:
        return None
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    certificate, key = section.certificate_file, section.key_file
    try:
        made.load_cert_chain(certificate, locate(key), password=_none)
    except (OSError, ssl.SSLError) as error:
        why = error.strerror or error.__class__.__name__
        raise ConfigError(f"http: certificate {certificate} with key {key}: {why}") from error
    return made


class Renewable:
    """Lets a listener's context show another one's certificate, without a file being read then.

    OpenSSL asks at every handshake, whether the client named a server or not.
    """

    def __init__(self, listening: ssl.SSLContext) -> None:
        self._shown = listening
        listening.sni_callback = self._choose

    def show(self, context: ssl.SSLContext) -> None:
        """Connections from then on are shown this one's certificate."""
        self._shown = context

    def _choose(self, connection: ssl.SSLObject, _name: str | None, _context: object) -> None:
        connection.context = self._shown


def _none() -> str:
    """A key under a passphrase must not make the service wait at a prompt."""
    return ""
