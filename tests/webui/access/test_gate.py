"""Strangers at the door: a real client, which sends what it likes, against the real process."""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from time import monotonic, time
from urllib.parse import urlencode

import psutil
import pytest
from health_webui.access.password import PasswordFile, Throttle
from health_webui.access.sessions import SESSION_SECONDS
from itsdangerous import TimestampSigner

from tests.running import Running, start_webui, wait_for
from tests.webui.asking import HANDSHAKE, PASSWORD, UPGRADE, Client, frame, with_password

pytestmark = pytest.mark.slow

NAME = "health.test"


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A process that only this machine reaches."""
    with start_webui(tmp_path_factory.mktemp("local")) as webui:
        yield webui


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A process that others reach, by a name of its own; it asks for a password."""
    path = tmp_path_factory.mktemp("guarded")
    names = {"HEALTH_WEBUI_ALLOWED_HOSTS": NAME}
    with start_webui(path, args=with_password(path / "data"), env=names) as webui:
        yield webui


def data_dir_of(webui: Running) -> Path:
    """Where it keeps its password."""
    arguments = psutil.Process(webui.pid).cmdline()
    return Path(arguments[arguments.index("--data-dir") + 1])


@pytest.fixture
def browser(guarded: Running, request: pytest.FixtureRequest) -> Client:
    """A browser at an address of its own, so that no test uses up another one's tries."""
    name = request.node.name.encode()
    return Client(guarded.url, f"127.{sum(name) % 200 + 9}.{name[-2] % 250}.{len(name) % 250 + 1}")


# --- names -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost@evil.example",
     "localhost evil", "", "a" * 300, "192.0.2.1", "[::ffff]x", NAME],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/", "/healthz", "/api/v1/hosts/x/history", HANDSHAKE])
def test_names_that_are_not_ours_are_not_answered(local: Running, host: str, path: str) -> None:
    headers = {"Host": host} | (UPGRADE if path == HANDSHAKE else {})
    assert Client(local.url).ask(path, headers).status == 421


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1:1", "[::1]:8086", "LOCALHOST.", "127.9.9.9"]
)
def test_names_of_this_machine_are_answered(local: Running, host: str) -> None:
    assert Client(local.url).ask("/", {"Host": host}).status == 200


def test_a_name_in_the_configuration_is_answered(guarded: Running) -> None:
    assert Client(guarded.url).ask("/healthz", {"Host": f"{NAME}:99"}).status == 200
    assert Client(guarded.url).ask("/healthz", {"Host": f"x.{NAME}"}).status == 421


# --- other sites -------------------------------------------------------------------------------


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "", "http://127.0.0.1:1", "x"])
def test_pages_of_other_sites_may_not_connect(local: Running, origin: str) -> None:
    client = Client(local.url)
    for path, more in ((HANDSHAKE, UPGRADE), ("/socket.io/?EIO=4&transport=polling", {})):
        assert client.ask(path, {"Origin": origin, **more}).status == 403
        forged = {"Origin": origin, "X-Forwarded-Host": origin.partition("//")[2], **more}
        assert client.ask(path, forged).status == 403, "no proxy is trusted here"
    assert client.ask("/api/v1/hosts/x/history", {"Sec-Fetch-Site": "cross-site"}).status == 403
    assert client.ask("/", {"Sec-Fetch-Site": "cross-site"}).status == 200, "a link from there"


def test_our_own_page_may_connect(local: Running) -> None:
    client = Client(local.url)
    answer, connection = client.open(HANDSHAKE, {"Origin": f"http://{client.netloc}", **UPGRADE})
    connection.close()
    assert answer.status == 101


def test_nothing_but_the_sockets_address_becomes_a_websocket(local: Running) -> None:
    for path in ("/", "/healthz", "/host/x"):
        answer, connection = Client(local.url).open(path, UPGRADE)
        connection.close()
        assert answer.status == 400


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "TRACE", "POST", "X"])
def test_nothing_can_be_changed(local: Running, method: str) -> None:
    for path in ("/", "/api/v1/hosts/x/history", "/healthz", "/static/x"):
        assert Client(local.url).ask(path, method=method).status == 405


