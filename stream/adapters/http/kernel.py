"""What the kernel knows of a connection: since when its data waits to be read."""

from __future__ import annotations

import struct
import sys
from socket import AF_INET, IPPROTO_TCP, SOCK_STREAM, SocketType

_TCP_INFO = 11
_LAST_DATA_RECV = struct.Struct("@I")
_LAST_DATA_RECV_AT = 52
"""In Linux's `struct tcp_info`: milliseconds since the last data came (linux/tcp.h)."""


def since_last_data_s(descriptor: int) -> float:
    """Seconds since a TCP connection's last data came to the kernel, in its ticks of some
    milliseconds; 0 where the system does not tell.
    """
    if sys.platform != "linux" or descriptor < 0:
        return 0.0
    try:
        sock = SocketType(AF_INET, SOCK_STREAM, IPPROTO_TCP, descriptor)
    except OSError:
        return 0.0
    try:
        info = sock.getsockopt(IPPROTO_TCP, _TCP_INFO, _LAST_DATA_RECV_AT + 4)
    except OSError:
        return 0.0
    finally:
        sock.detach()  # it is the transport's
    if len(info) < _LAST_DATA_RECV_AT + 4:
        return 0.0
    (waited_ms,) = _LAST_DATA_RECV.unpack_from(info, _LAST_DATA_RECV_AT)
    return float(waited_ms) / 1000
