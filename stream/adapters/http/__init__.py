"""HTTP for backends, by Starlette and uvicorn."""

from stream.adapters.http.app import Backend, make_app
from stream.adapters.http.room import Room
from stream.adapters.http.server import HttpServer

__all__ = ["Backend", "HttpServer", "Room", "make_app"]
