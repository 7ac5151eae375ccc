"""HTTP for backends, by Starlette and uvicorn."""

from stream.adapters.http.app import Backend, make_app
from stream.adapters.http.server import HttpServer

__all__ = ["Backend", "HttpServer", "make_app"]
