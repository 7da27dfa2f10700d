import json
import os
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
from health_archive import BlackBox
from health_archive.lines import time_text
from health_collectord.last_run import LastRun, read_last_run, read_last_stop

UNIT = Path(__file__).parents[1] / "packaging/systemd/health-collectord.service"
OLD, OWN = "0" * 32, "1" * 32
NOON = 1_767_268_800_000  # 2026-01-01T12:00:00Z


def line(second: int, seq: int | None, name: str, data: Any) -> bytes:
    text = json.dumps(data, separators=(",", ":"))
    place = "" if seq is None else f',"seq":{seq}'
    time = time_text(NOON + second * 1000)
    return f'{{"time":"{time}","name":"{name}","data":{text}{place}}}\n'.encode()


def checkpoint(second: int, epoch: str, seq: int = 0, **state: Any) -> bytes:
    data = {"version": 1, "epoch": epoch, "seq": seq, "boot_id": "then", "monotonic_seconds": 1.0,
            "catalogue_id": "", "catalogue": None, "state": {"system": state}}  # fmt: skip
    return line(second, None, "collector.checkpoint", data)


STARTED = line(0, 1, "collector.started", {"version": "1.0", "epoch": OLD})
BEAT = line(1, 2, "collector.heartbeat", {})
ENDING = line(2, 3, "runtime.shutting.down", {"reason": "received SIGTERM"})
END = line(2, 4, "runtime.shutdown", {"version": "0.42"})


def write(data: Path, name: str, *lines: bytes) -> None:
    path = data / f"history/{name}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(lines))


def test_the_run_before_this_one(tmp_path: Path) -> None:
    write(tmp_path, "2026-01-01/12-00-00", checkpoint(0, OLD), STARTED, BEAT, ENDING, END)
    write(tmp_path, "2026-01-01/12-00-10", checkpoint(10, OWN), line(10, 1, "runtime.booting", {}))
    run = read_last_run(tmp_path, OWN)
    assert run == LastRun(
        epoch=OLD, boot_id="then", version="1.0", last=NOON + 2000, seq=4,
        reason="received SIGTERM", shut_down=True,
    )  # fmt: skip


def test_nothing_before_this_one(tmp_path: Path) -> None:
    assert read_last_run(tmp_path, OWN) is None
    write(tmp_path, "2026-01-01/12-00-10", checkpoint(10, OWN), line(10, 1, "runtime.booting", {}))
    assert read_last_run(tmp_path, OWN) is None


@pytest.mark.parametrize("damage", [b"", b'{"time":"2026-01', b"\0\xff\n", b"[]\n", b"{}\n"])
def test_one_that_stops_in_the_middle_whatever_its_last_line(tmp_path: Path, damage: bytes) -> None:
    write(tmp_path, "2026-01-01/12-00-00", checkpoint(0, OLD), STARTED, BEAT, damage)
    run = read_last_run(tmp_path, OWN)
    assert run is not None
    assert (run.last, run.reason, run.shut_down) == (NOON + 1000, None, False)


def test_a_segment_without_a_whole_line_is_passed_over(tmp_path: Path) -> None:
    write(tmp_path, "2026-01-01/12-00-00", checkpoint(0, OLD), STARTED, BEAT)
    write(tmp_path, "2026-01-01/12-00-05", b"\0" * 4096)
    run = read_last_run(tmp_path, OWN)
    assert run is not None
    assert run.last == NOON + 1000


def test_a_record_of_1_0_has_its_boot_in_the_identity(tmp_path: Path) -> None:
    identity = line(0, 2, "system.identity", {"boot_id": "then"})
    write(tmp_path, "2026-01-01/12-00-00", STARTED, identity)
    run = read_last_run(tmp_path, OWN)
    assert run is not None
    assert (run.epoch, run.boot_id, run.version) == (OLD, "then", "1.0")


def test_the_black_box_has_what_the_text_has_not(tmp_path: Path) -> None:
    write(tmp_path, "2026-01-01/12-00-00", checkpoint(0, OLD), STARTED)
    box = BlackBox(tmp_path / "black-box", 1 << 20)
    box.write("2026-01-01/12-00-00", OLD, [checkpoint(0, OLD), STARTED, BEAT])
    box.write("2026-01-01/12-00-00", OLD, [ENDING, END])
    box.write("2026-01-01/12-00-10", OWN, [line(10, 9, "runtime.booting", {})])
    box.sync()
    box.close()
    run = read_last_run(tmp_path, OWN)
    assert run is not None
    assert (run.seq, run.last, run.reason) == (4, NOON + 2000, "received SIGTERM")


def test_the_black_box_alone(tmp_path: Path) -> None:
    box = BlackBox(tmp_path / "black-box", 1 << 20)
    box.write("2026-01-01/12-00-00", OLD, [checkpoint(0, OLD), STARTED, BEAT])
    box.close()
    run = read_last_run(tmp_path, OWN)
    assert run is not None
    assert (run.epoch, run.boot_id, run.last) == (OLD, "then", NOON + 1000)


