"""Each client's share of the state endpoint's time."""

from health_collectord.interfaces.limits import MOST, SHARE, Allowances
from hypothesis import given
from hypothesis import strategies as st


def test_who_rests_may_work_again() -> None:
    allowances = Allowances(share=0.25, most=2.0)
    assert allowances.left(b"a", 100.0) == 2.0
    allowances.spend(b"a", 100.0, 3.0)
    assert allowances.left(b"a", 100.0) == -1.0
    assert allowances.left(b"a", 104.0) == 0.0
    assert allowances.left(b"a", 108.0) == 1.0
    assert allowances.left(b"a", 1000.0) == 2.0


def test_clients_do_not_pay_for_each_other() -> None:
    allowances = Allowances()
    allowances.spend(b"a", 0.0, 100.0)
    assert allowances.left(b"b", 0.0) == MOST


def test_a_crowd_of_clients_costs_bounded_memory() -> None:
    allowances = Allowances()
    for n in range(10_000):
        allowances.spend(b"%d" % n, 0.0, 1.0)
    assert len(allowances) == 4096
    assert allowances.left(b"0", 0.0) == MOST
    assert allowances.left(b"9999", 0.0) == MOST - 1.0


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 10)), max_size=50))
def test_in_the_long_run_nobody_has_more_than_its_share(steps: list[tuple[float, float]]) -> None:
    allowances = Allowances()
    now, worked, longest = 0.0, 0.0, 0.0
    for pause, work in steps:
        now += pause
        if allowances.left(b"a", now) > 0:
            allowances.spend(b"a", now, work)
            worked, longest = worked + work, max(longest, work)
    assert worked <= MOST + SHARE * now + longest + 1e-6
