# SPDX-License-Identifier: Apache-2.0
"""SOGo's tables where all folders share one, in a schema of their own without a SOGo."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from estate import layout as at
from estate import people
from estate.layout import Layout
from estate.people import Person
from estate.web.provision import as_postgres
from evict.core.errors import AccessRefused
from evict.core.secret import Secret
from evict.core.sighting import Outcome
from evict.systems.sogo.connector import SogoConnector
from tests.live.accounts import account
from tests.live.sogo_rig import (
    DONE,
    DRIFTED,
    UNCHANGED,
    carry_out,
    look,
    outcomes,
    section,
)

pytestmark = pytest.mark.live


@pytest.fixture
def leaver(web_estate: Layout) -> Iterator[Person]:
    made = people.create(web_estate, f"user-{uuid4().hex[:10]}")
    yield made
    people.remove(web_estate, made)


ONE_TABLE = """
CREATE SCHEMA {schema};
CREATE TABLE {schema}.sogo_user_profile (c_uid text, c_defaults text, c_settings text);
CREATE TABLE {schema}.sogo_sessions_folder (c_id text);
CREATE TABLE {schema}.sogo_folder_info (c_path text, c_acl_location text);
CREATE TABLE {schema}.sogo_acl (
  c_folder_id integer NOT NULL, c_object varchar(255) NOT NULL,
  c_uid varchar(255) NOT NULL, c_role varchar(80) NOT NULL);
CREATE TABLE {schema}.sogo_cache_folder (
  c_uid varchar(255) NOT NULL, c_path varchar(255) NOT NULL, c_parent_path varchar(255),
  c_type smallint NOT NULL, c_creationdate integer NOT NULL, c_lastmodified integer NOT NULL,
  c_version integer NOT NULL DEFAULT 0, c_deleted smallint NOT NULL DEFAULT 0, c_content text,
  PRIMARY KEY (c_uid, c_path));
INSERT INTO {schema}.sogo_folder_info VALUES ('/Users/bob/Calendar/personal', NULL);
INSERT INTO {schema}.sogo_acl VALUES
  (7, '/bob/Calendar/personal', {leaver}, 'PublicViewer'),
  (7, '/bob/Calendar/personal', {leaver}, 'ObjectCreator'),
  (7, '/bob/Calendar/personal', 'carol', 'PublicViewer');
INSERT INTO {schema}.sogo_cache_folder (c_uid, c_path, c_type, c_creationdate, c_lastmodified)
  VALUES ({leaver}, '/PHONE', 200, 1, 1), ({leaver}, '/PHONE+vcard/personal', 201, 1, 1),
  ({leaver}, '/PHONE2', 200, 1, 1), ('carol', '/PHONE', 200, 1, 1);
"""

"""As Scripts/sql-update-3.0.0-to-combined.sh makes them (OCSAclURL, OCSCacheFolderURL)."""


@pytest.fixture
def one_table(web_estate: Layout, leaver: Person) -> Iterator[str]:
    """A schema in which all folders share one table; how it is reached."""
    schema = f"combined_{uuid4().hex[:8]}"
    names = {"schema": Identifier(schema), "leaver": leaver.name}
    with psycopg.connect(web_estate.dsn("sogo"), autocommit=True) as connection:
        connection.execute(SQL(ONE_TABLE).format(**names))
    yield f"{web_estate.dsn('sogo')}?options=-csearch_path%3D{schema}"
    with psycopg.connect(web_estate.dsn("sogo"), autocommit=True) as connection:
        connection.execute(SQL("DROP SCHEMA {} CASCADE").format(Identifier(schema)))


def _all(dsn: str) -> list[list[tuple[object, ...]]]:
    with psycopg.connect(dsn) as connection:
        return [
            sorted(connection.execute(query).fetchall())
            for query in (
                "SELECT * FROM sogo_acl",
                "SELECT c_uid, c_path, c_type, c_creationdate FROM sogo_cache_folder",
            )
        ]


async def test_where_all_folders_share_a_table_only_the_leavers_rows_are_touched(
    web_estate: Layout, one_table: str, leaver: Person
) -> None:
    sogo = SogoConnector(section(web_estate), Secret(one_table))
    before = _all(one_table)
    effects, images = await carry_out(sogo, leaver)
    assert [e.kind for e in effects] == [DONE] * 3
    rights, phones = _all(one_table)
    assert rights == [
        (7, "/bob/Calendar/personal", "carol", "PublicViewer"),
        (7, "/bob/Calendar/personal", leaver.name, "None"),
    ]
    assert ("carol", "/PHONE", 200, 1) in phones
    assert set(outcomes(await look(sogo, leaver)).values()) == {Outcome.EMPTY}
    for image in images:
        assert (await sogo.undo(account(leaver), image, overwrite=False)).kind is DONE
        assert (await sogo.undo(account(leaver), image, overwrite=False)).kind is UNCHANGED
    assert _all(one_table) == before
    await sogo.close()


async def test_what_a_phone_made_meanwhile_is_not_overwritten_unless_asked(
    web_estate: Layout, one_table: str, leaver: Person
) -> None:
    sogo = SogoConnector(section(web_estate), Secret(one_table))
    before = _all(one_table)
    _, (image, *_) = await carry_out(sogo, leaver, "set-aside-device")
    anew = "UPDATE sogo_cache_folder SET c_content = 'anew', c_deleted = 0 WHERE c_path = '/PHONE'"
    with psycopg.connect(one_table) as connection:
        connection.execute(anew)
    assert image.target == "PHONE"
    assert (await sogo.undo(account(leaver), image, overwrite=False)).kind is DRIFTED
    # A request in flight wrote it: the next look sets it aside again, and what was first is kept.
    await carry_out(sogo, leaver, "set-aside-device")
    assert (await sogo.undo(account(leaver), image, overwrite=False)).kind is DONE
    assert [row for row in _all(one_table)[1] if row[1] == "/PHONE"][-1] in before[1]
    await sogo.close()


async def test_a_role_without_rights_is_told_and_writes_nothing(
    web_estate: Layout, one_table: str, leaver: Person
) -> None:
    poor = f"poor_{uuid4().hex[:8]}"
    schema = one_table.rpartition("%3D")[2]
    run = ("psql", "-h", web_estate.state / "run" / "sql", "sogo", "-v", "ON_ERROR_STOP=1", "-c")
    grants = f"GRANT USAGE ON SCHEMA {schema} TO {poor};"
    grants += f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {poor}"
    as_postgres(*run, f"CREATE ROLE {poor} LOGIN PASSWORD 'Poor-1'; {grants}")
    dsn = one_table.replace(f"sogo:{at.SQL_ROLES['sogo']}@", f"{poor}:Poor-1@")
    sogo = SogoConnector(section(web_estate), Secret(dsn))
    before = _all(one_table)
    with pytest.raises(AccessRefused, match="permission denied for table sogo_acl"):
        await carry_out(sogo, leaver, "take-share")
    findings = {f.code: f for f in await sogo.findings()}
    assert "DELETE on sogo_acl" in findings["sogo-database-rights"].text
    assert _all(one_table) == before
    await sogo.close()
    wrong = SogoConnector(section(web_estate), Secret(dsn.replace("Poor-1", "wrong")))
    seen = await look(wrong, leaver)
    assert outcomes(seen)["forward/grant"] is Outcome.UNCLEAR
    assert "does not take the user" in repr(seen.sightings)
    await wrong.close()
    as_postgres(*run, f"DROP OWNED BY {poor}; DROP ROLE {poor}")