def test_a_run_that_the_box_alone_has_is_newer_than_the_record(tmp_path: Path) -> None:
    """Its segment was lost with the power, before the text of it had reached the disk."""
    write(tmp_path, "2026-01-01/12-00-00", checkpoint(0, OLD), STARTED, BEAT)
    box = BlackBox(tmp_path / "black-box", 1 << 20)
    box.write("2026-01-01/12-00-00", OLD, [checkpoint(0, OLD), STARTED, BEAT])
    newer = [checkpoint(20, "2" * 32), line(20, 1, "runtime.booting", {})]
    box.write("2026-01-01/12-00-20", "2" * 32, newer)
    box.close()
    run = read_last_run(tmp_path, OWN)
    assert run is not None
    assert (run.epoch, run.last) == ("2" * 32, NOON + 20_000)


def test_a_file_that_is_no_black_box_costs_nothing_else(tmp_path: Path) -> None:
    write(tmp_path, "2026-01-01/12-00-00", checkpoint(0, OLD), STARTED, BEAT)
    (tmp_path / "black-box").write_bytes(b"nonsense")
    run = read_last_run(tmp_path, OWN)
    assert run is not None
    assert run.last == NOON + 1000


def test_the_version_of_a_long_run_is_in_its_checkpoints(tmp_path: Path) -> None:
    state = checkpoint(0, OLD, 70, restart={"version": "1.0"})
    write(tmp_path, "2026-01-01/12-00-00", state, line(1, 71, "collector.heartbeat", {}))
    run = read_last_run(tmp_path, OWN)
    assert run is not None
    assert run.version == "1.0"


def test_a_supply_that_fell_in_the_segment_before_is_found(tmp_path: Path) -> None:
    low = line(0, 2, "system.throttling.updated", {"under_voltage_now": True})
    fine = line(5, 4, "system.throttling.updated", {"under_voltage_now": False})
    write(tmp_path, "2026-01-01/12-00-00", checkpoint(0, OLD), STARTED, low, BEAT)
    write(tmp_path, "2026-01-01/12-00-05", checkpoint(5, OLD, 3), fine)
    run = read_last_run(tmp_path, OWN)
    assert run is not None
    assert (run.last, run.under_voltage) == (NOON + 5000, NOON)


SAID = "SERVICE_RESULT=success\nEXIT_CODE=exited\nEXIT_STATUS=0\nBOOT_ID=then\nSystemState=\n"


def test_what_the_manager_said_of_the_end(tmp_path: Path) -> None:
    path = tmp_path / "last-stop"
    run = LastRun(epoch=OLD, boot_id="then", last=NOON)
    assert read_last_stop(path, run) == {}
    path.write_text(SAID)
    os.utime(path, (NOON / 1000 + 1, NOON / 1000 + 1))
    said = read_last_stop(path, run)
    assert (said["SERVICE_RESULT"], said["SystemState"]) == ("success", "")
    run.boot_id = "another"
    assert read_last_stop(path, run) == {}


def test_what_it_said_of_an_end_before_that_is_not_taken_for_it(tmp_path: Path) -> None:
    path = tmp_path / "last-stop"
    path.write_text(SAID)
    os.utime(path, (NOON / 1000 - 60, NOON / 1000 - 60))
    assert read_last_stop(path, LastRun(epoch=OLD, boot_id="then", last=NOON)) == {}


def test_the_services_unit_notes_what_is_read_here(tmp_path: Path) -> None:
    """Its command, as the manager runs it after an end; it expands nothing in this one."""
    text = UNIT.read_text().replace("\\\n", "")
    [command] = [li.partition("=-")[2] for li in text.split("\n") if li.startswith("ExecStopPost=")]
    assert not set("$%") & set(command)
    programs = tmp_path / "bin"
    programs.mkdir()
    jobs = "7 reboot.target start waiting\n8 x.service stop running\n"
    says = {"show -p SystemState": "SystemState=stopping\n", "list-jobs --no-legend": jobs}
    cases = "".join(f"'{words}') printf '{out}';;\n" for words, out in says.items())
    (programs / "systemctl").write_text(f'#!/bin/sh\ncase "$*" in\n{cases}esac\n')
    (programs / "systemctl").chmod(0o755)
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    run = LastRun(epoch=OLD, boot_id=boot, last=NOON)
    given = {"SERVICE_RESULT": "signal", "EXIT_CODE": "killed", "EXIT_STATUS": "SEGV", "X": "1"}
    expected = {
        "SERVICE_RESULT": "signal", "EXIT_CODE": "killed", "EXIT_STATUS": "SEGV", "BOOT_ID": boot,
    }  # fmt: skip
    for path, more in (
        (f"{programs}:/usr/bin:/bin", {"SystemState": "stopping", "TARGET": "reboot.target"}),
        ("/usr/bin:/bin", {}),  # whatever a manager says here, if there is one
    ):
        subprocess.run(
            shlex.split(command), cwd=tmp_path, env=given | {"PATH": path}, check=True, timeout=60
        )
        said = read_last_stop(tmp_path / "last-stop", run)
        assert (expected | more).items() <= said.items()
        assert "X" not in said
