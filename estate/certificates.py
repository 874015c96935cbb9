# SPDX-License-Identifier: Apache-2.0
"""A certificate authority of the estate's own, and one certificate for all its servers."""

from __future__ import annotations

from estate.commands import run
from estate.layout import DC_HOST, MAIL_HOST, Layout


def make(layout: Layout) -> None:
    """Write tls/ca.pem, tls/estate.pem and their keys (0600)."""
    tls = layout.state / "tls"
    days = ("-days", "365")
    new_key = ("-newkey", "rsa:2048", "-nodes")
    run(
        *("openssl", "req", "-x509", *new_key, *days, "-subj", "/CN=evict estate CA"),
        *("-addext", "keyUsage=critical,keyCertSign,cRLSign"),
        *("-keyout", tls / "ca.key", "-out", layout.ca),
    )
    run(
        *("openssl", "req", *new_key, "-subj", f"/CN={MAIL_HOST}"),
        *("-keyout", tls / "estate.key", "-out", tls / "estate.csr"),
    )
    extensions = (
        f"subjectAltName=DNS:{MAIL_HOST},DNS:{DC_HOST},IP:{layout.ip}\n"
        "extendedKeyUsage=serverAuth\n"
    )
    (tls / "extensions").write_text(extensions)
    run(
        *("openssl", "x509", "-req", "-in", tls / "estate.csr", *days),
        *("-CA", layout.ca, "-CAkey", tls / "ca.key", "-CAcreateserial"),
        *("-extfile", tls / "extensions", "-out", tls / "estate.pem"),
    )
    for key in ("ca.key", "estate.key"):
        (tls / key).chmod(0o600)
