# SPDX-License-Identifier: Apache-2.0
"""Whatever a database does, it is told by its kind and without data."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from psycopg import sql

from evict.core.errors import (
    AccessRefused,
    ConfigError,
    RemoteProtocolError,
    SystemFault,
    Uncertain,
    Unreachable,
)
from evict.core.secret import Secret
from evict.systems.postgres import Database, Timeouts, table
from tests.unit.systems.fake_postgres import FakePostgres

HOST = "127.96.3.1"
QUICK = Timeouts(connect_s=2, whole_s=2.0)
CHANGE = sql.SQL("UPDATE things SET a = %s")


@asynccontextmanager
async def database(fake: FakePostgres, timeouts: Timeouts = QUICK) -> AsyncIterator[Database]:
    async with fake.listening(HOST) as where:
        dsn = Secret(f"postgresql://evict:Sesam-1@{where}/data?sslmode=disable")
        made = Database(dsn, system="db", missing="has no tables", timeouts=timeouts)
        assert made.where == f"{where}/data"
        yield made
        await made.close()


async def change(asked: Database) -> None:
    async with asked.write() as transaction:
        await transaction.run(CHANGE, ("S3cret",))


async def test_a_look_cannot_write_and_a_change_is_committed() -> None:
    fake = FakePostgres()
    async with database(fake) as asked:
        async with asked.read() as transaction:
            assert await transaction.run(sql.SQL("LOOK")) == -1
        assert fake.asked[:2] == ["BEGIN", "SET TRANSACTION READ ONLY"]
        fake.asked.clear()
        await change(asked)
    assert "SET TRANSACTION READ ONLY" not in fake.asked
    assert fake.asked[-2:] == ["UPDATE things SET a = $1", "COMMIT"]
    assert fake.logins == 1


@pytest.mark.parametrize(
    ("code", "kind", "said"),
    [
        ("42501", AccessRefused, "permission denied for table things"),
        ("55P03", Unreachable, "somebody holds a lock"),
        ("57014", Unreachable, "somebody holds a lock"),
        ("42P01", RemoteProtocolError, "has no tables"),
        ("42703", RemoteProtocolError, "has no tables"),
        ("3F000", RemoteProtocolError, "has no tables"),
        ("57P01", Unreachable, "the connection was lost"),
        ("22P02", RemoteProtocolError, "InvalidTextRepresentation (22P02)"),
    ],
)
async def test_an_error_is_told_by_its_code(code: str, kind: type[SystemFault], said: str) -> None:
    fake = FakePostgres()
    text = "permission denied for table things" if code == "42501" else 'what of "S3cret"?'
    fake.errors = {"UPDATE": (code, text)}
    async with database(fake) as asked:
        with pytest.raises(kind) as caught:
            await change(asked)
        assert type(caught.value) is kind
        assert caught.value.text.endswith(said)
        assert caught.value.__cause__ is None
        assert "COMMIT" not in fake.asked
        fake.errors = {}
        await change(asked)
    assert "S3cret" not in repr(caught.value)


@pytest.mark.parametrize(("at", "kind"), [("UPDATE", Unreachable), ("COMMIT", Uncertain)])
async def test_only_a_lost_end_leaves_it_open_whether_it_is_written(
    at: str, kind: type[SystemFault]
) -> None:
    for quiet in (False, True):
        fake = FakePostgres()
        if quiet:
            fake.silent_at = at
        else:
            fake.lost_at = at
        async with database(fake, Timeouts(connect_s=2, whole_s=0.3)) as asked:
            with pytest.raises(kind, match=r"within 0\.3 s" if quiet else "was lost") as caught:
                await change(asked)
        assert type(caught.value) is kind


async def test_a_look_whose_end_is_lost_is_not_uncertain() -> None:
    fake = FakePostgres()
    fake.lost_at = "COMMIT"
    async with database(fake) as asked:
        with pytest.raises(Unreachable):
            async with asked.read() as transaction:
                await transaction.run(sql.SQL("LOOK"))


async def test_after_a_restart_the_next_question_is_answered() -> None:
    fake = FakePostgres()
    async with database(fake) as asked:
        await change(asked)
        fake.hang_up()
        await change(asked)
    assert fake.logins == 2


@pytest.mark.parametrize(
    ("code", "text", "kind"),
    [
        ("28P01", 'password authentication failed for user "evict"', AccessRefused),
        ("28000", 'no pg_hba.conf entry for host "127.0.0.1"', AccessRefused),
        ("3D000", 'database "data" does not exist', AccessRefused),
        ("57P03", "the database system is starting up", Unreachable),
    ],
)
async def test_a_refused_login_is_no_silence(code: str, text: str, kind: type[SystemFault]) -> None:
    fake = FakePostgres()
    fake.no_login = code, text
    async with database(fake) as asked:
        with pytest.raises(kind) as caught:
            await change(asked)
    assert type(caught.value) is kind
    assert "Sesam" not in repr((caught.value, caught.value.__cause__))


async def test_a_server_that_says_nothing_is_given_up_in_time() -> None:
    fake = FakePostgres()
    fake.silent_at = ""
    async with database(fake, Timeouts(connect_s=2, whole_s=0.2)) as asked:
        with pytest.raises(Unreachable, match=r"within 0\.2 s"):
            await change(asked)


@pytest.mark.parametrize("dsn", ["postgresql://evict:Sesam-1@[::1/data", "user=a Sesam-1"])
def test_a_bad_connection_string_is_not_quoted(dsn: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Database(Secret(dsn), system="db", missing="")
    assert "Sesam" not in repr((caught.value, caught.value.__cause__))


def test_no_name_of_a_table_is_more_than_a_name() -> None:
    query = table("SELECT 1 FROM {things}", things='a"; DROP TABLE b')
    assert query.as_string(None) == 'SELECT 1 FROM "a""; DROP TABLE b"'
