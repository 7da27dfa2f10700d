"""What reverse proxies say of the requests that they pass on: X-Forwarded-For and its kin."""

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any

from health_webui.config import address

_TOLD = ("FOR", "PROTO", "HOST", "PREFIX", "PORT", "SERVER", "SSL")
_PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)*")
_WITH_PORT = re.compile(r"([0-9.]+):[0-9]+|\[([0-9A-Fa-f:.]+)\](?::[0-9]+)?")


def take(environ: dict[str, Any], proxies: Iterable[IPv4Network | IPv6Network]) -> bool:
    """Takes what one of the proxies says into the environment; of others nothing is believed.

    Afterwards REMOTE_ADDR is the address of who asks, as far as it is known, without a port.

    Returns:
        Whether one of the proxies asks.

    Raises:
        ValueError: the prefix is no path.
    """
    told = {name: environ.pop(f"HTTP_X_FORWARDED_{name}", "") for name in _TOLD}
    environ.pop("HTTP_FORWARDED", None)
    asks = as_address(environ.get("REMOTE_ADDR", ""))
    environ["REMOTE_ADDR"] = str(asks or "")
    if not _among(asks, proxies):
        return False
    if told["PROTO"] in ("http", "https"):
        environ["wsgi.url_scheme"] = told["PROTO"]
    if told["HOST"]:
        environ["HTTP_HOST"] = told["HOST"].rpartition(",")[2].strip()
    prefix = told["PREFIX"].rstrip("/")
    if not _PREFIX.fullmatch(prefix):
        raise ValueError("X-Forwarded-Prefix is no path.")
    environ["SCRIPT_NAME"] = prefix
    if prefix and environ["PATH_INFO"].startswith(f"{prefix}/"):  # a proxy that left it on
        environ["PATH_INFO"] = environ["PATH_INFO"][len(prefix) :]
    for part in reversed(told["FOR"].split(",")):
        asks = _forwarded(part.strip())
        if asks is None:  # "unknown", say: whom a proxy does not tell of, it answers for
            break
        environ["REMOTE_ADDR"] = str(asks)
        if not _among(asks, proxies):
            break
    return True


def as_address(text: str) -> IPv4Address | IPv6Address | None:
    """The address; None where the text is none."""
    try:
        return address(text)
    except ValueError:
        return None


def _forwarded(text: str) -> IPv4Address | IPv6Address | None:
    """The same without the port that some proxies put behind it."""
    match = _WITH_PORT.fullmatch(text)
    return as_address(match[1] or match[2] if match else text)


def _among(
    asks: IPv4Address | IPv6Address | None, proxies: Iterable[IPv4Network | IPv6Network]
) -> bool:
    return asks is not None and any(asks in network for network in proxies)
