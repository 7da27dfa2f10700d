"""Who may see the page: every request passes here first, the Socket.IO handshake included.

In this order: what proxies say is believed of trusted ones only; the Host is one of ours (a name
that somebody else points at this address is not: DNS rebinding); what another site's page makes a
browser send is refused; the body is short; and who asks is logged in, where that is needed.
"""

import json
import re
import socket
from base64 import b64encode
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from hashlib import sha256
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs

from health_webui.access import forwarded
from health_webui.access.forwarded import as_address
from health_webui.access.password import PasswordFile
from health_webui.access.sessions import Sessions
from health_webui.access.tries import TooManyTries, Tries, basic_password
from health_webui.config import Config, is_loopback

SESSION_COOKIE = "health_webui_session"
FORM_COOKIE = "health_webui_form"
MAX_BODY = 10_000
_OPEN = ("/login", "/healthz")  # and /static/: without a login
_POSTS = ("/login", "/logout", "/socket.io/")
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?")
_ERRORS = {"401": "unauthorized", "405": "method_not_allowed", "429": "busy"}

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
# Browsers complain of it where anybody on the way could have put it there.
_HEADERS_OF_TRUSTWORTHY = {"Cross-Origin-Opener-Policy": "same-origin"}

Environ = dict[str, Any]
StartResponse = Callable[..., Any]


@dataclass(slots=True, frozen=True)
class Refusal:
    """Why a request is not answered; `login` where logging in would help, `headers` for how."""

    status: str
    message: str
    login: bool = False
    headers: tuple[tuple[str, str], ...] = ()


_LOG_IN = Refusal("401 Unauthorized", "Log in first.", login=True)
_ASK_FOR_PASSWORD = (("WWW-Authenticate", 'Basic realm="System Health", charset="UTF-8"'),)


class Access:
    """The rules, as configured, and the sessions."""

    def __init__(self, config: Config, machine: str = "") -> None:
        self._config = config
        self.needs_login = config.exposed and config.auth == "password"
        self.password = PasswordFile(config.password_file)
        self.sessions = Sessions(self.password)
        self.tries = Tries(self.password)
        names = {config.host, *config.allowed_hosts}
        if config.exposed:
            machine = machine or socket.gethostname()
            names |= {machine, f"{machine}.local"}
        self._names = {name.lower().strip("[]") for name in names}
        listens = as_address(config.host)
        self._any_address = listens is not None and listens.is_unspecified

    def check(self, environ: Environ) -> Refusal | None:
        """Takes what trusted proxies say into the environment, and judges it; None is a yes."""
        if "health.refusal" not in environ:
            environ["health.refusal"] = self._through_proxy(environ) or self._judge(environ)
        refusal = environ["health.refusal"]
        assert refusal is None or isinstance(refusal, Refusal)
        return refusal

    def session(self, environ: Environ) -> str | None:
        """The session's cookie as the browser sent it."""
        return cookie(environ, SESSION_COOKIE)

    def may_stay(self, session: str | None) -> bool:
        """Whether who was let in with that session still may."""
        return not self.needs_login or self.sessions.valid(session)

    def _through_proxy(self, environ: Environ) -> Refusal | None:
        try:
            trusted = forwarded.take(environ, self._config.trusted_proxies)
        except ValueError as error:
            return Refusal("400 Bad Request", str(error))
        if not trusted and self._config.auth == "proxy":
            return Refusal("403 Forbidden", "Only the trusted proxies may ask here.")
        return None

    def _judge(self, environ: Environ) -> Refusal | None:
        host = environ.get("HTTP_HOST", "")
        path = environ.get("PATH_INFO", "")
        if not self._is_ours(host):
            return Refusal(
                "421 Misdirected Request",
                "This host name is not served here. If it should be, add it to allowed_hosts.",
            )
        method = environ["REQUEST_METHOD"]
        if method not in ("GET", "HEAD") and not (method == "POST" and path in _POSTS):
            allow = (("Allow", "GET, HEAD"),)
            return Refusal("405 Method Not Allowed", "There is nothing to change.", headers=allow)
        if self._from_elsewhere(environ, host, path, method):
            return Refusal("403 Forbidden", "Pages of other sites may not ask here.")
        try:
            short = int(environ.get("CONTENT_LENGTH") or 0) <= MAX_BODY
        except ValueError:
            short = False
        if not short or "HTTP_TRANSFER_ENCODING" in environ:
            return Refusal("413 Content Too Large", f"At most {MAX_BODY} bytes, said beforehand.")
        if path in _OPEN or path.startswith("/static/"):
            return None
        if self.may_stay(self.session(environ)):
            return None
        return self._programs(environ) if path.startswith("/api/") else _LOG_IN

    def _programs(self, environ: Environ) -> Refusal | None:
        """Programs may send the password along, as in ``curl --user :PASSWORD``.

        A WWW-Authenticate header asks them for it (RFC 9110 wants it with every 401), and them
        alone: when a session ends, a browser would ask in a window of its own.
        """
        ask = () if _is_browser(environ) else _ASK_FOR_PASSWORD
        password = basic_password(environ.get("HTTP_AUTHORIZATION", ""))
        if password is None:
            return replace(_LOG_IN, headers=ask)
        try:
            if self.tries.right_again(environ.get("REMOTE_ADDR", ""), password):
                return None
        except TooManyTries as error:
            retry = (("Retry-After", str(error.seconds)),)
            return Refusal("429 Too Many Requests", str(error), headers=retry)
        return Refusal("401 Unauthorized", "That is not the password.", login=True, headers=ask)

    def _is_ours(self, host: str) -> bool:
        name = _name_in(host)
        if not name or is_loopback(name) or name in self._names:
            return bool(name)
        return self._any_address and as_address(name) is not None  # which cannot be rebound

    def _from_elsewhere(self, environ: Environ, host: str, path: str, method: str) -> bool:
        """Whether a browser sends this for a page of another site.

        Following a link from there is fine; reading data and changing things are not.
        """
        origin = environ.get("HTTP_ORIGIN")
        if origin is not None and not _same(origin, host, environ["wsgi.url_scheme"]):
            return True
        if method != "POST" and not path.startswith(("/socket.io/", "/api/")):
            return False
        return environ.get("HTTP_SEC_FETCH_SITE", "none") not in ("same-origin", "none")


