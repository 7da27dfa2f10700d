from health_webui.pages.sparklines import SLOTS, Track, greatest, in_slots


def test_a_slot_is_the_mean_of_what_was_sampled_in_it() -> None:
    track = Track()
    for value in (10.0, 20.0, None):
        track.sample(value)
    track.turn()
    track.turn()  # nothing came
    assert track.slots[-2:] == [15.0, None]
    assert len(track.slots) == SLOTS


def test_letters_reach_from_nothing_to_full() -> None:
    track = Track()
    for value in (0.0, 50.0, 100.0):
        track.sample(value)
        track.turn()
    assert str(track) == " " * (SLOTS - 3) + "0Ib"
    assert track.newest == "b"


def test_what_was_seen_here_stands() -> None:
    track = Track()
    track.sample(1.0)
    track.turn()
    track.fill([2.0] * SLOTS)
    assert track.slots == [2.0] * (SLOTS - 1) + [1.0]


def test_a_figure_stands_until_the_next_or_a_gap() -> None:
    slots = in_slots([100.0, 130.0, 150.0], [1.0, None, 3.0], 160.0)
    assert slots[-13:] == [None, *[1.0] * 6, *[None] * 4, 3.0, 3.0, 3.0][-13:]


def test_of_rows_the_greatest_counts() -> None:
    empty = [None] * (SLOTS - 2)
    assert greatest([[*empty, 1.0, None], [*empty, 2.0, 3.0]]) == [*empty, 2.0, 3.0]
    assert greatest([]) == [None] * SLOTS
