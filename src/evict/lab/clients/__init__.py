# SPDX-License-Identifier: Apache-2.0
"""Mail clients in process, on the model itself: no sockets, a clock that jumps from act to act."""
