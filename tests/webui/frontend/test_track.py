"""The columns behind a chart: what is not known is a break, and history joins what came live."""

from typing import Any

from tests.webui import module


def run(steps: str) -> dict[str, list[Any]]:
    """The columns of a track of one-second samples that keeps 60 s, after the steps."""
    begin = "const track = new Track(1, 60);"
    begin += "const add = (t, v) => track.add(t, new Map(Object.entries(v)));"
    columns = "{ t: track.t, ...Object.fromEntries(track.columns) }"
    found = module.run("track.js", "Track", begin + steps, columns)
    assert isinstance(found, dict)
    return found


def test_three_intervals_of_silence_are_a_break() -> None:
    assert run("add(1, {a: 1}); add(3.9, {a: 2}); add(6.9, {a: 3})") == {
        "t": [1, 3.9, 4.9, 6.9],
        "a": [1, 2, None, 3],
    }


def test_a_series_that_comes_or_goes_is_null_where_it_is_not() -> None:
    assert run("add(1, {a: 1}); add(2, {a: 2, b: 5}); add(3, {b: 6})") == {
        "t": [1, 2, 3],
        "a": [1, 2, None],
        "b": [None, 5, 6],
    }


def test_the_same_sample_again_and_a_clock_set_back_replace_what_they_deny() -> None:
    assert run("add(1, {a: 1}); add(2, {a: 2}); add(2, {a: 7})") == {"t": [1, 2], "a": [1, 7]}
    assert run("add(8, {a: 1}); add(9, {a: 2}); add(1, {a: 3})") == {"t": [1], "a": [3]}


def test_history_that_was_asked_for_in_parts_ends_where_all_do() -> None:
    history = "track.fill({a: {t: [1, 2], avg: [1, 2]}, b: {t: [1, 2, 3], avg: [4, 5, 6]}})"
    assert run(f"{history}; add(3, {{a: 3, b: 6}})") == {
        "t": [1, 2, 3],
        "a": [1, 2, 3],
        "b": [4, 5, 6],
    }


def test_a_clock_set_back_breaks_the_line() -> None:
    assert run("add(8, {a: 1}); add(9, {a: 2}); add(10, {a: 3}); add(9.5, {a: 4})") == {
        "t": [8, 9, 9.25, 9.5],
        "a": [1, 2, None, 4],
    }


def test_of_joined_samples_the_lowest_and_highest_are_kept_beside_the_mean() -> None:
    history = "track.fill({a: {t: [10, 20], min: [1, 2], avg: [5, 6], max: [9, 8]}})"
    assert run(f"{history}; add(21, {{a: 7}})") == {
        "t": [10, 20, 21],
        "a": [5, 6, 7],
        "a|min": [1, 2, None],
        "a|max": [9, 8, None],
    }


def test_history_comes_before_what_came_live_and_does_not_bridge_what_is_missing() -> None:
    history = "track.fill({a: {t: [1, 2], avg: [10, 20]}, b: {t: [2], avg: [5]}})"
    assert run(f"add(2, {{a: 21}}); add(3, {{a: 30}}); {history}") == {
        "t": [1, 2, 3],
        "a": [10, 20, 30],
        "b": [None, 5, None],
    }
    assert run(f"add(30, {{a: 30}}); {history}")["a"] == [10, 20, None, 30]


def test_what_a_collector_that_began_anew_has_forgotten_is_kept_with_a_break() -> None:
    """From second 6 on it runs again; until then it is the page that knows."""
    live = "for (const t of [1, 2, 3]) add(t, {a: t, b: t});"
    anew = "track.fill({a: {t: [6, 7], avg: [6, 7]}})"
    assert run(f"{live} add(7, {{a: 7}}); {anew}; add(8, {{a: 8}})") == {
        "t": [1, 2, 3, 4, 5, 6, 7, 8],
        "a": [1, 2, 3, None, None, 6, 7, 8],
        "b": [1, 2, 3, None, None, None, None, None],
    }
    quick = "track.fill({a: {t: [5, 6], avg: [5, 6]}})"
    assert run(f"{live} {quick}")["a"] == [1, 2, 3, None, 5, 6], "a short hole is one too"
    assert run(f"{live} track.fill({{}})")["a"] == [1, 2, 3], "nor is it lost for no answer"


def test_another_track_may_know_what_was_before() -> None:
    other = "const other = new Track(1, 60); other.add(1, new Map([['a', 1]]));"
    filled = "track.fill({a: {t: [5], avg: [5]}}, other)"
    assert run(f"{other} {filled}") == {"t": [1, 2, 5], "a": [1, None, 5]}
    assert run(f"{other} track.fill({{}}, other)") == {"t": [1], "a": [1]}
    unknown = "const other = new Track(1, 60); track.fill({a: {t: [5], avg: [5]}}, other)"
    assert run(unknown) == {"t": [5], "a": [5]}


def test_what_is_past_the_span_is_let_go() -> None:
    kept = run("for (let t = 0; t < 200; t += 1) add(t, {a: t})")
    assert kept["t"][0] == kept["a"][0] == 136
    assert kept["t"][-1] == 199
