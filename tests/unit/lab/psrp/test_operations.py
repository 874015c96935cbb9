# SPDX-License-Identifier: Apache-2.0
"""The site at the level of messages: what no well-behaved client sends."""

from __future__ import annotations

import asyncio
import base64
import uuid
from collections.abc import AsyncIterator

import pytest
import spnego
from hypothesis import given, settings
from hypothesis import strategies as st
from psrpcore import ClientGetCommandMetadata, ClientPowerShell, Command

from evict.lab.http.auth import Negotiator
from evict.lab.http.messages import Connection, Headers, Request, Response
from evict.lab.psrp import multipart
from evict.lab.psrp.multipart import Sealed
from evict.lab.psrp.site import PowerShellSite
from evict.lab.psrp.soap import NS, q
from evict.lab.psrp.xml import parse
from tests.unit.lab.psrp.hand import SHELL, TRANSFER, Client, code, command_line, site
from tests.unit.lab.psrp.tiny import PASSWORD, Tiny


@pytest.fixture
async def opened() -> AsyncIterator[Client]:
    client = Client(site())
    assert (await client.create()).status == 200
    yield client
    await client.site.close()


async def test_get_head_and_a_missing_password_are_refused() -> None:
    where = site()
    for method, status in (("GET", 405), ("POST", 401)):
        connection = Connection("127.0.0.1", secure=True)
        answer = await where(Request(method, "/PowerShell", Headers(), connection))
        assert answer.status == status
    assert ("WWW-Authenticate", 'Basic realm="ex01.corp.example"') in answer.headers


@pytest.mark.parametrize("body", [b"", b"<a/>", b"<!DOCTYPE x><a/>", b"\x00\xff", b"<s:Envelope/>"])
async def test_no_envelope_is_400(body: bytes) -> None:
    assert (await Client(site()).post(body)).status == 400


@pytest.mark.parametrize(
    ("action", "body", "wanted"),
    [
        (f"{SHELL}/Fly", "", 0x8033801F),
        ("", "", 0x8033801F),
        (f"{SHELL}/Command", "", 0x80338041),
        (f"{SHELL}/Command", command_line("no-uuid", ""), 0x80338041),
        (f"{SHELL}/Send", f'<rsp:Stream CommandId="{uuid.uuid4()}">AA==</rsp:Stream>', 0x8033805B),
        (f"{SHELL}/Receive", "", 0x80338041),
        (f"{SHELL}/Signal", "<rsp:Signal/>", 0x80338041),
        (f"{SHELL}/Send", "<rsp:Stream>!!!</rsp:Stream>", 0x80338041),
        (f"{SHELL}/Send", "<rsp:Stream>AAAA</rsp:Stream>", 0x80338041),
    ],
)
async def test_broken_operations_are_faults(
    opened: Client, action: str, body: str, wanted: int
) -> None:
    assert code(await opened.ask(action, body)) == wanted


async def test_a_malformed_fragment_ends_the_shell(opened: Client) -> None:
    whole = bytearray(21 + 50)
    whole[16], whole[20] = 3, 50
    garbage = base64.b64encode(whole).decode()
    assert code(await opened.ask(f"{SHELL}/Send", f"<rsp:Stream>{garbage}</rsp:Stream>"))
    assert opened.site.operations.shells == {}
    assert code(await opened.receive()) == 0x8033805B


async def test_a_document_type_inside_a_message_is_refused(opened: Client) -> None:
    pipe = ClientPowerShell(opened.pool)
    pipe.add_command(Command("Get-CASMailbox"))
    pipe.start()
    data = base64.b64decode(opened.data())
    evil = b"<!DOCTYPE a><Obj/>"
    body = bytes(data[21:61]) + evil
    fragment = bytes(data[:17]) + len(body).to_bytes(4, "big") + body
    text = base64.b64encode(fragment).decode()
    answer = await opened.ask(f"{SHELL}/Command", command_line(pipe.pipeline_id, text))
    assert code(answer) == 0x80338041


