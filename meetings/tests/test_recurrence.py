"""Rules and their times: what is taken, what is refused and why, and the same times as a calendar finds in our file."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import icalendar
import pytest
import recurring_ical_events

from meetings.recurrence import (
    DAYS,
    Freq,
    Rule,
    RuleError,
    first_times,
    for_calendars,
    is_last,
    local_time,
    moment,
    nth_of,
    parse,
    times,
)

TUESDAY = datetime(2026, 11, 24, 14, 30)
ZONES = (
    "Europe/Oslo", "Europe/London", "Europe/Lisbon", "America/New_York", "America/Sao_Paulo", "America/St_Johns",
    "Asia/Tokyo", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe", "Australia/Sydney", "Pacific/Auckland",
    "Pacific/Apia", "Africa/Casablanca", "Africa/Cairo", "UTC",
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("FREQ=DAILY", "FREQ=DAILY"),
        ("RRULE:freq=weekly", "FREQ=WEEKLY;BYDAY=TU"),
        ("FREQ=WEEKLY;BYDAY=TH,TU,TU;INTERVAL=2;", "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,TH"),
        ("FREQ=WEEKLY;WKST=MO;COUNT=10", "FREQ=WEEKLY;BYDAY=TU;COUNT=10"),
        ("FREQ=MONTHLY", "FREQ=MONTHLY;BYMONTHDAY=24"),
        ("FREQ=MONTHLY;BYMONTHDAY=24;UNTIL=20271224", "FREQ=MONTHLY;BYMONTHDAY=24;UNTIL=20271224"),
        ("FREQ=MONTHLY;BYDAY=4TU", "FREQ=MONTHLY;BYDAY=4TU"),
        ("FREQ=MONTHLY;BYDAY=-1TU;INTERVAL=3", "FREQ=MONTHLY;INTERVAL=3;BYDAY=-1TU"),
    ],
)
def test_a_rule_is_read_and_written_in_one_way(text: str, canonical: str) -> None:
    rule = parse(text, TUESDAY)
    assert rule.text() == canonical
    assert parse(rule.text(), TUESDAY) == rule


@pytest.mark.parametrize(
    "text",
    [
        "",
        "weekly",
        "FREQ=HOURLY",
        "FREQ=YEARLY",
        "FREQ=DAILY;FREQ=DAILY",
        "FREQ=DAILY;INTERVAL=0",
        "FREQ=DAILY;INTERVAL=100",
        "FREQ=DAILY;INTERVAL=1.5",
        "FREQ=DAILY;INTERVAL=١",
        "FREQ=DAILY;BYHOUR=9",
        "FREQ=DAILY;COUNT=0",
        "FREQ=DAILY;COUNT=731",
        "FREQ=DAILY;COUNT=3;UNTIL=20270101",
        "FREQ=DAILY;UNTIL=20261123",
        "FREQ=DAILY;UNTIL=20990101",
        "FREQ=DAILY;UNTIL=20261301",
        "FREQ=DAILY;UNTIL=tomorrow",
        "FREQ=WEEKLY;BYDAY=XX",
        "FREQ=WEEKLY;BYDAY=1TU",
        "FREQ=WEEKLY;BYDAY=WE",
        "FREQ=WEEKLY;WKST=SU",
        "FREQ=MONTHLY;BYDAY=TU",
        "FREQ=MONTHLY;BYDAY=5TU",
        "FREQ=MONTHLY;BYDAY=1TU",
        "FREQ=MONTHLY;BYDAY=-1MO",
        "FREQ=MONTHLY;BYMONTHDAY=25",
        "FREQ=MONTHLY;BYMONTHDAY=32",
        "FREQ=MONTHLY;BYMONTHDAY=24;BYDAY=4TU",
        "FREQ=MONTHLY;BYSETPOS=1;BYDAY=MO,TU",
        "FREQ=DAILY\r\nATTENDEE:mailto:x@y.example",
    ],
)
def test_what_is_no_rule_here_is_refused_in_words(text: str) -> None:
    with pytest.raises(RuleError) as refused:
        parse(text, TUESDAY)
    assert str(refused.value).endswith(".")


def test_an_end_given_as_a_moment_is_the_last_local_day_on_which_it_still_starts() -> None:
    first = TUESDAY.replace(tzinfo=ZoneInfo("Europe/Oslo"))
    for text, day in (("20261201T133000Z", 1), ("20261201T132959Z", 30), ("20261201T235959Z", 1)):
        rule = parse(f"FREQ=DAILY;UNTIL={text}", first)
        assert rule.until is not None
        assert rule.until.day == day, text


def test_local_times_stay_when_the_clocks_change() -> None:
    rule = parse("FREQ=WEEKLY;COUNT=3", datetime(2026, 3, 24, 9, 0))
    found = [moment(one, "Europe/Berlin") for one in times(rule, datetime(2026, 3, 24, 9, 0))]
    assert [f"{at:%d %H:%M}" for at in found] == ["24 08:00", "31 07:00", "07 07:00"]
    assert {local_time(at, "Europe/Berlin").hour for at in found} == {9}


def test_a_time_that_the_clocks_skip_is_read_by_the_clock_before_it_and_a_double_one_is_the_first() -> None:
    assert moment(datetime(2026, 3, 29, 2, 30), "Europe/Berlin") == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert moment(datetime(2026, 10, 25, 2, 30), "Europe/Berlin") == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


def test_months_without_the_date_are_left_out() -> None:
    found = first_times(parse("FREQ=MONTHLY", datetime(2027, 1, 31, 9, 0)), datetime(2027, 1, 31, 9, 0), 4)
    assert [one.month for one in found] == [1, 3, 5, 7]


def test_a_rule_without_end_is_followed_for_five_years() -> None:
    found = list(times(Rule(Freq.DAILY), TUESDAY))
    assert len(found) == 5 * 366 + 1


def test_which_weekday_of_its_month_a_day_is() -> None:
    assert (nth_of(date(2026, 11, 24)), is_last(date(2026, 11, 24))) == (4, True)
    assert (nth_of(date(2026, 11, 30)), is_last(date(2026, 11, 23))) == (5, False)


def any_rule(chance: random.Random, first: datetime) -> Rule:
    every = chance.choice([1, 1, 2, 3, 5])
    rule = Rule(Freq.DAILY, every)
    kind = chance.choice(["daily", "weekly", "date", "day", "last"])
    if kind == "weekly":
        others = chance.sample(range(7), chance.randint(0, 3))
        rule = Rule(Freq.WEEKLY, every, days=tuple(sorted({first.weekday(), *others})))
    elif kind == "date":
        rule = Rule(Freq.MONTHLY, every, month_day=first.day)
    elif kind == "day" and nth_of(first) < 5:
        rule = Rule(Freq.MONTHLY, every, nth=nth_of(first), weekday=first.weekday())
    elif kind == "last" and is_last(first):
        rule = Rule(Freq.MONTHLY, every, nth=-1, weekday=first.weekday())
    end = chance.choice(["count", "until", "never"])
    if end == "count":
        return rule.ending(count=chance.randint(1, 30))
    return rule.ending(until=(first + timedelta(days=chance.randint(0, 700))).date()) if end == "until" else rule


@pytest.mark.parametrize(
    ("text", "day", "moved"),
    [
        ("FREQ=WEEKLY;BYDAY=TU", date(2026, 11, 26), "FREQ=WEEKLY;BYDAY=TH"),
        ("FREQ=WEEKLY;BYDAY=TU,TH", date(2026, 11, 26), "FREQ=WEEKLY;BYDAY=TU,TH"),
        ("FREQ=MONTHLY;BYMONTHDAY=24", date(2026, 11, 26), "FREQ=MONTHLY;BYMONTHDAY=26"),
        ("FREQ=MONTHLY;BYDAY=4TU", date(2026, 11, 5), "FREQ=MONTHLY;BYDAY=1TH"),
        ("FREQ=MONTHLY;BYDAY=4TU", date(2026, 11, 30), "FREQ=MONTHLY;BYDAY=-1MO"),
        ("FREQ=MONTHLY;BYDAY=-1TU", date(2026, 11, 26), "FREQ=MONTHLY;BYDAY=-1TH"),
        ("FREQ=MONTHLY;BYDAY=-1TU", date(2026, 11, 12), "FREQ=MONTHLY;BYDAY=2TH"),
        ("FREQ=DAILY;INTERVAL=2", date(2026, 11, 26), "FREQ=DAILY;INTERVAL=2"),
    ],
)
def test_what_names_one_day_goes_along_with_a_first_time_that_moves(text: str, day: date, moved: str) -> None:
    rule = parse(text, TUESDAY).following(day)
    assert rule.text() == moved
    assert rule.has(day)


@pytest.mark.parametrize("zone", ZONES)
def test_calendars_find_the_same_times_in_our_rules(zone: str) -> None:
    """The oracle: another library's reading of the same RRULE, over two years and every change of the clocks."""
    for seed in range(12):
        chance = random.Random(f"{zone} {seed}")
        first = datetime(2026, chance.randint(1, 12), chance.randint(1, 28), chance.randint(0, 23), 30)
        rule = any_rule(chance, first)
        text = for_calendars(rule, first, zone)
        event = icalendar.Event()
        event.add("uid", "x")
        event.add("dtstart", first.replace(tzinfo=ZoneInfo(zone)))
        event.add("dtend", first.replace(tzinfo=ZoneInfo(zone)) + timedelta(minutes=30))
        event.add("rrule", icalendar.vRecur.from_ical(text))
        calendar = icalendar.Calendar()
        calendar.add_component(event)
        end = first + timedelta(days=730)
        found = recurring_ical_events.of(calendar).between(
            first.replace(tzinfo=ZoneInfo(zone)) - timedelta(days=1), end.replace(tzinfo=ZoneInfo(zone))
        )
        theirs = sorted(one["DTSTART"].dt.astimezone(UTC) for one in found)
        ours = sorted(moment(one, zone) for one in times(rule, first) if one < end)
        assert ours == theirs, (zone, seed, text, first)


def test_every_weekday_has_its_name() -> None:
    assert [DAYS[day.weekday()] for day in (date(2026, 11, 23 + n) for n in range(7))] == list(DAYS)
