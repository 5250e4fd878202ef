"""The server goes away in good order, and the benchmark runs."""

import time

import pytest

from bench import fanout
from tests.e2e.live.client import line
from tests.product import running


async def test_when_the_server_stops_sockets_are_told_and_it_is_quick(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    import asyncio

    with running(tmp_path_factory.mktemp("leaving"), WORKER_PROCESSES="0") as product:
        async with line(product) as opened:
            await opened.follow("feed")
            began = time.monotonic()
            code = await asyncio.to_thread(product.stop)
            await opened.socket.wait_closed()
            assert opened.socket.close_code == 4503
        assert code == 0
        assert time.monotonic() - began < 10
        assert "Traceback" not in product.log(), product.log()


def test_the_fan_out_benchmark_loses_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    small = ["--sockets", "60", "--rooms", "6", "--rate", "12", "--seconds", "2"]
    result = fanout.main([*small, "--slice-seconds", "1"])
    assert result["lost"] == 0
    assert {"p99_ms", "p99_vs_bare", "p99_vs_stock", "kib_per_socket"} < set(result)
    assert capsys.readouterr().out.splitlines()[-1].startswith("{")
