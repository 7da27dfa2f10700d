"""Whether the configuration says who may see the page, wherever others can reach it."""

import os
import ssl
import stat
from typing import NoReturn

from health_wire.keys import InvalidKey
from health_wire.settings import SettingsError

from health_webui.access.password import PasswordFile
from health_webui.config import Config, is_loopback


def check_access(config: Config) -> None:
    """Nobody else may see the page unless the configuration says who; TLS has its files.

    Raises:
        SettingsError: it does not, or what it says cannot be had.
    """
    origin = config.loaded.origins
    if bool(config.tls_certificate) != bool(config.tls_key):
        raise SettingsError("tls_certificate and tls_key go together: one of them is not set")
    if config.tls_certificate:
        load_tls(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), config)
    if config.auth == "proxy" and not config.trusted_proxies:
        raise SettingsError(
            f'{origin["auth"]}: auth: "proxy" needs trusted_proxies, the addresses of the proxies'
        )
    if not config.exposed or config.auth != "password":
        return
    why = "host" if not is_loopback(config.host) else "allowed_hosts"
    why = "trusted_proxies" if config.trusted_proxies else why
    try:
        missing = PasswordFile(config.password_file).record() is None
    except InvalidKey as error:
        raise SettingsError(str(error)) from None
    if missing:
        raise SettingsError(
            f"{origin[why]}: {why}: other machines can reach the page, and there is no password:"
            " set one (health-webui set-password), or say who else decides"
            ' (auth = "proxy", or "none" for nobody)'
        )


def load_tls(context: ssl.SSLContext, config: Config) -> None:
    """Gives the context the certificate and its key.

    Raises:
        SettingsError: which of the two files cannot be used, and why.
    """
    names = ("tls_certificate", "tls_key")
    for name in names:
        path = getattr(config, name)
        try:
            with open(path, "rb"):
                pass
        except OSError as error:
            denied = isinstance(error, PermissionError)
            remedy = "; is it readable for whoever runs this?" if denied else ""
            _refuse(config, name, f"{path}: {error.strerror}{remedy}")
    try:
        # Without the last argument OpenSSL would ask for a password, where nobody sees it.
        context.load_cert_chain(config.tls_certificate, config.tls_key, lambda: "")
    except ssl.SSLError as error:
        files = f"{config.tls_certificate}, {config.tls_key}"
        _refuse(
            config,
            names[0],
            f"{files}: no certificate and its own key, in PEM and without a password"
            f" ({error.reason or error})",
        )


def _refuse(config: Config, name: str, why: str) -> NoReturn:
    raise SettingsError(f"{config.loaded.origins[name]}: {name}: {why}")


def doubts(config: Config) -> list[str]:
    """What works as it is configured, and should not be so; each a line with the remedy."""
    key = config.tls_key
    try:
        mode = stat.S_IMODE(os.stat(key).st_mode) if key else 0
    except OSError:  # whoever reads it says so
        return []
    if not mode & (stat.S_IROTH | stat.S_IWOTH):
        return []
    return [
        f"tls_key: {key} is open to every user of this machine (mode {mode:04o}), so it may be no"
        f" secret any more: chmod o= {key}, and if anybody may have read it, get a new one"
    ]
