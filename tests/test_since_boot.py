import logging
from pathlib import Path

import pytest
from health_collectord.host import Host
from health_collectord.since_boot import SinceBoot
from hypothesis import given
from hypothesis import strategies as st

NAMES = frozenset({"hot", "weak"})


@pytest.fixture
def host(tmp_path: Path) -> Host:
    boot(tmp_path, "first")
    return Host(str(tmp_path / "proc"), memory=tmp_path / "data")


def boot(folder: Path, name: str) -> None:
    file = folder / "proc/sys/kernel/random/boot_id"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"{name}\n")


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]


def test_what_was_seen_is_known_until_the_next_boot(host: Host, tmp_path: Path) -> None:
    SinceBoot(host, "x", NAMES).add({"weak"})
    again = SinceBoot(host, "x", NAMES)
    assert again.seen == {"weak"}
    again.add({"hot"})
    assert SinceBoot(host, "x", NAMES).seen == {"hot", "weak"}
    assert SinceBoot(host, "y", NAMES).seen == set()
    boot(tmp_path, "second")
    assert SinceBoot(host, "x", NAMES).seen == set()
    SinceBoot(host, "x", NAMES).add({"hot"})
    assert SinceBoot(host, "x", NAMES).seen == {"hot"}


def test_it_is_written_only_when_there_is_more(host: Host, tmp_path: Path) -> None:
    since_boot = SinceBoot(host, "x", NAMES)
    since_boot.add(set())
    assert not (tmp_path / "data").exists()
    since_boot.add({"weak"})
    file = tmp_path / "data/x.since-boot"
    assert file.read_text() == "first weak\n"
    written = file.stat().st_ino
    since_boot.add({"weak"})
    SinceBoot(host, "x", NAMES).add({"weak"})
    assert file.stat().st_ino == written
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize(
    "content", ["", "\n", "first weak", "first cold\n", "\0\0\0", "first\udcff\n"]
)
def test_a_garbled_file_is_told_once_and_written_anew(
    host: Host, tmp_path: Path, caplog: pytest.LogCaptureFixture, content: str
) -> None:
    file = tmp_path / "data/x.since-boot"
    file.parent.mkdir()
    file.write_bytes(content.encode("utf-8", "surrogateescape"))
    since_boot = SinceBoot(host, "x", NAMES)
    assert since_boot.seen == set()
    since_boot.add({"hot"})
    since_boot.add({"weak"})
    [told] = warnings(caplog)
    assert told.startswith(f"{file}: a restart may forget what was seen since boot: ")
    assert SinceBoot(host, "x", NAMES).seen == NAMES


def test_where_it_cannot_be_written_it_is_still_known(
    host: Host, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "data").write_text("a file")
    since_boot = SinceBoot(host, "x", NAMES)
    since_boot.add({"hot"})
    since_boot.add({"weak"})
    assert since_boot.seen == NAMES
    assert len(warnings(caplog)) == 1


def test_without_a_boot_or_a_place_nothing_is_written(tmp_path: Path) -> None:
    boot(tmp_path, "not one word")
    for memory in (tmp_path / "data", None):
        since_boot = SinceBoot(Host(str(tmp_path / "proc"), memory=memory), "x", NAMES)
        since_boot.add({"hot"})
        assert since_boot.seen == {"hot"}
    assert not (tmp_path / "data").exists()


@given(st.binary(max_size=100))
def test_no_content_stops_it(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.mktemp("any")
    boot(folder, "first")
    (folder / "x.since-boot").write_bytes(content)
    assert SinceBoot(Host(str(folder / "proc"), memory=folder), "x", NAMES).seen <= NAMES