# --- sessions ----------------------------------------------------------------------------------


@pytest.mark.parametrize("cookie", [None, "x", "a.b.c", "health_webui_session=", ";;;=", "\x00"])
def test_without_a_session_there_is_nothing_to_see(guarded: Running, cookie: str | None) -> None:
    client = Client(guarded.url)
    headers = {} if cookie is None else {"Cookie": f"health_webui_session={cookie}"}
    for path, depth in (("/", "./"), ("/host/x", "../"), ("/none/at/all", "../../")):
        answer = client.ask(path, headers)
        assert (answer.status, answer.one("Location")) == (303, f"{depth}login")
        assert answer.body == b""
    assert client.ask("/api/v1/hosts/x/history", headers).status == 401
    assert client.ask("/socket.io/?EIO=4&transport=polling", headers).status == 401
    assert client.ask(HANDSHAKE, headers | UPGRADE).status == 401
    assert client.ask("/static/none", headers).status == 404
    assert client.ask("/healthz", headers).body == b"ok\n"


def test_the_password_opens_a_session_and_logging_out_ends_it(browser: Client) -> None:
    assert browser.log_in("wrong").status == 403
    assert "health_webui_session" not in browser.cookies
    answer = browser.log_in()
    assert (answer.status, answer.one("Location")) == (303, "./")
    attributes = answer.one("Set-Cookie").split("; ")
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(attributes)
    assert "Secure" not in attributes
    assert browser.ask("/").status == 200
    before = dict(browser.cookies)
    head, websocket = browser.open(HANDSHAKE, UPGRADE)
    with websocket:
        assert head.status == 101
        websocket.sendall(frame(b"40"))
        assert browser.send_form("/logout", token=browser.token("/")).status == 303
        while websocket.recv(4096):
            pass  # until it is cut, although it was open
    assert Client(browser.url, cookies=before).ask("/").status == 303, "the old cookie is void"


def test_a_new_password_ends_every_session(tmp_path: Path) -> None:
    args = with_password(tmp_path / "data")
    names = {"HEALTH_WEBUI_ALLOWED_HOSTS": NAME}
    with start_webui(tmp_path, args=args, env=names) as webui:
        client = Client(webui.url)
        client.log_in()
        assert client.ask("/").status == 200
        PasswordFile(tmp_path / "data/password").set("another one")
        assert client.ask("/").status == 303
        assert client.log_in().status == 403
        assert client.log_in("another one").status == 303


def test_sessions_and_their_ends_outlive_a_restart(tmp_path: Path) -> None:
    args = with_password(tmp_path / "data")
    names = {"HEALTH_WEBUI_ALLOWED_HOSTS": NAME}
    with start_webui(tmp_path, args=args, env=names) as webui:
        client, gone = Client(webui.url), Client(webui.url)
        client.log_in()
        gone.log_in()
        before = dict(gone.cookies)
        assert gone.send_form("/logout", token=gone.token("/")).status == 303
    with start_webui(tmp_path, args=args, env=names) as webui:
        assert Client(webui.url, cookies=client.cookies).ask("/").status == 200
        assert Client(webui.url, cookies=before).ask("/").status == 303


def test_a_session_of_last_month_is_none(guarded: Running) -> None:
    record = PasswordFile(data_dir_of(guarded) / "password").record()
    assert record is not None
    key = hashlib.sha256(b"session " + record.encode()).digest()
    for age, status in ((SESSION_SECONDS - 60, 200), (SESSION_SECONDS + 60, 303)):
        signer = TimestampSigner(key, salt="session", digest_method=hashlib.sha256)
        signer.get_timestamp = lambda age=age: int(time()) - age  # type: ignore[method-assign]
        cookies = {"health_webui_session": signer.sign("a" * 32).decode()}
        client = Client(guarded.url, cookies=cookies)
        assert client.ask("/").status == status
        head, connection = client.open(HANDSHAKE, UPGRADE)
        connection.close()
        assert head.status == (101 if status == 200 else 401)


