# SPDX-License-Identifier: Apache-2.0
"""The people of the organisation: sixty accounts that are always the same."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

_NAMES: Final = (
    "Alice Archer", "Bob Baker", "Carol Chen", "Dave Dorn", "Erin Eder", "Frank Faust",
    "Grace Gruber", "Heidi Hahn", "Ivan Ivanov", "Judy Jung", "Karl Kern", "Lena Lang",
    "Mallory Maier", "Niaj Noor", "Olivia Ott", "Peggy Paul", "Quentin Quast", "Rupert Roth",
    "Sybil Stern", "Trent Toth", "Ursula Ulm", "Victor Vogt", "Walter Wolf", "Xenia Xu",
    "Yvonne Yang", "Zoe Ziegler", "Anton Adler", "Berta Busch", "Clara Conrad", "Daniel Dietz",
    "Eva Engel", "Felix Fink", "Greta Graf", "Hugo Horn", "Ida Imhof", "Jakob Jost",
    "Klara Kaiser", "Ludwig Lenz", "Marta Moser", "Nora Nagel", "Otto Ohm", "Paula Pohl",
    "Quirin Queck", "Rosa Rau", "Stefan Sauer", "Thea Thoma", "Udo Urban", "Vera Volk",
    "Wanda Weiss", "Xaver Xander", "Yasmin Yildiz", "Zita Zorn", "Arno Amann", "Beate Beck",
    "Cyrus Cohen", "Dora Daum", "Emil Ernst", "Flora Franz", "Georg Grimm", "Hanna Huber",
)  # fmt: skip


class Person(Struct, frozen=True, kw_only=True):
    """One of them; the password is printed by `evict lab`, nothing here is secret."""

    sam: str
    name: str
    password: str
    database: str

    def upn(self, domain: str) -> str:
        return f"{self.sam}@{domain}"


def people(count: int = len(_NAMES)) -> tuple[Person, ...]:
    """The first `count` of them, spread over two databases."""
    return tuple(
        Person(
            sam=name.split()[0].lower(),
            name=name,
            password=f"{name.split()[1]}-{number:02}-Lab!",
            database=f"DB{number % 2 + 1:02}",
        )
        for number, name in enumerate(_NAMES[:count])
    )
