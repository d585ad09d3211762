"""A relay that loses what it is told to lose."""

from __future__ import annotations

import asyncio


class Relay:
    """A port in front of another one; `frozen` loses everything without a word, `cut` breaks what is open."""

    def __init__(self, address: str, port: int) -> None:
        self._target = (address, port)
        self._open: set[asyncio.StreamWriter] = set()
        self._works: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.flows = asyncio.Event()
        self.flows.set()
        self.visits = 0

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    async def __aenter__(self) -> Relay:
        self._server = await asyncio.start_server(self._come, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        for work in self._works:
            work.cancel()
        await asyncio.gather(*self._works, return_exceptions=True)

    def cut(self) -> None:
        """Reset every connection."""
        for writer in self._open:
            writer.transport.abort()

    async def _come(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.visits += 1
        there, to = await asyncio.open_connection(*self._target)
        for source, sink in ((reader, to), (there, writer)):
            self._open.add(sink)
            work = asyncio.create_task(self._flow(source, sink))
            self._works.add(work)

    async def _flow(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                await self.flows.wait()
                sink.write(data)
                await sink.drain()
        except ConnectionError:
            sink.transport.abort()
        finally:
            sink.close()
