"""The floor that uploads are compared with: asyncio, no framework, bytes straight to a file.

`python -m bench.upload_sink FOLDER` prints its port. It understands just enough HTTP to take
`PATCH /name` with `Upload-Offset` and `Content-Length`, and writes what it reads with pwrite.
"""

import asyncio
import os
import sys
from pathlib import Path

BUFFER_BYTES = 256 * 1024


class Sink(asyncio.BufferedProtocol):
    """One connection."""

    folder: Path

    def __init__(self) -> None:
        self.view = memoryview(bytearray(BUFFER_BYTES))
        self.head = b""
        self.file: int | None = None
        self.left = self.offset = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to answer."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def get_buffer(self, sizehint: int) -> memoryview:
        """Always the same buffer: what it held is in the file by now."""
        return self.view

    def buffer_updated(self, nbytes: int) -> None:
        """Write what has come."""
        data = self.view[:nbytes]
        while data:
            if self.file is None:
                self.head += data
                head, end, body = self.head.partition(b"\r\n\r\n")
                if not end:
                    return
                self.begin(head.decode().lower())
                data, self.head = memoryview(body), b""
            else:
                size = min(len(data), self.left)
                os.pwrite(self.file, data[:size], self.offset)
                self.offset, self.left, data = self.offset + size, self.left - size, data[size:]
                self.answer_at_the_end()

    def begin(self, head: str) -> None:
        """Open the file that the head names."""
        line, *lines = head.split("\r\n")
        headers = dict(each.split(": ", 1) for each in lines)
        self.left, self.offset = int(headers["content-length"]), int(headers["upload-offset"])
        path = self.folder / line.split(" ")[1].rpartition("/")[2]
        self.file = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)

    def answer_at_the_end(self) -> None:
        """Say 204 when all of the body is written."""
        if self.left == 0 and self.file is not None:
            os.close(self.file)
            self.file = None
            self.transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")


async def main() -> None:
    """Serve until killed."""
    Sink.folder = Path(sys.argv[1])
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