async def test_a_broken_creation_leaves_no_shell() -> None:
    client = Client(site())
    for data in ("", "!!!", "AAAA", base64.b64encode(bytes(21)).decode()):
        assert (await client.create(data)).status in (200, 500)
        await client.site.close()
    empty = await client.ask(f"{TRANSFER}/Create", "<rsp:Shell/>")
    assert code(empty) == 0x80338041
    assert client.site.operations.shells == {}


async def test_a_shell_is_its_owners_alone(opened: Client) -> None:
    thief = Client(opened.site, "mallory")
    thief.shell_id = opened.shell_id
    assert code(await thief.receive()) == 5
    assert code(await thief.ask(f"{TRANSFER}/Delete", "")) == 5
    assert code(await opened.create("")) == 0x80338041  # the id is in use


async def test_receive_ends_at_the_operation_timeout_and_with_the_client(opened: Client) -> None:
    while (await opened.receive(timeout="PT0.01S")).status == 200:
        pass  # what the pool says of itself
    assert code(await opened.receive(timeout="PT0.01S")) == 0x80338029
    held = asyncio.ensure_future(opened.receive(timeout="PT60S"))
    await asyncio.sleep(0)
    opened.connection.set_closed()
    assert (await asyncio.wait_for(held, 5)).status == 500


async def test_a_held_receive_learns_that_the_shell_is_deleted(opened: Client) -> None:
    command = await opened.command("Start-Slow")
    assert (await opened.receive(command)).status == 200
    other = Client(opened.site)
    other.shell_id = opened.shell_id
    while (await opened.receive(timeout="PT0.01S")).status == 200:
        pass
    held = asyncio.ensure_future(opened.receive(timeout="PT60S"))
    await asyncio.sleep(0)
    assert (await other.ask(f"{TRANSFER}/Delete", "")).status == 200
    assert code(await asyncio.wait_for(held, 5)) == 0x8033805B


async def test_output_is_whole_and_ends_done(opened: Client) -> None:
    command = await opened.command("Get-CASMailbox")
    answer = await opened.receive(command)
    states = [node.get("State") for node in parse(answer.body).iter(q("rsp:CommandState"))]
    assert states == [f"{SHELL}/CommandState/Done"]
    for _ in range(2):  # releasing twice hurts nobody
        signal = (
            f'<rsp:Signal CommandId="{command}"><rsp:Code>{SHELL}/signal/terminate</rsp:Code>'
            "</rsp:Signal>"
        )
        assert (await opened.ask(f"{SHELL}/Signal", signal)).status == 200


async def test_a_pipeline_stopped_before_its_first_step_says_so(opened: Client) -> None:
    command = await opened.command("Start-Slow")
    signal = f'<rsp:Signal CommandId="{command}"><rsp:Code>ctrl_c</rsp:Code></rsp:Signal>'
    assert (await opened.ask(f"{SHELL}/Signal", signal)).status == 200
    answer = await opened.receive(command)
    assert b"CommandState/Done" in answer.body


async def test_shells_at_rest_are_closed() -> None:
    client = Client(site(idle_timeout_s=0.0))
    assert (await client.create()).status == 200
    assert code(await client.receive()) == 0x8033805B


async def test_disconnect_reconnect_and_get_answer(opened: Client) -> None:
    for operation, state in (("Disconnect", "Disconnected"), ("Reconnect", "Connected")):
        assert (await opened.ask(f"{SHELL}/{operation}", "")).status == 200
        got = await opened.ask(f"{TRANSFER}/Get", "")
        assert [n.text for n in parse(got.body).iter(q("rsp:State"))] == [state]


async def test_command_metadata_for_implicit_remoting(opened: Client) -> None:
    ask = ClientGetCommandMetadata(opened.pool, name=["Get-C*"])
    ask.start()
    line = command_line(ask.pipeline_id, opened.data())
    assert (await opened.ask(f"{SHELL}/Command", line)).status == 200
    data = b""
    while b"CommandState/Done" not in (answer := await opened.receive(ask.pipeline_id)).body:
        data += streams(answer)
    data += streams(answer)
    assert b'<I32 N="Count">1</I32>' in data
    assert b'<S N="Name">Get-CASMailbox</S>' in data
    assert b'<S N="ParameterType">System.String</S>' in data


