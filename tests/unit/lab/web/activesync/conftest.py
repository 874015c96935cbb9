# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from tests.unit.lab.web.activesync.place import make_place
from tests.unit.lab.web.loopback import fixtures

place, places = fixtures(make_place)
