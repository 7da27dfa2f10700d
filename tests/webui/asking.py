"""A client that sends what it is told to, byte for byte, as no browser would."""

import base64
import re
import socket
import struct
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from health_webui.access.password import PasswordFile

PASSWORD = "correct horse battery"
HANDSHAKE = "/socket.io/?EIO=4&transport=websocket"
UPGRADE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": base64.b64encode(bytes(16)).decode(),
}


@dataclass
class Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def one(self, name: str) -> str:
        (value,) = self.all(name)
        return value


@dataclass
class Client:
    """One browser: its cookies, and the address that it asks from."""

    url: str
    source: str = "127.0.0.1"
    cookies: dict[str, str] = field(default_factory=dict)

    @property
    def netloc(self) -> str:
        return urlsplit(self.url).netloc

    def connect(self) -> socket.socket:
        there = urlsplit(self.url)
        return socket.create_connection(
            (there.hostname, there.port), 20, source_address=(self.source, 0)
        )

    def open(
        self, path: str, headers: dict[str, str] | None = None, method: str = "GET", body: str = ""
    ) -> tuple[Answer, socket.socket]:
        """The head of the answer, and the connection behind it."""
        sent = {"Host": self.netloc} | (headers or {})
        if self.cookies and "Cookie" not in sent:
            sent["Cookie"] = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        if body:
            sent.setdefault("Content-Type", "application/x-www-form-urlencoded")
            sent.setdefault("Content-Length", str(len(body)))
        lines = [f"{method} {path} HTTP/1.1", *(f"{k}: {v}" for k, v in sent.items())]
        connection = self.connect()
        connection.sendall("\r\n".join([*lines, "", body]).encode("latin-1"))
        head = b""
        while not head.endswith(b"\r\n\r\n") and (byte := connection.recv(1)):
            head += byte
        first, *rest = head.decode("latin-1").split("\r\n")[:-2]
        assert first.startswith("HTTP/1.1 "), first
        pairs = [(k, v.strip()) for k, _, v in (line.partition(":") for line in rest)]
        answer = Answer(int(first.split()[1]), pairs, b"")
        for given in answer.all("Set-Cookie"):
            name, _, value = given.partition(";")[0].partition("=")
            self.cookies[name] = value
            if "Max-Age=0" in given:
                del self.cookies[name]
        return answer, connection

    def ask(
        self, path: str, headers: dict[str, str] | None = None, method: str = "GET", body: str = ""
    ) -> Answer:
        sent = {"Connection": "close"} | (headers or {})
        answer, connection = self.open(path, sent, method, body)
        with connection:
            while part := connection.recv(65536):
                answer.body += part
        return answer

    def send_form(self, path: str, headers: dict[str, str] | None = None, **fields: str) -> Answer:
        return self.ask(path, headers, "POST", urlencode(fields))

    def token(self, path: str = "/login") -> str:
        """The token of the form on that page."""
        found = re.search(rb'name="token" value="([^"]+)"', self.ask(path).body)
        assert found
        return found[1].decode()

    def log_in(self, password: str = PASSWORD) -> Answer:
        return self.send_form("/login", token=self.token(), password=password)


def with_password(data_dir: Path) -> tuple[str, ...]:
    """Arguments for a process that others can reach, and its password."""
    PasswordFile(data_dir / "password").set(PASSWORD)
    return ("--data-dir", str(data_dir))


def frame(payload: bytes, *, announced: int | None = None, opcode: int = 0x81) -> bytes:
    """A WebSocket frame as browsers mask it; `announced` is the length that it claims."""
    length = len(payload) if announced is None else announced
    size = (
        bytes([0x80 | length])
        if length < 126
        else bytes([0xFE]) + struct.pack("!H", length)
        if length < 65536
        else bytes([0xFF]) + struct.pack("!Q", length)
    )
    return bytes([opcode]) + size + bytes(4) + payload
