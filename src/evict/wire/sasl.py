# SPDX-License-Identifier: Apache-2.0
"""The messages of the SASL mechanisms PLAIN and GSSAPI, and their base64."""

from __future__ import annotations

import base64
import binascii
from typing import Final

from evict.core.errors import RemoteProtocolError

_NO_LAYER: Final = 1


def encode(message: bytes) -> bytes:
    """Base64 as every line protocol carries SASL messages."""
    return base64.b64encode(message)


def decode(text: bytes) -> bytes:
    """Raises `RemoteProtocolError` where it is not base64."""
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise RemoteProtocolError("not base64", system="sasl") from error


def plain(name: str, password: str) -> bytes:
    """Spec: RFC 4616 section 2 (authorization identity left empty)."""
    return b"\0" + name.encode() + b"\0" + password.encode()


def parse_plain(message: bytes) -> tuple[str, str]:
    """Name and password; raises `RemoteProtocolError` on anything else. For servers."""
    fields = message.split(b"\0")
    try:
        _, name, password = (field.decode() for field in fields)
    except (UnicodeDecodeError, ValueError) as error:
        raise RemoteProtocolError("not a PLAIN message", system="sasl") from error
    return name, password


def choose_no_layer(offer: bytes) -> bytes:
    """Answer the server's offer of security layers: none, TLS does that.

    Args:
        offer: the unwrapped last challenge: one octet of layers, three of a size.

    Raises:
        RemoteProtocolError: not an offer, or one that wants a layer.

    Spec: RFC 4752 section 3.1.
    """
    if len(offer) != 4 or not offer[0] & _NO_LAYER:
        raise RemoteProtocolError("no offer to go without a security layer", system="sasl")
    return bytes([_NO_LAYER, 0, 0, 0])
