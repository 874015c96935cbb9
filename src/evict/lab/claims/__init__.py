# SPDX-License-Identifier: Apache-2.0
"""What has been claimed about access that outlives an account, each shown on the organisation."""
