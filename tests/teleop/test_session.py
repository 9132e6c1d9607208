from teleop.session import TRIES, Desk


def test_a_code_works_once_and_a_new_one_is_announced() -> None:
    codes: list[str] = []
    desk = Desk(codes.append)
    assert desk.log_in(codes[0]) is not None
    assert len(codes) == 2
    assert desk.log_in(codes[0]) is None


def test_a_code_may_be_typed_in_small_letters_with_dashes() -> None:
    codes: list[str] = []
    desk = Desk(codes.append)
    assert desk.log_in(f" {codes[0][:4].lower()}-{codes[0][4:]} ") is not None


def test_five_wrong_tries_burn_the_code() -> None:
    codes: list[str] = []
    desk = Desk(codes.append)
    for _ in range(TRIES):
        assert desk.log_in("WRONG") is None
    assert len(codes) == 2
    assert desk.log_in(codes[0]) is None


def test_a_new_login_ends_the_session_before_it() -> None:
    codes: list[str] = []
    desk = Desk(codes.append)
    first = desk.log_in(codes[0])
    second = desk.log_in(codes[1])
    assert first is not None
    assert second is not None
    assert desk.by_cookie(first.cookie) is None
    assert desk.by_cookie(second.cookie) is second
    assert desk.by_cookie(None) is None