def _same(origin: str, host: str, scheme: str) -> bool:
    """Whether an Origin is this site's; ours looks like http where a proxy ends TLS."""
    given, _, netloc = origin.partition("://")
    return netloc.lower() == host.lower() and given in (scheme, "https")


def _name_in(host: str) -> str:
    """The name or address in a Host header, without its port; empty where it is none."""
    match = _HOST.fullmatch(host)
    return match[1].lower().strip("[]").removesuffix(".") if match else ""


def _is_browser(environ: Environ) -> bool:
    """Whether a browser asks, for a page of ours or for who has typed the address.

    Over plain HTTP there are no Sec-Fetch headers: there the page's script says who it is.
    """
    return (
        "HTTP_X_REQUESTED_WITH" in environ
        or "text/html" in environ.get("HTTP_ACCEPT", "")
        or any(name.startswith("HTTP_SEC_FETCH_") for name in environ)
    )


def _is_trustworthy(environ: Environ) -> bool:
    """Whether browsers take this address for one that nobody on the way can forge."""
    return environ["wsgi.url_scheme"] == "https" or is_loopback(
        _name_in(environ.get("HTTP_HOST", ""))
    )


def cookie(environ: Environ, name: str) -> str | None:
    """A cookie's value; None where the browser sent none, or sent nonsense."""
    try:
        found = SimpleCookie(environ.get("HTTP_COOKIE", "")).get(name)
    except CookieError:
        return None
    return found.value if found else None


def headers(style: str) -> dict[str, str]:
    """What every response says; `style` is the only style sheet that a page may have in it."""
    digest = b64encode(sha256(style.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; script-src 'self'; style-src 'sha256-{digest}'; img-src data:;"
        " connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
    return {"Content-Security-Policy": policy, **_HEADERS}


class Gate:
    """WSGI middleware: refuses what `Access` does, and puts the headers on every response."""

    def __init__(
        self, application: Callable[..., Iterable[bytes]], access: Access, style: str
    ) -> None:
        self._application = application
        self._access = access
        self._headers = headers(style)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            there = {name.lower() for name, _ in headers}
            ours = self._headers
            if _is_trustworthy(environ):
                ours = ours | _HEADERS_OF_TRUSTWORTHY
            added = [(k, v) for k, v in ours.items() if k.lower() not in there]
            if "cache-control" not in there:
                added.append(("Cache-Control", "no-store"))
            return start_response(status, headers + added, *more)

        refusal = self._access.check(environ) or _without_websocket(environ)
        if refusal is None:
            return self._application(environ, start)
        return _refuse(refusal, environ, start)


def _without_websocket(environ: Environ) -> Refusal | None:
    """Who asks for a WebSocket without being one, which the engine takes for our own mistake."""
    if environ["PATH_INFO"] != "/socket.io/" or "wsgi.websocket" in environ:
        return None
    if "websocket" in parse_qs(environ.get("QUERY_STRING", "")).get("transport", ()):
        return Refusal("400 Bad Request", "This is no WebSocket handshake.")
    return None


def _refuse(refusal: Refusal, environ: Environ, start: StartResponse) -> Iterable[bytes]:
    path = environ.get("PATH_INFO", "")
    if refusal.login and not path.startswith(("/api/", "/socket.io/")):
        root = "../" * max(path.count("/") - 1, 0)
        start("303 See Other", [("Location", f"{root or './'}login"), ("Content-Length", "0")])
        return [b""]
    if path.startswith("/api/"):
        error = _ERRORS.get(refusal.status[:3], "refused")
        body = json.dumps({"error": error, "message": refusal.message}).encode()
        mime = "application/json"
    else:
        body, mime = f"{refusal.message}\n".encode(), "text/plain; charset=utf-8"
    start(
        refusal.status,
        [
            ("Content-Type", mime),
            ("Content-Length", str(len(body))),
            ("Connection", "close"),
            *refusal.headers,
        ],
    )
    return [body]
