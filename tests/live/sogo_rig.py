# SPDX-License-Identifier: Apache-2.0
"""What the tests of the connector to the estate's SOGo share."""

from __future__ import annotations

import json

import psycopg
from psycopg.sql import SQL, Identifier

from estate import layout as at
from estate.clients.sogo import SogoWeb
from estate.layout import Layout
from estate.people import Person
from evict.config.sogo import SogoSection
from evict.core.measure import BeforeImage, Effect, EffectKind
from evict.core.sighting import Outcome
from evict.systems.base import Observation
from evict.systems.sogo.connector import SogoConnector
from tests.live.accounts import PASSWORDS, account, order

DONE, UNCHANGED, DRIFTED = EffectKind.DONE, EffectKind.UNCHANGED, EffectKind.DRIFTED


def section(layout: Layout) -> SogoSection:
    return SogoSection(
        url=f"https://{layout.ip}:{at.HAPROXY}",
        server_name=at.MAIL_HOST,
        memcached=(f"{layout.ip}:{at.MEMCACHED}",),
        config_file=layout.state / "sogo" / "sogo.conf",
    )


def outcomes(seen: Observation) -> dict[str, Outcome]:
    return {f"{s.door.protocol}/{s.door.credential}": s.outcome for s in seen.sightings}


async def look(sogo: SogoConnector, person: Person) -> Observation:
    return await sogo.observe(account(person), order(person))


async def carry_out(
    sogo: SogoConnector, person: Person, *verbs: str
) -> tuple[list[Effect], list[BeforeImage]]:
    """What is planned, or only these verbs of it."""
    seen = await look(sogo, person)
    planned = sogo.plan(account(person), seen, order(person))
    wanted = [m for m in planned if not verbs or m.id.split(":")[1] in verbs]
    effects = [await sogo.apply(account(person), m, order(person), PASSWORDS) for m in wanted]
    again = [await sogo.apply(account(person), m, order(person), PASSWORDS) for m in wanted]
    assert {effect.kind for effect in again} <= {UNCHANGED}
    return effects, [m.image for m in wanted if m.image is not None]


def sql(layout: Layout, query: str, *values: object) -> list[tuple[object, ...]]:
    with psycopg.connect(layout.dsn("sogo"), autocommit=True) as connection:
        cursor = connection.execute(query.encode(), values)
        return cursor.fetchall() if cursor.description else []


def rows_of(layout: Layout, table: str) -> list[tuple[object, ...]]:
    with psycopg.connect(layout.dsn("sogo")) as connection:
        return connection.execute(SQL("SELECT * FROM {}").format(Identifier(table))).fetchall()


def profile_of(layout: Layout, person: Person) -> tuple[str, str]:
    query = "SELECT c_defaults, coalesce(c_settings, '') FROM sogo_user_profile WHERE c_uid = %s"
    ((defaults, settings),) = sql(layout, query, person.name)
    return str(defaults), str(settings)


class Browser(SogoWeb):
    """Also sets preferences, as the web page does."""

    def prefer(self, **changed: object) -> None:
        name = self.person.name
        answer = self._https.request("GET", f"/SOGo/so/{name}/jsonDefaults")
        defaults = json.loads(answer.text) | changed
        body = json.dumps({"defaults": defaults})
        path = f"/SOGo/so/{name}/Preferences/save"
        assert self.call("POST", path, body) == 200

    def call(self, method: str, path: str, body: str | None = None) -> int:
        return self._https.request(method, path, body, Content_Type="application/json").status

    def share(self, uid: str, **rights: object) -> None:
        """Give rights in the own calendar."""
        name = self.person.name
        folder = f"/SOGo/so/{name}/Calendar/personal"
        if uid not in ("<default>", "anonymous"):
            assert self.call("GET", f"{folder}/addUserInAcls?uid={uid}") in (200, 204)
        nothing = {"Public": "None", "Private": "None", "Confidential": "None"}
        body = json.dumps([{"uid": uid, "rights": nothing | rights}])
        assert self.call("POST", f"{folder}/saveUserRights", body) == 200
