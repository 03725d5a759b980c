"""Connections that are kept, as nginx keeps its own to gunicorn and a till keeps its own to nginx."""

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from tests.bench.load import Connect
from tests.bench.tills import TIMEOUT_SECONDS


def kept_open(port: int, tls: ssl.SSLContext | None = None) -> Connect:
    """Return what opens the connections to `port`, over TLS where a context is given."""

    @contextmanager
    def connect(number: int) -> Iterator[Callable[[bytes], bytes]]:
        ours = (f"127.0.1.{number + 1}", 0)
        with ExitStack() as opened:
            connection = opened.enter_context(socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS, ours))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if tls:
                connection = opened.enter_context(tls.wrap_socket(connection, server_hostname="127.0.0.1"))
            yield lambda sent: _exchange(connection, sent)

    return connect


def _exchange(connection: socket.socket, sent: bytes) -> bytes:
    """Send a request and return its answer, which the connection survives."""
    connection.sendall(sent.replace(b"Connection: close\r\n", b"", 1))
    said = b""
    while b"\r\n\r\n" not in said:
        said += _more(connection)
    head, _, body = said.partition(b"\r\n\r\n")
    lower = head.lower()
    if b"\r\ntransfer-encoding:" in lower:
        raise RuntimeError("an answer in chunks: its end is not looked for here")
    named = lower.partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0]
    left = 0 if head[9:12] == b"304" else int(named or 0) - len(body)
    while left > 0:
        part = _more(connection)
        left -= len(part)
        said += part
    return said


def _more(connection: socket.socket) -> bytes:
    part = connection.recv(65536)
    if not part:
        raise RuntimeError("the server closed a connection that was to be kept")
    return part
