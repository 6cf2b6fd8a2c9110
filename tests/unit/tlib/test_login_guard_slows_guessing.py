from cordboard.tlib.auth import LoginGuard, token_matches


def test_each_failure_doubles_the_delay_up_to_a_bound():
    guard = LoginGuard()
    delays = []
    for number in range(8):
        delays.append(guard.delay("anna", "192.0.2.1", float(number)))
        guard.failed("anna", "192.0.2.1", float(number))
    assert delays == [0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 16.0]
    assert guard.failed_total == 8


def test_another_user_from_the_same_address_waits_too():
    guard = LoginGuard()
    guard.failed("anna", "192.0.2.1", 0.0)
    assert guard.delay("bert", "192.0.2.1", 0.0) == 0.5
    assert guard.delay("anna", "192.0.2.2", 0.0) == 0.5
    assert guard.delay("bert", "192.0.2.2", 0.0) == 0.0


def test_success_forgives_the_user_and_half_of_the_address():
    guard = LoginGuard()
    for _ in range(4):
        guard.failed("anna", "192.0.2.1", 0.0)
    guard.succeeded("anna", "192.0.2.1")
    assert guard.delay("anna", "192.0.2.2", 0.0) == 0.0
    assert guard.delay("bert", "192.0.2.1", 0.0) == 1.0


def test_failures_are_forgotten_after_ten_minutes():
    guard = LoginGuard()
    guard.failed("anna", "192.0.2.1", 0.0)
    assert guard.delay("anna", "192.0.2.1", 599.0) == 0.5
    assert guard.delay("anna", "192.0.2.1", 600.0) == 0.0


def test_the_memory_of_failures_is_bounded():
    guard = LoginGuard()
    for number in range(20_000):
        guard.failed(f"user{number}", "192.0.2.1", 0.0)
    assert len(guard._failures) <= 10_000
    assert guard.delay("new", "192.0.2.1", 0.0) == 16.0


def test_no_token_opens_nothing():
    assert token_matches("t", "t")
    assert not token_matches("", "")
    assert not token_matches("", "t")
    assert not token_matches("t", "")
    assert not token_matches("täuschung", "t")
