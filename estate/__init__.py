# SPDX-License-Identifier: Apache-2.0
"""A real estate on one loopback address: Samba AD, Dovecot, Postfix. For `make live` and tests."""
