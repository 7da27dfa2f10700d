"""What a running process makes of its configuration when it is told to read it anew."""

import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.running import Running, running, start_webui, wait_for
from tests.webui.asking import Client

pytestmark = pytest.mark.slow


def reloads(tmp_path: Path, webui: Running, text: str) -> list[str]:
    """What it says of a reload with that configuration."""
    (tmp_path / "webui.toml").write_text(text)
    before = len(webui.stderr.splitlines())
    webui.send(signal.SIGHUP)

    def said() -> Any:
        lines = [line for line in webui.stderr.splitlines()[before:] if "reload: " in line]
        return [line.partition("reload: ")[2] for line in lines]

    return list(wait_for(said))


def test_a_reload_says_truly_what_has_changed_and_what_needs_a_restart(tmp_path: Path) -> None:
    with start_webui(tmp_path) as webui:
        hosts = lambda: Client(webui.url).ask("/").body.count(b'href="host/')  # noqa: E731
        two = 'collector = ["ipc:///x,ipc:///y", "ipc:///u,ipc:///v"]\n'
        said = reloads(tmp_path, webui, two)
        assert said == ['collector = ["ipc:///x,ipc:///y", "ipc:///u,ipc:///v"]']
        wait_for(lambda: hosts() == 2)
        assert reloads(tmp_path, webui, two) == ["no setting has changed"]
        # --port is given as a flag, which goes before the file: there is nothing new to say.
        assert reloads(tmp_path, webui, f"{two}port = 1\n") == ["no setting has changed"]
        names = f'{two}allowed_hosts = ["localhost"]\n'
        later = 'allowed_hosts = ["localhost"] needs a restart; until then []'
        assert reloads(tmp_path, webui, names) == [later]
        assert reloads(tmp_path, webui, names) == [later], "it still does"
        assert reloads(tmp_path, webui, two) == ["no setting has changed"], "it was set back"
        (refused,) = reloads(tmp_path, webui, "collector = 1\n")
        assert "nothing has changed: " in refused
        (refused,) = reloads(tmp_path, webui, 'host = "0.0.0.0"\n')
        assert "health-webui set-password" in refused, "nor would it start so"
        assert hosts() == 2


def test_a_port_that_needs_a_restart_is_told(tmp_path: Path) -> None:
    with start_webui(tmp_path, args=("--port", "0")) as webui:
        pass
    port = webui.url.rstrip("/").rpartition(":")[2]
    env = {"HEALTH_WEBUI_CONFIG": "webui.toml"}
    (tmp_path / "webui.toml").write_text(f"port = {port}\n")
    command = [sys.executable, "-m", "health_webui"]
    with running(command, tmp_path, env=env) as own:
        (said,) = reloads(tmp_path, own, "port = 80\n")
        assert said == f"port = 80 needs a restart; until then {port}"
        assert reloads(tmp_path, own, f"port = {port}\nlocal = false\n") == ["local = false"]
