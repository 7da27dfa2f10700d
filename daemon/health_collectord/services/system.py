"""The service that observes what can be read at once, each second."""

from bussdcc.clock import ClockProtocol

from health_collectord.runtime.grid import GridService, Heartbeat
from health_collectord.services.sampling import MetricTask
from health_collectord.services.self_report import SelfReport


class SystemService(GridService):
    """Reads the fast metrics together, and says that it does.

    What can block has a service of its own: it would hold up everything here.

    Args:
        metrics: the metrics that are read without waiting for anything.
        clock: the heartbeat's.
        report: what the collector says of itself.
    """

    def __init__(
        self, metrics: tuple[MetricTask, ...], clock: ClockProtocol, report: SelfReport
    ) -> None:
        super().__init__("system", (*metrics, Heartbeat(clock), report))
