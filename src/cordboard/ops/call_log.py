"""The line of the log that every call leaves: of its record, who called whom, where to find it, and how it ended."""

from cordboard.ops import logging
from cordboard.switch.ports import RecordSink
from cordboard.switch.records import CallRecord


class CallEnded(logging.Line, kw_only=True, gc=False):
    """That line."""

    logger: str = "cordboard.switch"
    event: str = "call ended"
    conn_id: str
    call_id: str
    callee_call_id: str
    caller: str
    callee: str
    outcome: str
    status: int
    released_by: str
    reason: str


class CallLog:
    """A ``cordboard.switch.ports.RecordSink`` that logs each call, and hands its record on."""

    __slots__ = ("_records",)

    def __init__(self, records: RecordSink) -> None:
        self._records = records

    def write(self, record: CallRecord) -> None:
        """Takes the record of a call that has ended. Never blocks."""
        self._records.write(record)
        line = CallEnded(
            conn_id=record.conn_id,
            call_id=record.caller_call_id,
            callee_call_id=record.callee_call_id,
            caller=record.caller,
            callee=record.callee,
            outcome=record.outcome,
            status=record.status,
            released_by=record.released_by,
            reason=record.reason,
        )
        logging.write(line)
