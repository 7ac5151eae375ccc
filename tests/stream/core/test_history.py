from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stream.core.channels import ChannelLimits, Channels
from stream.core.cursor import Cursor, Offsets
from stream.core.history import Delivery, History, HistoryLimits
from tests.support.facts import post

ALL = (0, 1, 2)


def delivery(place: int, offset: int, at: float = 0.0, size_bytes: int = 10) -> Delivery:
    return Delivery(
        message=post(f"{place}-{offset}"),
        place=place,
        offset=offset,
        cursor=Cursor(bytes(6), 0, Offsets()),
        at=at,
        size_bytes=size_bytes,
        live=True,
    )


def test_since_gives_what_follows_in_the_order_of_arrival() -> None:
    history = History(HistoryLimits())
    kept = [delivery(0, 4), delivery(2, 1), delivery(0, 6)]
    for each in kept:
        history.append(each)
    assert history.since(Offsets(4, 0, 0), ALL) == kept
    assert history.since(Offsets(5, 0, 2), ALL) == kept[2:]
    assert history.since(Offsets(5, 0, 0), (0,)) == kept[2:]
    assert history.messages() == [each.message for each in kept]


def test_each_bound_drops_the_oldest_and_raises_the_floor() -> None:
    for limits in (
        HistoryLimits(entries=1),
        HistoryLimits(limit_bytes=15),
        HistoryLimits(age_s=5),
    ):
        history = History(limits)
        history.append(delivery(0, 4, at=0.0))
        history.append(delivery(0, 5, at=6.0))
        assert len(history) == 1
        assert history.floor == Offsets(5, 0, 0)
        assert history.since(Offsets(4, 0, 0), ALL) is None
        assert history.since(Offsets(4, 0, 0), (1, 2)) == []
        assert history.since(Offsets(5, 0, 0), ALL) is not None


def test_the_ages_are_looked_at_without_new_entries_too() -> None:
    history = History(HistoryLimits(age_s=5))
    history.append(delivery(1, 4))
    history.expire(5.0)
    assert len(history) == 1
    history.expire(5.1)
    assert len(history) == history.size_bytes == 0


PLACES = st.lists(st.integers(0, 2), max_size=30)


@given(PLACES, st.integers(1, 10), st.builds(Offsets, *[st.integers(0, 12)] * 3))
def test_since_is_all_or_nothing(places: list[int], entries: int, asked: Offsets) -> None:
    history, said, ends = History(HistoryLimits(entries=entries)), [], [0, 0, 0]
    for place in places:
        said.append(delivery(place, ends[place]))
        ends[place] += 1
        history.append(said[-1])
    missed = [each for each in said if each.offset >= asked[each.place]]
    found = history.since(asked, ALL)
    assert found == (missed if len(missed) <= entries else None) or found is None
    if len(said) <= entries:
        assert found == missed


def test_the_channel_longest_unused_is_forgotten_and_says_from_where_on() -> None:
    channels = Channels(ChannelLimits(count=1, idle_s=60))
    first, nobody = channels.use("a", 3, 0.0)
    channels.keep("a", delivery(0, 7))
    second, forgotten = channels.use("b", 4, 1.0)
    assert nobody == []
    assert forgotten == [(3, Offsets(8, 0, 0))]
    assert channels.history("a") is None
    assert second is not first
    assert channels.expire(61.0) == []
    assert channels.expire(61.1) == [(4, Offsets())]


def test_all_rings_together_are_bounded() -> None:
    channels = Channels(ChannelLimits(total_bytes=15))
    for number, name in enumerate("ab"):
        channels.use(name, 0, 0.0)
        channels.keep(name, delivery(0, number))
    assert channels.expire(1.0) == [(0, Offsets(1, 0, 0))]
    assert channels.statistics()["history_bytes"] == 10
