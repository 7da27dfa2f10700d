"""Who is followed, from the start on and as that changes."""

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import gevent
from health_wire.settings import SettingsError, show

from health_webui.config import RELOADED, Config
from health_webui.following import collectors
from health_webui.following.fleet import Fleet, Follower
from health_webui.following.relay import Relay, Send

_LOG = logging.getLogger(__name__)
_STOP_SECONDS = 0.2


def end(greenlets: list[Any]) -> None:
    """Those that do not end in time end with the process."""
    with suppress(gevent.Timeout):
        gevent.killall(greenlets, timeout=_STOP_SECONDS)


class Following:
    """A greenlet for each collector that is followed, as many as there are to follow."""

    def __init__(
        self, fleet: Fleet, send: Send, spawn: Callable[[Callable[[], None]], Any], config: Config
    ) -> None:
        self._fleet = fleet
        self._send = send
        self._spawn = spawn
        self._config = config
        self._in_force = dict(config.loaded.values)
        self._version = collectors.store(config).version()
        self._running: dict[str, Any] = {}
        self._shown = [follower.key for follower in fleet.followers]
        for follower in fleet.all:
            self._start(follower)

    def _start(self, follower: Follower) -> None:
        self._running[follower.key] = self._spawn(Relay(follower, self._send).run)

    def reload(self, reread: Callable[[], Config]) -> None:
        """Takes the collectors of the configuration as it stands now, and says what is other.

        That is in comparison with what is in force: what was set and set back has not changed.
        """
        try:
            config = reread()
            came, went = self._fleet.update(collectors.to_follow(self._taking(config)))
        except (SettingsError, ValueError) as error:
            _LOG.warning("reload: nothing has changed: %s", error)
            return
        differ = [k for k, v in config.loaded.values.items() if v != self._in_force[k]]
        for key in differ:
            value, was = show(config.loaded[key]), show(self._in_force[key])
            if key in RELOADED:
                _LOG.warning("reload: %s = %s", key, value)
            else:
                _LOG.warning("reload: %s = %s needs a restart; until then %s", key, value, was)
        if not differ:
            _LOG.warning("reload: no setting has changed")
        self._config = self._taking(config)
        self._in_force |= {key: config.loaded[key] for key in RELOADED}
        self._take(came, went)

    def _taking(self, config: Config) -> Config:
        """What is in force, with what a reload takes of another one."""
        return replace(self._config, **{key: getattr(config, key) for key in RELOADED})

    def look(self) -> None:
        """Takes what was added or removed since the last look."""
        if collectors.store(self._config).version() != self._version:
            self.update()
        self._tell_pages()

    def _tell_pages(self) -> None:
        """A page whose host is not shown any more, or has company now, has to be another one."""
        before, self._shown = self._shown, [f.key for f in self._fleet.followers]
        other = (len(before) == 1) != (len(self._shown) == 1)
        for key in before:
            if other or key not in self._shown:
                self._send("snapshot", {"error": "this page is another one now"}, key)

    def update(self) -> None:
        """Takes what was added or removed."""
        self._version = collectors.store(self._config).version()
        try:
            came, went = self._fleet.update(collectors.to_follow(self._config))
        except ValueError as error:
            _LOG.warning("nothing has changed: %s", error)
            return
        self._take(came, went)

    def _take(self, came: list[Follower], went: list[Follower]) -> None:
        for follower in went:
            self._running.pop(follower.key).kill()
            follower.client.close()
            _LOG.warning("%s is not followed any more", follower.name)
        for follower in came:
            self._start(follower)
            _LOG.warning("%s is followed from now on", follower.name)

    def stop(self) -> None:
        end(list(self._running.values()))
