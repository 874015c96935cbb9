# SPDX-License-Identifier: Apache-2.0
"""Envelopes of WS-Management as PowerShell's remoting uses them, sans-I/O.

Spec: MS-WSMV section 2.2 (messages).
"""

from __future__ import annotations

import re
import uuid
from typing import Final
from xml.etree.ElementTree import Element, SubElement, register_namespace, tostring

from msgspec import Struct

from evict.lab.psrp.xml import Malformed, parse

NS: Final = {
    "s": "http://www.w3.org/2003/05/soap-envelope",
    "a": "http://schemas.xmlsoap.org/ws/2004/08/addressing",
    "w": "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd",
    "p": "http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd",
    "x": "http://schemas.xmlsoap.org/ws/2004/09/transfer",
    "rsp": "http://schemas.microsoft.com/wbem/wsman/1/windows/shell",
    "f": "http://schemas.microsoft.com/wbem/wsman/1/wsmanfault",
}
for _prefix, _uri in NS.items():
    register_namespace(_prefix, _uri)

CONTENT_TYPE: Final = "application/soap+xml;charset=UTF-8"
FAULT_ACTION: Final = "http://schemas.dmtf.org/wbem/wsman/1/wsman/fault"
_DEFAULT_ENVELOPE: Final = 153_600
_MAX_ENVELOPE: Final = 512_000
"""Bytes a client takes before it says, and at most (pypsrp 0.9.1, wsman.py)."""


def q(name: str) -> str:
    """`rsp:Shell` -> `{namespace}Shell`."""
    prefix, _, local = name.partition(":")
    return f"{{{NS[prefix]}}}{local}"


class Fault(Exception):
    """An answer that says no.

    Attributes:
        code: of WSManFault (wsmerror.h).
        receiver: not the sender's mistake.
    """

    def __init__(self, code: int, subcode: str, text: str, *, receiver: bool = False) -> None:
        super().__init__(text)
        self.code = code
        self.subcode = subcode
        self.text = text
        self.receiver = receiver


def timed_out() -> Fault:
    return Fault(
        0x80338029, "w:TimedOut", "No output came within the OperationTimeout.", receiver=True
    )


def no_shell() -> Fault:
    return Fault(0x8033805B, "w:InvalidSelectors", "No shell on this server has that ShellId.")


def denied() -> Fault:
    return Fault(5, "w:AccessDenied", "Access is denied. ")


def not_supported(action: str) -> Fault:
    return Fault(0x8033801F, "a:ActionNotSupported", f"The action is not supported: {action[:80]}")


def no_configuration(uri: str, server: str) -> Fault:
    return Fault(
        0x80338000,
        "a:DestinationUnreachable",
        f"There is no session configuration {uri[:120]} on the {server} computer.",
    )


def too_many_shells(limit: int) -> Fault:
    return Fault(
        0x803381A4,
        "w:QuotaLimit",
        "Fail to create runspace because you have exceeded the maximum number of connections"
        f" allowed : {limit}.",
    )


def schema(text: str) -> Fault:
    return Fault(0x80338041, "w:SchemaValidationError", f"The message breaks its schema: {text}")


class Envelope(Struct, frozen=True, kw_only=True):
    """A request.

    Attributes:
        max_size: bytes of an answer that the client takes.
        timeout_s: after which the client wants a fault rather than no answer.
    """

    action: str
    message_id: str
    resource: str
    shell_id: str
    max_size: int
    timeout_s: float
    body: Element


def read(data: bytes) -> Envelope:
    """Understand a request.

    Raises:
        Malformed: it is no envelope, so there is nothing to answer to.
        Fault: an envelope with a header that breaks its schema.
    """
    root = parse(data)
    head, body = root.find(q("s:Header")), root.find(q("s:Body"))
    if root.tag != q("s:Envelope") or head is None or body is None:
        raise Malformed("no envelope")
    size = _text(head, "w:MaxEnvelopeSize") or str(_DEFAULT_ENVELOPE)
    if not re.fullmatch(r"[0-9]{1,9}", size):
        raise schema("MaxEnvelopeSize")
    return Envelope(
        action=_text(head, "a:Action"),
        message_id=_text(head, "a:MessageID"),
        resource=_text(head, "w:ResourceURI"),
        shell_id=_selector(head, "ShellId"),
        max_size=max(8192, min(int(size), _MAX_ENVELOPE)),
        timeout_s=_seconds(_text(head, "w:OperationTimeout")),
        body=body,
    )


def _text(head: Element, name: str) -> str:
    return (head.findtext(q(name)) or "").strip()


def _selector(head: Element, name: str) -> str:
    for selector in head.iterfind(f"{q('w:SelectorSet')}/{q('w:Selector')}"):
        if selector.get("Name") == name:
            return (selector.text or "").strip().upper()
    return ""


def _seconds(text: str) -> float:
    """Of an xs:duration without days; 60 where there is none."""
    match = re.fullmatch(
        r"PT(?:([0-9]{1,4})H)?(?:([0-9]{1,5})M)?(?:([0-9]{1,6}(?:\.[0-9]{1,9})?)S)?", text
    )
    if not text or match is None:
        return 60.0
    hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return min(hours * 3600 + minutes * 60 + seconds, 3600.0)


def write(action: str, relates_to: str, body: Element | None) -> bytes:
    """Write an answer. `relates_to` is echoed as it came: clients compare it as text."""
    envelope = Element(q("s:Envelope"))
    head = SubElement(envelope, q("s:Header"))
    SubElement(head, q("a:Action")).text = action
    SubElement(head, q("a:MessageID")).text = f"uuid:{str(uuid.uuid4()).upper()}"
    SubElement(head, q("a:RelatesTo")).text = relates_to
    SubElement(head, q("a:To")).text = NS["a"] + "/role/anonymous"
    holder = SubElement(envelope, q("s:Body"))
    if body is not None:
        holder.append(body)
    return bytes(tostring(envelope, encoding="utf-8"))


def write_fault(fault: Fault, relates_to: str, machine: str) -> bytes:
    """Spec: MS-WSMV section 2.2.4.43 (WSManFault)."""
    body = Element(q("s:Fault"))
    code = SubElement(body, q("s:Code"))
    SubElement(code, q("s:Value")).text = "s:Receiver" if fault.receiver else "s:Sender"
    SubElement(SubElement(code, q("s:Subcode")), q("s:Value")).text = fault.subcode
    reason = SubElement(SubElement(body, q("s:Reason")), q("s:Text"))
    reason.set("{http://www.w3.org/XML/1998/namespace}lang", "en-US")
    reason.text = fault.text
    detail = SubElement(
        SubElement(body, q("s:Detail")),
        q("f:WSManFault"),
        {"Code": str(fault.code), "Machine": machine},
    )
    SubElement(detail, q("f:Message")).text = fault.text
    return write(FAULT_ACTION, relates_to, body)
