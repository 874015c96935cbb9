# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import ssl
from pathlib import Path

from evict.config.secrets import locate
from evict.config.service import HttpSection
from evict.core.errors import ConfigError


def context(section: HttpSection) -> ssl.SSLContext | None:
    """For the listener; None where it has no certificate. Raises `ConfigError`."""
    if section.certificate_file is None or section.key_file is None:
        return None
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    load(made, section.certificate_file, section.key_file)
    return made


def load(into: ssl.SSLContext, certificate: Path, key: Path) -> None:
    """Also into one that is in use: connections from then on are shown the new certificate."""
    try:
        into.load_cert_chain(certificate, locate(key), password=_none)
    except (OSError, ssl.SSLError) as error:
        why = error.strerror or error.__class__.__name__
        raise ConfigError(f"http: certificate {certificate} with key {key}: {why}") from error


def _none() -> str:
    """A key under a passphrase must not make the service wait at a prompt."""
    return ""
