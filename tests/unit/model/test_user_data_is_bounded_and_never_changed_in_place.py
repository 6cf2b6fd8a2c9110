"""UserData."""

import pytest

from cordboard.model.userdata import MAX_BYTES, UserDataError, attach, check, inherit, without


def test_attach_replaces_and_leaves_the_old_list_alone():
    old = {"a": "1", "b": 2}
    new = attach(old, {"b": 3, "c": {"d": b"x"}})
    assert new == {"a": "1", "b": 3, "c": {"d": b"x"}}
    assert old == {"a": "1", "b": 2}
    assert without(new, "c") == {"a": "1", "b": 3}
    assert attach(None, {"a": "1"}) == {"a": "1"}


def test_size_counts_keys_and_values():
    assert check({"ab": "cde", "n": 1, "l": {"k": b"12"}}) == 2 + 3 + 1 + 8 + 1 + 1 + 2


def deep(levels):
    return {"k": deep(levels - 1)} if levels > 1 else {"k": 1}


@pytest.mark.parametrize(
    ("pairs", "key"),
    [
        ({"": "x"}, ""),
        ({"a": None}, "a"),
        ({"a": 1.5}, "a"),
        ({"a": True}, "a"),
        ({"a": [1]}, "a"),
        ({"a": {"b": object()}}, "a.b"),
        ({"a": 2**63}, "a"),
        ({"k" * 256: "x"}, ""),
        ({"a": "x" * MAX_BYTES}, ""),
        (deep(9), "k.k.k.k.k.k.k.k"),
    ],
)
def test_what_cannot_be_attached_is_named(pairs, key):
    with pytest.raises(UserDataError) as caught:
        check(pairs)
    assert caught.value.key == key


def test_growing_beyond_the_limit_is_refused():
    half = {"a": "x" * (MAX_BYTES // 2)}
    with pytest.raises(UserDataError):
        attach(half, {"b": "x" * (MAX_BYTES // 2)})


def test_removing_what_is_not_there_is_refused():
    with pytest.raises(UserDataError):
        without({"a": "1"}, "b")
    assert check(deep(8)) == 7 + 1 + 8


def test_a_call_inherits_what_it_has_not():
    own, other = {"a": "own"}, {"a": "other", "b": {"c": 1}}
    assert inherit(own, other) == {"a": "own", "b": {"c": 1}}
    assert own == {"a": "own"}
    assert inherit(None, other) == other
    assert inherit(own, None) == own
    assert inherit(None, None) is inherit({}, {}) is None


def test_what_is_inherited_is_bounded_too():
    own, other = {"a": "x" * (MAX_BYTES - 100)}, {"b": "y" * 100, "c": "z" * 90, "d": "z" * 90}
    assert inherit(own, other) == own | {"c": "z" * 90}
    check(inherit(own, other))
