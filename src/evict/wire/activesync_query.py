# SPDX-License-Identifier: Apache-2.0
"""The query of a request in both its forms. Spec: MS-ASHTTP 2.2.1.1.1."""

from __future__ import annotations

import base64
import binascii
import struct
from typing import Final
from urllib.parse import parse_qsl, urlencode

from msgspec import Struct

from evict.wire.activesync import order
from evict.wire.wbxml import broken

_COMMANDS: Final = {
    0: "Sync",
    1: "SendMail",
    2: "SmartForward",
    3: "SmartReply",
    4: "GetAttachment",
    9: "FolderSync",
    10: "FolderCreate",
    11: "FolderDelete",
    12: "FolderUpdate",
    13: "MoveItems",
    14: "GetItemEstimate",
    15: "MeetingResponse",
    16: "Search",
    17: "Settings",
    18: "Ping",
    19: "ItemOperations",
    20: "Provision",
    21: "ResolveRecipients",
    22: "ValidateCert",
    23: "Find",
}
_CODES: Final = {name: code for code, name in _COMMANDS.items()}
_OPTIONS_TAG: Final = 7
_SAVE_IN_SENT: Final = 0x01
_PARAMETERS: Final = {
    0: "AttachmentName",
    1: "CollectionId",
    3: "ItemId",
    4: "LongId",
    6: "Occurrence",
    8: "User",
}
_TAGS: Final = {name: tag for tag, name in _PARAMETERS.items()}
_MAX_QUERY: Final = 4096


class Query(Struct, frozen=True, kw_only=True):
    """What a request says beside its body.

    Attributes:
        version: "" where the plain form says nothing of it (it stands in a header).
        policy_key: None as above.
    """

    command: str
    device_id: str
    device_type: str
    user: str = ""
    version: str = ""
    policy_key: int | None = None
    save_in_sent: bool = False
    parameters: dict[str, str] = {}

    def plain(self) -> str:
        """MS-ASHTTP 2.2.1.1.1.2; version and policy key go into headers."""
        pairs = {
            "Cmd": self.command,
            "User": self.user,
            "DeviceId": self.device_id,
            "DeviceType": self.device_type,
            **self.parameters,
        }
        if self.save_in_sent:
            pairs["SaveInSent"] = "T"
        return urlencode({key: value for key, value in pairs.items() if value})

    def binary(self) -> str:
        """MS-ASHTTP 2.2.1.1.1.1. Raises `ValueError` for what has no place in this form."""
        if self.command not in _CODES:
            raise ValueError(f"no code for {self.command}")
        major, minor = order(self.version)
        out = bytes((major * 10 + minor, _CODES[self.command])) + struct.pack("<H", 0x0409)
        out += _short(self.device_id.encode())
        out += _short(b"" if self.policy_key is None else struct.pack("<I", self.policy_key))
        out += _short(self.device_type.encode())
        pairs = self.parameters | ({"User": self.user} if self.user else {})
        for name, value in pairs.items():
            out += bytes((_TAGS[name],)) + _short(value.encode())
        if self.save_in_sent:
            out += bytes((_OPTIONS_TAG, 1, _SAVE_IN_SENT))
        return base64.b64encode(out).decode("ascii")


def _short(value: bytes) -> bytes:
    if len(value) > 255:
        raise ValueError("longer than 255 bytes")
    return bytes((len(value),)) + value


def read_query(text: str) -> Query:
    """Either form. Raises `RemoteProtocolError`.

    The plain one has a `Cmd=`; no base64 has an equals sign but at its end.
    """
    if len(text) > _MAX_QUERY:
        broken("a query that is too long")
    if "=" not in text.rstrip("="):
        return _read_binary(text.replace("%2B", "+").replace("%2F", "/").replace("%3D", "="))
    try:
        pairs = dict(parse_qsl(text, keep_blank_values=True, max_num_fields=32))
    except ValueError:
        broken("a query with too many fields")
    known = {"Cmd", "User", "DeviceId", "DeviceType", "SaveInSent"}
    if not pairs.get("Cmd"):
        broken("a query without command")
    return Query(
        command=pairs["Cmd"],
        device_id=pairs.get("DeviceId", ""),
        device_type=pairs.get("DeviceType", ""),
        user=pairs.get("User", ""),
        save_in_sent=pairs.get("SaveInSent", "") == "T",
        parameters={key: value for key, value in pairs.items() if key not in known},
    )


class _Fields:
    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._at = 0

    @property
    def left(self) -> int:
        return len(self._raw) - self._at

    def take(self, length: int) -> bytes:
        if self.left < length:
            broken("a query that ends too early")
        self._at += length
        return self._raw[self._at - length : self._at]

    def byte(self) -> int:
        return self.take(1)[0]

    def short(self) -> bytes:
        return self.take(self.byte())


def _read_binary(text: str) -> Query:
    try:
        fields = _Fields(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        broken("a query that is neither of the two forms")
    version = fields.byte()
    command = _COMMANDS.get(fields.byte())
    if command is None:
        broken("a command that has no name")
    fields.take(2)  # The language of the answer.
    device_id = _identity(fields.short())
    key = fields.short()
    if len(key) not in (0, 4):
        broken("a policy key that has not 4 bytes")
    device_type = _text(fields.short())
    parameters: dict[str, str] = {}
    save = False
    while fields.left:
        tag, value = fields.byte(), fields.short()
        if tag == _OPTIONS_TAG:
            save = bool(value and value[0] & _SAVE_IN_SENT)
        elif tag in _PARAMETERS:
            parameters[_PARAMETERS[tag]] = _text(value)
    return Query(
        command=command,
        device_id=device_id,
        device_type=device_type,
        user=parameters.pop("User", ""),
        version=f"{version // 10}.{version % 10}",
        policy_key=struct.unpack("<I", key)[0] if key else None,
        save_in_sent=save,
        parameters=parameters,
    )


def _identity(raw: bytes) -> str:
    """A string or the bytes of a GUID; these are shown in hexadecimal (assumed)."""
    if raw.isascii() and raw.isalnum():
        return raw.decode("ascii")
    return raw.hex().upper()


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        broken("a query that is not UTF-8")
