"""The 63 strokes, and the names in the slots of a table."""

import string
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strokejax.table.symbols import (
    MAX_NAME,
    SPACE,
    STROKES,
    SymbolTable,
    build_char_map,
    check_name,
)
from strokejax.types import InputError

names = st.lists(
    st.text(string.ascii_letters + "äßЖ漢🙂", min_size=1, max_size=5),
    max_size=8,
    unique_by=lambda name: unicodedata.normalize("NFC", name),
)


def test_the_63_strokes_in_their_order():
    chars = build_char_map()
    assert list(chars) == list(range(63))
    assert "".join(chars.values()) == (
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 "
    )
    assert [chars[i] for i in (0, 25, 26, 51, 52, 61, 62)] == list("azAZ09 ")
    assert STROKES[62] == SPACE == "space"
    assert STROKES[:62] == tuple(chars.values())[:62]


# Names


@given(st.text(string.printable.strip(), min_size=1, max_size=MAX_NAME))
def test_printable_names_are_kept(name):
    assert check_name(name) == name


def test_names_are_normalised():
    assert check_name("e\u0308") == "ë"
    assert check_name("\u0451") == check_name("\u0435\u0308") == "ё"


@pytest.mark.parametrize("length", [0, MAX_NAME + 1, 10_000])
def test_names_have_1_to_64_characters(length):
    with pytest.raises(InputError, match=f"{length} characters; .*1 to 64") as error:
        check_name("x" * length)
    assert len(str(error.value)) < 150


def test_the_length_is_that_of_the_normal_form():
    assert len(check_name("e\u0308" * MAX_NAME)) == MAX_NAME


@pytest.mark.parametrize("name", [" ", "\u00a0", "a\nb", "\x00", "\u200b", "\ud800"])
def test_names_that_cannot_be_seen_are_refused(name):
    with pytest.raises(InputError, match=r"cannot be printed.*'space'.*\.$"):
        check_name(name)


# Slots


@given(names, st.integers(0, 4))
def test_names_and_slots_lead_to_each_other(names, free):
    table = SymbolTable.of(names, len(names) + free)
    assert table.capacity == len(names) + free
    assert len(table) == len(names)
    assert table.active == tuple(range(len(names)))
    for slot, name in enumerate(table.names[: len(names)]):
        assert name is not None
        assert table.slot(name) == slot
    wanted = list(table.names[: len(names)])
    assert table.slots(wanted[::-1], "here") == list(range(len(names)))[::-1]
    assert table.slot("not there") is None


def test_gaps_between_slots_stay_free():
    table = SymbolTable(("a", None, "b", None))
    assert table.active == (0, 2)
    assert len(table) == 2
    assert table.capacity == 4
    assert table.slot("b") == 2
    assert table.slots(["b", "a", "b"], "here") == [2, 0, 2]


def test_without_a_capacity_there_is_no_room():
    assert SymbolTable.of(["a", "b"]).capacity == 2


@pytest.mark.parametrize("twice", [["a", "b", "a"], ["ë", "e\u0308"]])
def test_names_are_unique(twice):
    with pytest.raises(InputError, match="twice"):
        SymbolTable.of(twice)


@pytest.mark.parametrize("capacity", [0, 1])
def test_more_names_than_slots_are_refused(capacity):
    with pytest.raises(InputError, match=rf"2 symbols .* {capacity}; .*capacity"):
        SymbolTable.of(["a", "b"], capacity)


def test_unknown_labels_are_named():
    table = SymbolTable.of(["a", "b"])
    with pytest.raises(InputError) as error:
        table.slots(["x", "a", "y", "x"], "labels.npz")
    message = str(error.value)
    assert message.startswith("labels.npz: 2 labels")
    assert "2 symbols ('x', 'y')" in message


def test_a_table_cannot_be_changed():
    table = SymbolTable.of(["a"])
    with pytest.raises(AttributeError):
        table.names = ()  # type: ignore[misc]
