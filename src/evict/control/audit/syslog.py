# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import ssl

from evict.config.audit import SYSLOG_PORT, SyslogSection, audit_file
from evict.config.crosscheck import host_port
from evict.config.model import Config
from evict.config.secrets import locate
from evict.control.audit.log import AuditLog
from evict.ledger.service import Ledger
from evict.obs.syslog import Server, Syslog


async def open_audit_log(config: Config, ledger: Ledger) -> AuditLog:
    """The audit log that the configuration asks for."""
    syslog = None if config.audit.syslog is None else make_syslog(config.audit.syslog)
    path = audit_file(config.audit, config.ledger.path)
    return await AuditLog.open(path, ledger, syslog=syslog)


def make_syslog(section: SyslogSection) -> Syslog:
    """The sender that the configuration asks for; nothing is connected yet."""
    host, port = host_port(section.server, SYSLOG_PORT)
    server = Server(
        host=host, port=port, name=section.server_name or host, facility=section.facility
    )

    def context() -> ssl.SSLContext:
        made = ssl.create_default_context(cafile=section.ca_file)
        made.minimum_version = ssl.TLSVersion.TLSv1_2
        if section.certificate_file is not None:
            key = None if section.key_file is None else locate(section.key_file)
            # A key that asks for a password would otherwise ask whoever sits at the terminal.
            made.load_cert_chain(section.certificate_file, key, password=lambda: "")
        return made

    return Syslog(server, context)
