from cordboard.switch.records import CallRecord


def record(number, *, caller="1501", callee="1502", outcome="answered", ended=1_800_000_000.0):
    return CallRecord(
        conn_id=f"{number:016x}",
        call_uuid="0" * 32,
        call_type=1,
        caller=caller,
        callee=callee,
        requested=False,
        caller_call_id=f"a{number}@host",
        callee_call_id="",
        created_at=ended - 10.5,
        ringing_at=ended - 10.25,
        answered_at=ended - 5 if outcome == "answered" else None,
        ended_at=ended,
        outcome=outcome,
        status=200 if outcome == "answered" else 486,
        released_by="caller",
        reason="BYE",
    )