def test_a_form_needs_its_token(browser: Client, guarded: Running) -> None:
    other = Client(guarded.url)
    tokens = {"": browser, "x": browser, other.token(): browser}
    browser.token()
    for token, client in tokens.items():
        assert client.send_form("/login", token=token, password=PASSWORD).status == 400
    token = browser.token()
    fields = {"token": token, "password": PASSWORD}
    for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert browser.send_form("/login", headers, **fields).status == 403
    kept = browser.cookies.copy()
    browser.cookies.clear()
    assert browser.send_form("/login", **fields).status == 400
    assert browser.ask("/logout").status == 303, "a link does not log out"
    browser.cookies = kept
    assert browser.log_in().status == 303
    assert browser.send_form("/logout", token="x").status == 400
    assert browser.ask("/").status == 200


def test_ten_thousand_tries_are_refused_quickly_and_others_get_in(
    guarded: Running, browser: Client
) -> None:
    token = browser.token()
    body = urlencode({"token": token, "password": "guess"})
    headers = {
        "Host": browser.netloc,
        "Content-Type": "application/x-www-form-urlencoded",
        "Cookie": f"health_webui_form={token}",
    }
    process = psutil.Process(guarded.pid)
    before, statuses = process.memory_info().rss, []

    def guess() -> None:
        connection = HTTPConnection(browser.netloc, source_address=(browser.source, 0))
        for _ in range(2500):
            connection.request("POST", "/login", body, headers)
            with connection.getresponse() as response:
                response.read()
                statuses.append(response.status)
        connection.close()

    guessing = [threading.Thread(target=guess) for _ in range(4)]
    for thread in guessing:
        thread.start()
    wait_for(lambda: len(statuses) > 100)
    begun = monotonic()
    assert Client(guarded.url, "127.0.0.77").log_in().status == 303
    assert monotonic() - begun < 5
    for thread in guessing:
        thread.join()
    assert len(statuses) == 10_000
    assert statuses.count(403) <= Throttle.BURST + 10, "the password was hardly ever compared"
    assert set(statuses) == {403, 429}
    assert process.memory_info().rss - before < 40e6
    answer = browser.send_form("/login", token=token, password=PASSWORD)
    assert answer.status == 429, "not even with the right one"
    assert int(answer.one("Retry-After")) >= 1


def basic(password: str) -> dict[str, str]:
    given = base64.b64encode(f"me:{password}".encode()).decode()
    return {"Authorization": f"Basic {given}"}


def test_programs_give_the_password_with_each_request(browser: Client) -> None:
    for _ in range(20):
        answer = browser.ask("/api/v1/hosts", basic(PASSWORD))
        assert answer.status == 200
        assert not answer.all("Set-Cookie")
    assert browser.ask("/", basic(PASSWORD)).status == 303, "pages have sessions"
    assert browser.ask(HANDSHAKE, basic(PASSWORD) | UPGRADE).status == 401
    answer = browser.ask("/api/v1/hosts")
    assert (answer.status, json.loads(answer.body)["error"]) == (401, "unauthorized")
    assert answer.one("WWW-Authenticate").startswith('Basic realm="')
    wrong = browser.ask("/api/v1/hosts", basic("wrong"))
    assert (wrong.status, len(wrong.all("WWW-Authenticate"))) == (401, 1)


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "none"},
        {"X-Requested-With": "fetch"},
        {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"},
    ],
)
def test_browsers_are_not_asked_in_a_window_of_their_own(
    guarded: Running, headers: dict[str, str]
) -> None:
    answer = Client(guarded.url).ask("/api/v1/hosts", headers)
    assert (answer.status, answer.all("WWW-Authenticate")) == (401, [])


