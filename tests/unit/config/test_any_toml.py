# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from evict.config import toml
from evict.config.fields import settings as fields
from evict.config.load import load
from evict.config.model import Config
from evict.config.show import show
from evict.core.errors import ConfigError

SECTIONS = {s.name: s for s in fields(Config)}
SCALARS = st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
RAW = st.sampled_from(["1979-05-27", "07:32:00", "{ a = 1 }", "[[1], ['a']]", "nan", '"/x"'])
VALUES = (SCALARS | st.lists(SCALARS, max_size=3)).map(toml.value) | RAW


@st.composite
def files(draw: st.DrawFn) -> str:
    """Tables with right names and keys, in which anything may stand."""
    lines = []
    for name in draw(st.lists(st.sampled_from(sorted(SECTIONS)), max_size=4)):
        many = draw(st.booleans())
        section = SECTIONS[name].section
        assert section is not None
        lines.append(f"[[{name}]]" if many else f"[{name}]")
        keys = st.sampled_from([f.name for f in fields(section)])
        lines += [f"{key} = {draw(VALUES)}" for key in draw(st.lists(keys, max_size=5))]
    return "\n".join(lines)


@settings(max_examples=400, deadline=None)
@given(main=files() | st.text(max_size=60), part=files())
def test_any_files_load_or_are_refused_in_words(main: str, part: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "evict.toml"
        (file.parent / "conf.d").mkdir()
        file.write_text(main, encoding="utf-8", errors="replace")
        (file.parent / "conf.d" / "a.toml").write_text(part, encoding="utf-8", errors="replace")
        try:
            said = show(load(file))
        except ConfigError as error:
            said = error.text if folder in error.text else ""
        assert said
