"""What every test may use."""

from collections.abc import Iterator

import pytest

from tests.product import Product, running


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """The product, running as an operator starts it, shared by the tests of a module."""
    with running(tmp_path_factory.mktemp("product")) as started:
        yield started
