# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import signal
from pathlib import Path

from estate import layout as at
from estate.layout import Layout
from estate.processes import Server
from estate.web.provision import POSTGRES


def web_servers(layout: Layout) -> tuple[Server, ...]:
    """What is behind the web doors first, the fronts last."""
    return (*_stores(layout), *_web_mails(layout), *_fronts(layout))


def _stores(layout: Layout) -> tuple[Server, ...]:
    """PostgreSQL and memcached."""
    log = layout.logs / "sql" / "sql.log"
    memory = layout.state / "run" / "memcached" / "pid"
    postgres = ("setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups")
    return (
        Server(
            name="postgresql",
            command=(*postgres, POSTGRES / "pg_ctl", "-D", layout.sql, "-l", log, "-W", "start"),
            pid_file=layout.sql / "postmaster.pid",
            comm="postgres",
            ports=(at.SQL,),
            log=log,
            stop=signal.SIGINT,
        ),
        Server(
            name="memcached",
            command=(
                *("memcached", "-d", "-l", layout.ip, "-p", str(at.MEMCACHED)),
                *("-u", "memcache", "-m", "64", "-P", memory),
            ),
            pid_file=memory,
            comm="memcached",
            ports=(at.MEMCACHED,),
            log=layout.logs / "memcached.log",
        ),
    )


def _web_mails(layout: Layout) -> tuple[Server, ...]:
    """SOGo; PHP and the web server of Roundcube."""
    sogo_pid = layout.state / "run" / "sogo" / "sogo.pid"
    sogo_log = layout.logs / "sogo" / "sogo.log"
    return (
        Server(
            name="sogo",
            command=(
                *(layout.sogo_do, "sogod", "-WONoDetach", "NO"),
                *("-WOPidFile", sogo_pid, "-WOLogFile", sogo_log),
            ),
            pid_file=sogo_pid,
            comm="sogod",
            ports=(at.SOGO,),
            log=sogo_log,
            # Quirk: SOGo 5.8 ends 19 s after a TERM. It keeps nothing: its state is in the stores.
            stop=signal.SIGKILL,
            stop_all=True,
        ),
        Server(
            name="php-fpm",
            command=("php-fpm8.2", "-y", layout.state / "roundcube" / "php-fpm.conf"),
            pid_file=layout.state / "run" / "php-fpm.pid",
            comm="php-fpm",
            ports=(),
            log=layout.logs / "php-fpm.log",
        ),
        _nginx(layout, "nginx-web", layout.state / "nginx" / "web.conf", at.WEB),
    )


def _fronts(layout: Layout) -> tuple[Server, ...]:
    pid_file = layout.state / "run" / "haproxy.pid"
    return (
        Server(
            name="haproxy",
            command=("haproxy", "-W", "-D", "-p", pid_file, "-f", layout.haproxy_config),
            pid_file=pid_file,
            comm="haproxy",
            ports=(at.HAPROXY,),
            log=layout.logs / "haproxy.log",
        ),
        _nginx(layout, "nginx", layout.nginx_config, at.NGINX),
    )


def _nginx(layout: Layout, name: str, config: Path, port: int) -> Server:
    return Server(
        name=name,
        command=("nginx", "-c", config),
        pid_file=layout.state / "run" / f"{name}.pid",
        comm="nginx",
        ports=(port,),
        log=layout.logs / f"{name}.log",
    )
