"""Key files that nobody else reads, and invitations that arrive whole or not at all."""

import base64
import json
import os
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import zmq
from health_wire.keys import (
    ClientKeys,
    InvalidKey,
    Invitation,
    KeyPair,
    check_key,
    check_name,
    make_private_directory,
    read_private,
    write_private,
)
from hypothesis import given
from hypothesis import strategies as st

SERVER, CLIENT = KeyPair.generate(), KeyPair.generate()
INVITATION = Invitation(
    name="küche",
    events="tcp://[fd00::1]:8087",
    state="tcp://pi4.local:8088",
    server_key=SERVER.public,
    client_secret=CLIENT.secret,
)
TOKEN = INVITATION.encode()


def sealed(value: Any) -> str:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return "hc1-" + base64.urlsafe_b64encode(body + zlib.crc32(body).to_bytes(4, "big")).decode()


def test_an_invitation_is_one_word_that_says_everything() -> None:
    assert Invitation.decode(TOKEN) == INVITATION
    assert TOKEN.isascii()
    assert len(TOKEN.split()) == 1
    assert Invitation.decode(f"  {TOKEN[:40]}\n {TOKEN[40:]}\r\n") == INVITATION
    assert INVITATION.keys == ClientKeys(SERVER.public, CLIENT.public, CLIENT.secret)


def test_an_invitation_may_have_several_addresses() -> None:
    many = replace(INVITATION, addresses=("192.0.2.7", "[fd00::2]", "pi4"))
    assert Invitation.decode(many.encode()) == many
    assert many.places == [
        ("tcp://[fd00::1]:8087", "tcp://pi4.local:8088"),
        ("tcp://192.0.2.7:8087", "tcp://192.0.2.7:8088"),
        ("tcp://[fd00::2]:8087", "tcp://[fd00::2]:8088"),
        ("tcp://pi4:8087", "tcp://pi4:8088"),
    ]
    assert INVITATION.places == many.places[:1]
    for place in many.places:
        led = many.led_by(place)
        assert led.places[0] == place
        assert len(set(led.places)) == 4
        assert led.keys == many.keys
    assert many.led_by(many.places[0]) == many


def test_older_and_newer_invitations_are_understood() -> None:
    assert Invitation.decode(sealed(PARTS)).addresses == ()
    newer = Invitation.decode(sealed([*PARTS, ["pi"], {"of": "later"}, 5]))
    assert newer.places == [("tcp://a:1", "tcp://a:2"), ("tcp://pi:1", "tcp://pi:2")]
    files = Invitation.decode(sealed(["pi", "ipc:///e", "ipc:///s", *PARTS[3:], ["pi"]]))
    assert set(files.places) == {("ipc:///e", "ipc:///s")}


def test_secrets_do_not_show() -> None:
    for value in (INVITATION, INVITATION.keys, CLIENT):
        assert CLIENT.secret not in repr(value)


@given(st.integers(0, len(TOKEN) - 1), st.sampled_from("aZ0-_!é=+/"))
def test_a_damaged_invitation_is_refused(at: int, letter: str) -> None:
    damaged = TOKEN[:at] + letter + TOKEN[at + 1 :]
    for text in (damaged, TOKEN[:at], TOKEN[:at] + TOKEN[at + 1 :]):
        try:
            assert Invitation.decode(text) == INVITATION  # bits that base64 does not use
        except InvalidKey:
            assert text != TOKEN


@given(st.text() | st.text().map("hc1-{}".format))
def test_what_is_no_invitation_is_refused(text: str) -> None:
    with pytest.raises(InvalidKey, match="invitation"):
        Invitation.decode(text)


