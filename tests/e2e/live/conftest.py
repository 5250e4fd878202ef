"""The product with a quick heartbeat, and people who use it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.product import Product, running


@dataclass
class Stage:
    """A running product, somebody who posts and somebody who watches."""

    product: Product
    author: str
    fan: str

    def post(self, **fields: Any) -> Any:
        """A new post of the author."""
        return self.product.call("POST", "/api/posts/", {"text": "hello", **fields}, self.author)

    def ticket(self, token: str) -> str:
        """A ticket for the handshake."""
        return str(self.product.call("POST", "/api/ws-ticket/", {}, token)["ticket"])


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One product for all tests of live updates."""
    settings = {
        "LIVE_HEARTBEAT_SECONDS": "1",
        "LIVE_SOCKETS_PER_USER": "3",
        "LIVE_TOPICS_PER_SOCKET": "5",
        "WORKER_PROCESSES": "0",
    }
    with running(tmp_path_factory.mktemp("live"), **settings) as product:
        yield Stage(product, product.sign_up(), product.sign_up())
