# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import tomllib

import msgspec
import pytest

from evict.config import toml
from evict.config.example import example
from evict.config.fields import Setting, settings
from evict.config.model import Config


def every_setting(section: type[msgspec.Struct]) -> list[Setting]:
    found = []
    for setting in settings(section):
        found += every_setting(setting.section) if setting.section else [setting]
    return found


def test_every_setting_stands_in_the_example_with_its_comment() -> None:
    text = " ".join(example().replace("\n# ", " ").split())
    for setting in every_setting(Config):
        assert f"{setting.name} = " in text
        assert setting.description, setting.name
        assert " ".join(setting.description.split()) in text


def test_what_has_no_default_has_an_example_that_is_not_commented_out() -> None:
    text = example()
    for setting in every_setting(Config):
        if setting.required:
            assert f"\n{setting.name} = " in text, setting.name
        elif setting.default in (None, ()):
            assert setting.example is not None, setting.name


def test_lines_fit_a_hundred_columns() -> None:
    assert max(map(len, example().splitlines())) <= 100


@pytest.mark.parametrize(
    "value", ['a"b\\c', "\x00\x1f\x7f\u2028😀", "", True, 3, 1.5, 1e20, ["a", "b"], []]
)
def test_a_value_is_written_so_that_toml_reads_it_back(value: object) -> None:
    assert tomllib.loads(f"x = {toml.value(value)}")["x"] == value


def test_what_toml_cannot_say_is_refused() -> None:
    with pytest.raises(TypeError):
        toml.value(None)