PARTS = ["pi", "tcp://a:1", "tcp://a:2", SERVER.public, CLIENT.secret]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"[" * 2000,
        {},
        5,
        [],
        PARTS[:4],
        [*PARTS, "x"],
        [*PARTS, {"a": 1}],
        [*PARTS, [5]],
        [*PARTS, [""]],
        [*PARTS, ["a b"]],
        [*PARTS, ["-a"]],
        [*PARTS, ["[::::]"]],
        [*PARTS, ["[fe80::1%eth0]"]],
        [*PARTS, ["::1"]],
        [*PARTS, ["tcp://a:1"]],
        [*PARTS, ["a"] * 17],
        ["", *PARTS[1:]],
        [None, *PARTS[1:]],
        ["a\nb", *PARTS[1:]],
        [PARTS[0], "http://a", *PARTS[2:]],
        [*PARTS[:2], "tcp://", *PARTS[3:]],
        [*PARTS[:3], "short", PARTS[4]],
        [*PARTS[:3], "é" * 40, PARTS[4]],
        [*PARTS[:4], "\u0000" * 40],
        [*PARTS[:4], None],
        [*PARTS, "x" * 5000],
    ],
)
def test_an_invitation_of_other_parts_is_refused(body: Any) -> None:
    with pytest.raises(InvalidKey):
        Invitation.decode(sealed(body))


@pytest.mark.parametrize("name", ["pi4", "a", "A.b_c-9", "x" * 63])
def test_names_of_clients(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize("name", ["", ".", "..", ".a", "-a", "a/b", "a b", "é", "x" * 64, "a\n"])
def test_what_is_no_clients_name(name: str) -> None:
    with pytest.raises(InvalidKey, match="is no name"):
        check_name(name)


def test_a_secret_gives_the_pair() -> None:
    assert KeyPair.of_secret(CLIENT.secret) == CLIENT
    with pytest.raises(InvalidKey):
        KeyPair.of_secret(CLIENT.secret[:-1])
    with pytest.raises(InvalidKey):
        check_key("\x7f" * 40)


def test_keys_are_applied_to_a_socket() -> None:
    with zmq.Context() as context, context.socket(zmq.SUB) as socket:
        INVITATION.keys.apply(socket)
        assert socket.mechanism == zmq.CURVE


def test_a_private_file_is_private_under_any_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        make_private_directory(tmp_path / "a/keys")
        assert write_private(tmp_path / "a/keys/file", "text", replace=False)
    finally:
        os.umask(before)
    file = tmp_path / "a/keys/file"
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert file.parent.parent.stat().st_mode & 0o777 == 0o700
    assert read_private(file) == "text"
    assert list(file.parent.iterdir()) == [file]


def test_a_private_file_is_replaced_only_on_demand(tmp_path: Path) -> None:
    file = tmp_path / "file"
    assert write_private(file, "one", replace=False)
    assert not write_private(file, "two", replace=False)
    assert read_private(file) == "one"
    assert write_private(file, "three", replace=True)
    assert read_private(file) == "three"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o644])
def test_a_file_that_others_can_reach_is_refused(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "file"
    write_private(file, "text", replace=False)
    file.chmod(mode)
    with pytest.raises(InvalidKey, match=rf"mode {mode:04o}.*chmod 600 {file}"):
        read_private(file)


def test_a_directory_that_others_can_reach_is_refused(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.mkdir()
    keys.chmod(0o750)
    with pytest.raises(InvalidKey, match=f"mode 0750.: chmod 700 {keys}"):
        make_private_directory(keys)


def test_what_cannot_be_read_or_written_says_why(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_private(tmp_path / "none")
    with pytest.raises(InvalidKey, match="directory"):
        read_private(tmp_path)
    (tmp_path / "file").write_bytes(b"\xff")
    (tmp_path / "file").chmod(0o600)
    with pytest.raises(InvalidKey, match="UTF-8"):
        read_private(tmp_path / "file")
    with pytest.raises(InvalidKey, match="Not a directory"):
        make_private_directory(tmp_path / "file/keys")
    with pytest.raises(InvalidKey, match="No such file"):
        write_private(tmp_path / "none/file", "text", replace=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files for others")
def test_what_root_makes_belongs_to_the_directorys_owner(tmp_path: Path) -> None:
    os.chown(tmp_path, 12345, 54321)
    make_private_directory(tmp_path / "keys/clients")
    write_private(tmp_path / "keys/file", "text", replace=False)
    for made in ("keys", "keys/clients", "keys/file"):
        found = (tmp_path / made).stat()
        assert (found.st_uid, found.st_gid) == (12345, 54321)
