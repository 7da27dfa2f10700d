"""The log for people: changes in words, nothing every second."""

import os
from dataclasses import fields
from typing import Any

import pytest
from bussdcc import Message, message
from health_collectord.messages import (
    CollectorConfigured,
    CollectorEventsDropped,
    CollectorHeartbeat,
    CollectorSinkDegraded,
    CollectorSinkRecovered,
    CollectorStarted,
    HealthUpdated,
    MetricStatus,
)
from health_collectord.sinks.log import LogSink

from tests.declarations import sample
from tests.doubles import Context, ProbeUpdated, sequenced


def status(status: str, reason: str | None = None) -> MetricStatus:
    return MetricStatus(metric="disk", status=status, reason=reason, since="")


@pytest.mark.parametrize(
    ("payload", "line"),
    [
        (CollectorStarted(version="1.0", host="pi", epoch="ab", interval_seconds=1.0),
         "<6>collector 1.0 observes pi, epoch ab"),
        (status("ok"), "<6>disk: ok"),
        (status("unavailable", "no such sensor"), "<6>disk: unavailable: no such sensor"),
        (status("failing", "line one\nline  two"), r"<4>disk: failing: line one\nline  two"),
        (status("denied", "group video"), "<4>disk: denied: group video"),
        (HealthUpdated(health={"status": "critical", "summary": "disk / 97 %"}),
         "<3>health is critical: disk / 97 %"),
        (HealthUpdated(health={"status": "healthy", "summary": "all checks passed"}),
         "<6>health is healthy: all checks passed"),
        (HealthUpdated(health={"status": "warning", "summary": "disk /\n\x1b[2J\u202e\x9b 91 %"}),
         r"<4>health is warning: disk /\n\x1b[2J\u202e\x9b 91 %"),
        (CollectorSinkDegraded(sink="jsonl", error="x: No space left on device", lost=3),
         "<3>sink jsonl cannot write: x: No space left on device"),
        (CollectorSinkRecovered(sink="jsonl", lost=3),
         "<5>sink jsonl writes again; 3 events are not in it"),
        (CollectorEventsDropped(count=7),
         "<4>7 samples came faster than they could be dispatched and were dropped"),
        (CollectorConfigured(changed={"interval": 2.0}),
         "<5>configuration reloaded: interval = 2.0"),
        (CollectorConfigured(changed={}), "<5>configuration reloaded: nothing changed"),
        (message.RuntimeShuttingDown(reason="received SIGTERM"), "<6>stopping: received SIGTERM"),
        (message.ServiceError(service="system", error="OSError('x')", traceback="a\nb"),
         "<3>ServiceError: system OSError('x')"),
        (message.ProcessError(process="health", error="y"), "<3>ProcessError: health y"),
    ],
)  # fmt: skip
def test_says_it_in_one_line(payload: Message, line: str) -> None:
    evt = sequenced(payload)
    assert LogSink(prefixed=True).line(evt) == f"{line}\n".encode()
    assert LogSink().line(evt) == f"{line[3:]}\n".encode()


def test_says_nothing_of_the_usual() -> None:
    moved = HealthUpdated(health={"status": "warning", "summary": "disk / 98 %"}, figures_only=True)
    assert LogSink().line(sequenced(moved)) is None
    assert LogSink().line(sequenced(status("waiting"))) is None
    for usual in (ProbeUpdated, CollectorHeartbeat, message.ServiceStarted, message.RuntimeBooted):
        assert usual not in LogSink.types


def test_every_kind_of_error_is_said() -> None:
    errors: list[Any] = [
        message.ServiceError, message.ProcessError, message.ServiceFailure,
        message.EventSubscriberError,
    ]  # fmt: skip
    for error in errors:
        names = {f.name for f in fields(error)} - {"evt", "event", "traceback"}
        given = dict.fromkeys(names, "told") | (
            {"event": sequenced(sample(1.0))} if error is message.EventSubscriberError else {}
        )
        assert error in LogSink.types
        line = LogSink().line(sequenced(error(**given)))
        assert line is not None
        assert b"told" in line


def test_writes_to_its_file() -> None:
    reader, writer = os.pipe()
    sink = LogSink(writer)
    sink.start(Context())
    sink.handle(sequenced(status("failing", "/mnt/\udcff")))
    sink.stop()
    os.close(writer)
    assert os.read(reader, 1000) == rb"disk: failing: /mnt/\udcff" + b"\n"
    os.close(reader)
