"""What the collector says of itself: the names that the protocol document promises."""

from pathlib import Path

import health_wire
import pytest
from bussdcc import Message, Severity
from health_collectord import messages
from health_collectord.events import event_name

PROTOCOL = (Path(health_wire.__file__).parent / "PROTOCOL.md").read_text()
OWN = [cls for cls in vars(messages).values() if isinstance(cls, type) and cls is not Message
       and issubclass(cls, Message)]  # fmt: skip


@pytest.mark.parametrize("cls", OWN, ids=lambda cls: cls.__name__)
def test_a_message_is_frozen_documented_and_in_its_namespace(cls: type[Message]) -> None:
    assert cls.__doc__
    assert cls.__dataclass_params__.frozen  # type: ignore[attr-defined]
    if not hasattr(cls, "event_name"):
        assert event_name(cls).startswith(("collector.", "kernel."))


def test_what_the_kernel_says_is_a_warning() -> None:
    for cls in (messages.KernelMessage, messages.KernelMessagesMissed):
        assert cls.severity is Severity.WARNING
        assert f"`{event_name(cls)}`" in PROTOCOL


def test_what_was_lost_is_a_warning() -> None:
    for cls in (messages.CollectorEventsDropped, messages.CollectorSinkDegraded):
        assert cls.severity is Severity.WARNING
        assert f"`{event_name(cls)}`" in PROTOCOL
    assert f"`{event_name(messages.CollectorSinkRecovered)}`" in PROTOCOL
