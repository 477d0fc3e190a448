"""Password rules, lock-out and the phones' digest."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.staff.model import BY_USERNAME, locked_for_seconds, password_problem, sip_digest
from callcenter.staff.passwords import generated


@pytest.mark.parametrize(
    "password",
    ["", "Short-1!", "aaaaaaaaaaaa", "123456789", "1234567890abc", "qwertyuiop1", "alice-Kx92!", "ALICE-Kx92!",
     "onlyletters", "x" * 129, "abab1abab1"],
)  # fmt: skip
def test_weak_passwords_are_refused_in_both_languages(password: str) -> None:
    problem = password_problem(password, "alice")
    assert problem is not None
    assert problem.keys() == {"en", "zh"}


@pytest.mark.parametrize("password", ["Tr4vel-blue", "雨天的下午3点半散步去", "k9$mQ2!vZp", "correct horse 7 battery"])
def test_irregular_passwords_are_taken(password: str) -> None:
    assert password_problem(password, "alice") is None


def test_generated_passwords_keep_the_rules() -> None:
    made = {generated() for _ in range(200)}
    assert len(made) == 200
    assert all(password_problem(password, "alice") is None for password in made)


@given(st.integers(0, 20), st.integers(-1000, 900_000))
def test_lock_out(failures: int, left_ms: int) -> None:
    seconds = locked_for_seconds(BY_USERNAME, failures, left_ms)
    assert (seconds > 0) == (failures >= 5)
    assert seconds <= 900


def test_the_lock_is_told_in_whole_seconds_and_never_as_none() -> None:
    assert locked_for_seconds(BY_USERNAME, 5, 899_001) == 900
    assert locked_for_seconds(BY_USERNAME, 5, 1) == 1
    assert locked_for_seconds(BY_USERNAME, 9, 0) == 1


def test_digest_is_what_sip_phones_compute() -> None:
    """md5("1001:callcenter:secret"), computed with md5sum."""
    assert sip_digest("1001", "secret") == "349257e4dca65a44efc54dafaf8f4b77"
