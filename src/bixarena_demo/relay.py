"""A TCP relay on loopback, for what a network does to a connection: it counts, cuts and stalls."""

from __future__ import annotations

import selectors
import socket
import ssl
import struct
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Relay"]

_CHUNK = 65_536
_SENT_KEPT = 1_000_000
# The request for TLS that a PostgreSQL client opens with: length 8, code 80877103.
_SSL_REQUEST = struct.pack("!ii", 8, 80_877_103)


@dataclass
class Relay:
    """Connections to its port go on to a server on 127.0.0.1.

    Attributes:
        port: Where it listens.
        server_port: Where the server does.
        tls: Speaks TLS to clients that ask for it, as PostgreSQL does, if set.
        received: How many bytes came from the server so far.
        sent: What the clients sent so far, while it is small.
        refusing: Whether new connections are cut at once.
        cut_before: Cut all connections, once, instead of passing on a piece of a client's bytes
            that holds these.
        cut_after: The same, but after passing it on and before its answer.
    """

    port: int
    server_port: int
    tls: ssl.SSLContext | None = None
    received: int = 0
    sent: bytearray = field(default_factory=bytearray, repr=False)
    refusing: bool = False
    cut_before: bytes | None = None
    cut_after: bytes | None = None
    _sockets: set[socket.socket] = field(default_factory=set, repr=False)

    @classmethod
    @contextmanager
    def to(
        cls,
        server_port: int,
        *,
        tls: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> Iterator[Relay]:
        """Run a relay for as long as the context lasts.

        Args:
            server_port: Where the server listens.
            tls: To speak TLS with.
            host: Loopback address to listen on.
            port: Where to listen. Default: - any free port.
        """
        with socket.create_server((host, port)) as listener:
            relay = cls(port=listener.getsockname()[1], server_port=server_port, tls=tls)
            threading.Thread(target=relay._accept, args=[listener], daemon=True).start()
            try:
                yield relay
            finally:
                # Wakes the thread that waits in accept().
                listener.shutdown(socket.SHUT_RDWR)
                relay.cut()

    def cut(self) -> None:
        """End every connection at once, as a failing network or a restarting server does."""
        for each in list(self._sockets):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            if self.refusing:
                client.close()
            else:
                threading.Thread(target=self._serve, args=[client], daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        server = socket.create_connection(("127.0.0.1", self.server_port))
        try:
            if self.tls is not None:
                client = self._secured(client)
            self._sockets |= {client, server}
            self._pass_on(client, server)
        except OSError:
            pass
        finally:
            self._sockets -= {client, server}
            client.close()
            server.close()

    def _secured(self, client: socket.socket) -> socket.socket:
        if self.tls is None or client.recv(8, socket.MSG_PEEK) != _SSL_REQUEST:
            return client
        client.recv(8)
        client.sendall(b"S")
        return self.tls.wrap_socket(client, server_side=True)

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(client, selectors.EVENT_READ, (client, server))
            selector.register(server, selectors.EVENT_READ, (server, client))
            while True:
                for key, _ in selector.select():
                    source, target = key.data
                    if not self._move(source, target, is_answer=source is server):
                        return

    def _move(self, source: socket.socket, target: socket.socket, *, is_answer: bool) -> bool:
        piece = source.recv(_CHUNK)
        # A selector does not see what TLS has decrypted already.
        while isinstance(source, ssl.SSLSocket) and source.pending():
            piece += source.recv(_CHUNK)
        if is_answer:
            self.received += len(piece)
            target.sendall(piece)
            return bool(piece)
        if len(self.sent) < _SENT_KEPT:
            self.sent += piece
        if self.cut_before is not None and self.cut_before in piece:
            self.cut_before = None
            self.cut()
            return False
        target.sendall(piece)
        if self.cut_after is not None and self.cut_after in piece:
            self.cut_after = None
            self.cut()
        return bool(piece)
