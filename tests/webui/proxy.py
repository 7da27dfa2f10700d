"""A small reverse proxy: what nginx does with ``location /health/ { proxy_pass ...; }``.

python -m tests.webui.proxy URL PREFIX [strip|keep]
"""

import signal
import socket
import sys
import threading
from contextlib import suppress
from urllib.parse import urlsplit


def _head(connection: socket.socket) -> bytes:
    head = b""
    while b"\r\n\r\n" not in head:
        part = connection.recv(65536)
        if not part:
            break
        head += part
    return head


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while part := source.recv(65536):
            target.sendall(part)
    for end in (source, target):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


def _serve(browser: socket.socket, peer: str, url: str, prefix: str, strip: bool) -> None:
    with browser:
        head, _, body = _head(browser).partition(b"\r\n\r\n")
        if not head:
            return
        first, *lines = head.decode("latin-1").split("\r\n")
        method, path, version = first.split(" ")
        if not path.startswith(f"{prefix}/"):
            browser.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            return
        host = next(line for line in lines if line.lower().startswith("host:"))
        upgrade = any(line.lower().startswith("upgrade:") for line in lines)
        kept = [line for line in lines if not line.lower().startswith(("host:", "connection:"))]
        there = urlsplit(url)
        sent = [
            f"{method} {path.removeprefix(prefix) if strip else path} {version}",
            f"Host: {there.netloc}",
            f"Connection: {'Upgrade' if upgrade else 'close'}",
            f"X-Forwarded-Host:{host.partition(':')[2]}",
            f"X-Forwarded-For: {peer}",
            "X-Forwarded-Proto: http",
            f"X-Forwarded-Prefix: {prefix}",
            *kept,
        ]
        with socket.create_connection((there.hostname, there.port)) as server:
            server.sendall("\r\n".join(sent).encode("latin-1") + b"\r\n\r\n" + body)
            answering = threading.Thread(target=_pump, args=(server, browser), daemon=True)
            answering.start()
            _pump(browser, server)
            answering.join()


def main(url: str, prefix: str, way: str = "strip") -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        sys.stderr.write(f"ready url=http://127.0.0.1:{port}{prefix}/\n")
        sys.stderr.flush()
        while True:
            browser, (peer, _) = listener.accept()
            arguments = (browser, peer, url, prefix, way == "strip")
            threading.Thread(target=_serve, args=arguments, daemon=True).start()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # whatever started it ignores
    with suppress(KeyboardInterrupt):
        main(*sys.argv[1:])
