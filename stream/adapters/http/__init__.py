"""HTTP for backends, by Starlette and uvicorn, and a short way to the gate."""

from stream.adapters.http.app import Backend, make_app
from stream.adapters.http.desk import Desk
from stream.adapters.http.room import Room
from stream.adapters.http.server import HttpServer

__all__ = ["Backend", "Desk", "HttpServer", "Room", "make_app"]