def test_no_header_that_browsers_complain_of_where_anybody_could_have_put_it(
    guarded: Running, local: Running
) -> None:
    name = "Cross-Origin-Opener-Policy"
    client = Client(guarded.url)
    assert not client.ask("/login", {"Host": NAME}).all(name)
    for host in ("localhost", "127.0.0.1:1", "[::1]:8086"):
        assert client.ask("/login", {"Host": host}).all(name) == ["same-origin"]
    assert Client(local.url).ask("/").all(name) == ["same-origin"]


def test_programs_that_guess_are_refused_like_browsers(browser: Client) -> None:
    assert browser.ask("/api/v1/hosts", basic(PASSWORD)).status == 200
    statuses = [browser.ask("/api/v1/hosts", basic(f"{n}")).status for n in range(30)]
    assert statuses == [401] * Throttle.BURST + [429] * (30 - Throttle.BURST)
    answer = browser.ask("/api/v1/hosts", basic(PASSWORD))
    assert answer.status == 429, "not even with the right one"
    assert int(answer.one("Retry-After")) >= 1
    assert Client(browser.url, "127.0.0.78").ask("/api/v1/hosts", basic(PASSWORD)).status == 200


# --- bytes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    ["../../pyproject.toml", "..%2f..%2fconfig.py", "%2e%2e/app.py", "/etc/passwd",
     "%2fetc%2fpasswd", "%252e%252e%252fapp.py",
     "..%255cconfig.py", "%c0%ae%c0%ae/app.py", "..\\..\\app.py", "manifest.json",
     "%00", "main.js%00.css", "." * 4000],
)  # fmt: skip
def test_no_path_reaches_the_file_system(local: Running, path: str) -> None:
    answer = Client(local.url).ask(f"/static/{path}")
    assert answer.status in (404, 308)
    assert b"import " not in answer.body
    assert b"root:x:" not in answer.body


@pytest.mark.parametrize(
    "path",
    ["/host/%0d%0aX-Evil:%201", "/%0d%0a%0d%0a<script>", "/api/v1/hosts/%0aX-Evil:1/history"],
)
def test_no_request_puts_a_header_into_the_answer(
    local: Running, guarded: Running, path: str
) -> None:
    for webui in (local, guarded):
        answer = Client(webui.url).ask(path)
        assert not answer.all("X-Evil")
        assert b"<script>" not in answer.body
        assert answer.one("X-Content-Type-Options") == "nosniff"
        assert "frame-ancestors 'none'" in answer.one("Content-Security-Policy")


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Length": "1000000000"},
        {"Transfer-Encoding": "chunked"},
        {"Content-Length": "10001"},
    ],
)
def test_long_bodies_are_refused_before_they_are_read(
    local: Running, headers: dict[str, str]
) -> None:
    for path in ("/login", "/socket.io/?EIO=4&transport=polling&sid=x"):
        answer, connection = Client(local.url).open(path, headers, "POST")
        connection.close()
        assert answer.status == 413


@pytest.mark.parametrize(
    "sent",
    [
        frame(b"", announced=2**40) + b"4" * 65536,
        frame(b"", announced=20_000) + b"4" * 20_000,
        frame(b"4" * 9000, opcode=0x01) * 50,
        b"\xff" * 1000,
        frame(b"4" + b"[" * 9000),
        frame(b"\xff\xfe"),
        frame(b"451-" + b'["follow",{"_placeholder":true,"num":9}]'),
    ],
    ids=["giant", "long", "fragments", "noise", "deep", "bad UTF-8", "attachments"],
)
def test_a_hostile_websocket_costs_nothing(local: Running, sent: bytes) -> None:
    process = psutil.Process(local.pid)
    before = process.memory_info().rss
    for _ in range(20):
        head, connection = Client(local.url).open(HANDSHAKE, UPGRADE)
        with connection:
            assert head.status == 101
            try:
                connection.sendall(frame(b"40") + sent)
            except OSError:
                continue  # cut already
    assert Client(local.url).ask("/healthz").status == 200
    assert process.memory_info().rss - before < 20e6
