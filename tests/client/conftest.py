"""The servers of the tests of the server."""

from tests.server.conftest import folder, up

__all__ = ["folder", "up"]
