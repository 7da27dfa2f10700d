from ipaddress import ip_network
from typing import Any

import pytest
from health_webui.access.forwarded import take

PROXIES = [ip_network("10.0.0.0/8"), ip_network("2001:db8:1::/48"), ip_network("192.0.2.1")]


def passed_on(asks: str, told: str = "") -> dict[str, Any]:
    return {"REMOTE_ADDR": asks, "PATH_INFO": "/", "HTTP_X_FORWARDED_FOR": told}


@pytest.mark.parametrize(
    ("told", "client"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("198.51.100.7:49152", "198.51.100.7"),
        ("198.51.100.7:49153", "198.51.100.7"),
        ("2001:db8::7", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("[2001:db8::7]:49152", "2001:db8::7"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("[::ffff:198.51.100.7]:1", "198.51.100.7"),
        ("203.0.113.9, 198.51.100.7:5", "198.51.100.7"),
        ("198.51.100.7, 10.9.9.9:5, [2001:db8:1::5]:6", "198.51.100.7"),
        ("198.51.100.7, ::ffff:10.9.9.9", "198.51.100.7"),
        ("10.9.9.9", "10.9.9.9"),
        ("", "10.0.0.1"),
        ("unknown", "10.0.0.1"),
        ("unknown:5", "10.0.0.1"),
        ("_hidden, 10.9.9.9", "10.9.9.9"),
        ("198.51.100.7, x", "10.0.0.1"),
        ("198.51.100.7:x", "10.0.0.1"),
    ],
)
@pytest.mark.parametrize("proxy", ["10.0.0.1", "::ffff:10.0.0.1"])
def test_who_asks_is_an_address_without_a_port(told: str, client: str, proxy: str) -> None:
    environ = passed_on(proxy, told)
    assert take(environ, PROXIES)
    assert environ["REMOTE_ADDR"] == client


@pytest.mark.parametrize("asks", ["198.51.100.7", "::ffff:198.51.100.7", "2001:db8:2::1"])
def test_of_others_nothing_is_believed(asks: str) -> None:
    environ = passed_on(asks, "203.0.113.9") | {"HTTP_X_FORWARDED_HOST": "evil.example"}
    assert not take(environ, PROXIES)
    assert environ == {"REMOTE_ADDR": asks.removeprefix("::ffff:"), "PATH_INFO": "/"}


def test_a_prefix_is_taken_off_where_the_proxy_has_left_it_on() -> None:
    environ = passed_on("192.0.2.1") | {"HTTP_X_FORWARDED_PREFIX": "/a/b/"}
    assert take(environ | {"PATH_INFO": "/a/b/x"}, PROXIES)
    environ["PATH_INFO"] = "/a/b/x"
    take(environ, PROXIES)
    assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == ("/a/b", "/x")
    with pytest.raises(ValueError, match="no path"):
        take(passed_on("192.0.2.1") | {"HTTP_X_FORWARDED_PREFIX": "//x"}, PROXIES)
