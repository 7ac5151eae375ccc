"""WebSockets and GET on one port, by websockets."""

from stream.adapters.websocket.peer import WebSocketPeer, text_frame
from stream.adapters.websocket.server import (
    Hooks,
    ServerLimits,
    WebSocketServer,
    check_host,
    make_tls,
)

__all__ = [
    "Hooks",
    "ServerLimits",
    "WebSocketPeer",
    "WebSocketServer",
    "check_host",
    "make_tls",
    "text_frame",
]
