# SPDX-License-Identifier: Apache-2.0
"""ActiveSync of one client access server. Spec: MS-ASHTTP, MS-ASCMD, MS-ASPROV."""