def streams(answer: Response) -> bytes:
    found = parse(answer.body).iter(q("rsp:Stream"))
    return b"".join(base64.b64decode(node.text or "") for node in found)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            [f"{SHELL}/{name}" for name in ("Command", "Send", "Receive", "Signal", "Disconnect")]
            + [f"{TRANSFER}/{name}" for name in ("Create", "Delete", "Get")]
        ),
        st.sampled_from(
            [
                "",
                "<rsp:Receive><rsp:DesiredStream>stdout</rsp:DesiredStream></rsp:Receive>",
                "<rsp:Stream>{data}</rsp:Stream>",
                (
                    '<rsp:CommandLine CommandId="{id}"><rsp:Arguments>{data}</rsp:Arguments>'
                    "</rsp:CommandLine>"
                ),
                '<rsp:Signal CommandId="{id}"><rsp:Code>x</rsp:Code></rsp:Signal>',
                (
                    '<rsp:Shell><creationXml xmlns="http://schemas.microsoft.com/powershell">{data}'
                    "</creationXml></rsp:Shell>"
                ),
            ]
        ),
        st.binary(max_size=80),
        st.booleans(),
    ),
    max_size=6,
)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_any_messages_are_answers_faults_or_400(steps: list[tuple[str, str, bytes, bool]]) -> None:
    async def play() -> None:
        client = Client(site())
        assert (await client.create()).status == 200
        for action, body, payload, framed in steps:
            size = len(payload).to_bytes(4, "big")
            data = bytes(16) + b"\x03" + size + payload if framed else payload
            text = body.format(data=base64.b64encode(data).decode(), id=uuid.UUID(int=7))
            answer = await client.ask(action, text, "PT0.001S")
            assert answer.status in (200, 500)
            parse(answer.body)
        await client.site.close()

    asyncio.run(play())


async def negotiated(where: PowerShellSite) -> tuple[Connection, spnego.ContextProxy]:
    """A connection over plain HTTP that is signed in, and the client's end of it."""
    connection = Connection("127.0.0.1")
    context = spnego.client(
        "CORP\\alice", PASSWORD, protocol="ntlm", options=spnego.NegotiateOptions.use_ntlm
    )
    token = context.step()
    while True:
        value = f"NTLM {base64.b64encode(token or b'').decode()}"
        headers = Headers([("Authorization", value)])
        answer = await where(Request("POST", "/PowerShell", headers, connection))
        if context.complete:
            assert answer.status == 200
            return connection, context
        offer = dict(answer.headers)["WWW-Authenticate"].removeprefix("NTLM ")
        token = context.step(base64.b64decode(offer))


@pytest.mark.parametrize("kind", ["good", "changed", "short", "shape", "plain"])
async def test_a_sealed_message_that_does_not_open_is_400(kind: str) -> None:
    negotiator: Negotiator[str] = Negotiator(lambda _: [PASSWORD], lambda name, _: name)
    where = PowerShellSite(lambda _: Tiny(), None, negotiator)
    connection, context = await negotiated(where)
    envelope = f'<s:Envelope xmlns:s="{NS["s"]}"><s:Header/><s:Body/></s:Envelope>'.encode()
    result = context.wrap_winrm(envelope)
    length = len(envelope) - (kind == "short")
    data = bytes(len(result.data)) if kind == "changed" else result.data
    protocol = "application/HTTP-SPNEGO-session-encrypted"
    body = multipart.encode(Sealed(result.header, data, length), protocol)
    headers = Headers([("Content-Type", multipart.content_type(protocol))])
    if kind == "shape":
        body = body[:-3]
    if kind == "plain":
        headers, body = Headers(), envelope
    answer = await where(Request("POST", "/PowerShell", headers, connection, body))
    if kind == "good":
        sealed = multipart.decode(answer.body)
        text = context.unwrap_winrm(sealed.signature, sealed.data)
        assert answer.body.startswith(b"-- Encrypted Boundary")
        assert b"WSManFault" in text
    assert answer.status == (500 if kind in ("good", "plain") else 400)


def test_paths_of_the_two_configurations() -> None:
    assert site().path == "/PowerShell"
    assert site(configuration="Microsoft.PowerShell").path == "/wsman"
