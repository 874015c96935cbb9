# SPDX-License-Identifier: Apache-2.0
"""XML, envelopes, sealed bodies and scripts, without a socket."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evict.lab.psrp import multipart, soap
from evict.lab.psrp.multipart import BadMultipart, Sealed
from evict.lab.psrp.script import NoLanguage, Step, parse
from evict.lab.psrp.xml import Malformed
from evict.lab.psrp.xml import parse as parse_xml

PROTOCOL = "application/HTTP-SPNEGO-session-encrypted"
ENVELOPE = (
    '<s:Envelope xmlns:s="{s}" xmlns:a="{a}" xmlns:w="{w}"><s:Header><a:Action>do</a:Action>'
    "<a:MessageID>uuid:1</a:MessageID>{more}</s:Header><s:Body/></s:Envelope>"
)


def envelope(more: str = "") -> bytes:
    return ENVELOPE.format(**soap.NS, more=more).encode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<a>",
        "<a></b>",
        '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
        "<!DOCTYPE a><a/>",
        "<a>&x;</a>",
        "<?xml-stylesheet href='x'?><a/>",
        "<a>" * 100 + "</a>" * 100,
        '<?xml version="1.0" encoding="no-such"?><a/>',
        "<a xmlns:b='x' b:c='1' b:c='2'/>",
    ],
)
def test_xml_that_does_harm_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        parse_xml(text.encode())


def test_xml_keeps_names_text_and_attributes() -> None:
    root = parse_xml("<?xml version='1.0'?><b:a xmlns:b='x' b:c='1' d='é'>f<e/>g</b:a>".encode())
    assert (root.tag, root.attrib, root.text) == ("{x}a", {"{x}c": "1", "d": "é"}, "f")
    assert (root[0].tag, root[0].tail) == ("e", "g")


def test_an_envelope_is_read() -> None:
    more = (
        "<w:MaxEnvelopeSize>153600</w:MaxEnvelopeSize><w:OperationTimeout>PT1M20.5S"
        "</w:OperationTimeout><w:SelectorSet><w:Selector Name='ShellId'>ab</w:Selector>"
        "</w:SelectorSet>"
    )
    got = soap.read(envelope(more))
    assert (got.action, got.message_id, got.shell_id) == ("do", "uuid:1", "AB")
    assert (got.max_size, got.timeout_s) == (153600, 80.5)
    plain = soap.read(envelope())
    assert (plain.max_size, plain.timeout_s, plain.shell_id) == (153600, 60.0, "")


def test_an_envelope_that_is_none_and_one_with_a_bad_header() -> None:
    with pytest.raises(Malformed):
        soap.read(b"<a/>")
    with pytest.raises(soap.Fault) as caught:
        soap.read(envelope("<w:MaxEnvelopeSize>-1</w:MaxEnvelopeSize>"))
    assert caught.value.code == 0x80338041


def test_a_fault_says_its_code_and_what_it_answers() -> None:
    root = parse_xml(soap.write_fault(soap.timed_out(), "uuid:9", "ex01"))
    (fault,) = root.iter(soap.q("f:WSManFault"))
    assert fault.attrib == {"Code": "2150858793", "Machine": "ex01"}
    assert root.findtext(f"{soap.q('s:Header')}/{soap.q('a:RelatesTo')}") == "uuid:9"


@given(st.binary(max_size=300))
def test_any_bytes_are_no_envelope(data: bytes) -> None:
    with pytest.raises(Malformed):
        soap.read(data)


@given(st.text(max_size=60))
def test_any_header_is_read_or_a_fault(text: str) -> None:
    safe = text.replace("&", "").replace("<", "").replace("]]>", "")
    with contextlib.suppress(Malformed, soap.Fault):
        got = soap.read(envelope(f"<w:OperationTimeout>{safe}</w:OperationTimeout>"))
        assert 0 <= got.timeout_s <= 3600
    with contextlib.suppress(Malformed, soap.Fault):
        got = soap.read(envelope(f"<w:MaxEnvelopeSize>{safe}</w:MaxEnvelopeSize>"))
        assert 8192 <= got.max_size <= 512_000


@given(st.binary(min_size=1, max_size=64), st.binary(max_size=300), st.booleans())
def test_a_sealed_body_goes_round(signature: bytes, data: bytes, spaced: bool) -> None:  # noqa: FBT001
    for inside in (data, data + b"--Encrypted Boundary\r\n", b"--Encrypted Boundary--\r\n" + data):
        sealed = Sealed(signature, inside, len(inside))
        assert multipart.decode(multipart.encode(sealed, PROTOCOL, spaced=spaced)) == sealed


@given(st.binary(max_size=300))
def test_any_bytes_are_no_sealed_body(data: bytes) -> None:
    whole = multipart.encode(Sealed(b"s", b"d", 1), PROTOCOL)
    for body in (data, whole[:60] + data, data + whole[60:], whole[:-24] + data):
        with contextlib.suppress(BadMultipart):
            assert len(multipart.decode(body).data) <= len(body)


@given(st.integers(0, 250), st.integers(0, 255))
def test_a_changed_byte_is_a_sealed_body_or_not(at: int, byte: int) -> None:
    whole = bytearray(multipart.encode(Sealed(b"signature", b"data", 4), PROTOCOL))
    whole[at % len(whole)] = byte
    with contextlib.suppress(BadMultipart):
        assert multipart.decode(bytes(whole)).length >= 0


def test_the_content_type_of_a_sealed_body() -> None:
    assert multipart.protocol_of(multipart.content_type(PROTOCOL)) == PROTOCOL
    assert multipart.protocol_of("application/soap+xml") is None
    assert multipart.protocol_of('multipart/encrypted;protocol="x"') is None
    assert multipart.protocol_of("multipart/encrypted") is None


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Get-X", [[("Get-X", ())]]),
        (
            "Get-X bob -A 1 -B 'it''s' -C",
            [[("Get-X", ((None, "bob"), ("A", 1), ("B", "it's"), ("C", None)))]],
        ),
        (
            "Set-X -On:$false -Off $TRUE -N $null",
            [[("Set-X", (("On", False), ("Off", True), ("N", None)))]],
        ),
        ('Set-X -Ids a, "b c",3', [[("Set-X", (("Ids", ["a", "b c", 3]),))]]),
        ("A; B | C x\nD", [[("A", ())], [("B", ()), ("C", ((None, "x"),))], [("D", ())]]),
        ("Get-X a@b.c -D 1.00:00:00", [[("Get-X", ((None, "a@b.c"), ("D", "1.00:00:00")))]]),
        ("Get-X -Path HKLM:\\SYSTEM\\a", [[("Get-X", (("Path", "HKLM:\\SYSTEM\\a"),))]]),
        ("iisreset /noforce ex01", [[("iisreset", ((None, "/noforce"), (None, "ex01")))]]),
        ("Get-X *@corp.example", [[("Get-X", ((None, "*@corp.example"),))]]),
        ("", []),
    ],
)
def test_a_script_of_commands(text: str, wanted: list[list[tuple[str, object]]]) -> None:
    assert parse(text) == [[Step(name, args) for name, args in line] for line in wanted]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        "$x = 1",
        "Get-X | ?{$_.A}",
        "Get-X (Get-Y)",
        'Get-X "$x"',
        "Get-X `\n",
        "& x",
        "function f {}",
        "'x'",
        "Get-X -A:",
        "Get-X a,",
        "Get-X 'a",
        "Get-X a'b'",
        "|",
        "Get-X > file",
        "[int]1",
        "x" * 70_000,
    ],
)
def test_a_script_with_language_in_it_is_refused(text: str) -> None:
    with pytest.raises(NoLanguage):
        parse(text)


@given(st.text(alphabet="-a1$'\",;| \n:@true\\/.", max_size=60))
def test_any_script_is_commands_or_refused(text: str) -> None:
    with contextlib.suppress(NoLanguage):
        assert all(step.name for line in parse(text) for step in line)
