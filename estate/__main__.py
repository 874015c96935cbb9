# SPDX-License-Identifier: Apache-2.0
"""`python -m estate up|down|status [--ip IP] [--state FOLDER] [--web]`."""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from pathlib import Path
from typing import Final

from estate import layout as at
from estate import services
from estate.commands import EstateError
from estate.layout import Layout
from estate.product import Product, control_socket, stop_detached
from estate.web.hooks import put_in_force

_HOW_TO: Final = """
People:     alice bob carol dave erin frank grace heidi @corp.test, password Pass-<name>1;
            boss@corp.test is protected
Servers:    {ip}: IMAPS 993, POP3S 995, ManageSieve 4190, submission 587, LDAPS 636
Logs:       {log}

Try, as root:
  export EVICT_CONFIG={config}
  .venv/bin/evict doors bob
  .venv/bin/evict exposure
  .venv/bin/evict plan bob
  .venv/bin/evict revoke bob --witness --reason 'try'
  .venv/bin/evict status
  .venv/bin/evict reinstate bob
  .venv/bin/evict doctor
Stop:       make live-down"""

_WEB: Final = """
Web:        https://{ip}:{haproxy} (HAProxy) with /SOGo, /SOGo/dav, /Microsoft-Server-ActiveSync
            and /roundcube; nginx stands still, as it would be a way past HAProxy"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="estate", description="A real estate on one address.")
    parser.add_argument("verb", choices=("up", "down", "status"))
    parser.add_argument("--ip", default=Layout().ip, help="127.x.y.z; it takes the /16 around it")
    parser.add_argument("--state", type=Path, help="default: /var/tmp/evict-estate-<x>")
    parser.add_argument("--remove", action="store_true", help="down: remove the state folder too")
    parser.add_argument("--web", action="store_true", help="up, status: the web doors too")
    arguments = parser.parse_args()
    try:
        layout = Layout.at(arguments.ip, arguments.state, web=arguments.web)
        if arguments.verb == "up":
            return _up(layout)
        if arguments.verb == "down":
            stop_detached(layout)
            services.down(layout)
            if arguments.remove:
                shutil.rmtree(layout.state, ignore_errors=True)
            return 0
        return _status(layout)
    except (EstateError, ValueError) as error:
        print(f"estate: {error}", file=sys.stderr)
        return 1


def _up(layout: Layout) -> int:
    begun = time.monotonic()
    services.up(layout)
    if layout.web:
        put_in_force(layout)
    if not control_socket(layout).exists():
        product = Product(layout)
        product.start()
        product.detach()
    print(f"estate: up on {layout.ip} after {time.monotonic() - begun:.1f} s")
    if layout.web:
        print(_WEB.format(ip=layout.ip, haproxy=at.HAPROXY))
    print(_HOW_TO.format(config=layout.config, ip=layout.ip, log=layout.logs))
    return 0


def _status(layout: Layout) -> int:
    """Exit code 3 where something does not run, as of `systemctl status`."""
    running = services.status(layout)
    for name, runs in running.items():
        print(f"{name}: {'runs' if runs else 'stopped'}")
    return 0 if all(running.values()) else 3


if __name__ == "__main__":
    sys.exit(main())
