"""Legs that take MSML, and what their controllers are told."""

from __future__ import annotations

from quiet_house import House

from cordboard.sip.bodies.msml import CONTENT_TYPE
from cordboard.sip.bodies.msml.model import Event, Result
from cordboard.sip.bodies.msml.read import parse


def body(inner: str) -> bytes:
    return f'<?xml version="1.0"?><msml version="1.1">{inner}</msml>'.encode()


def dialog(target: str, inner: str, name: str = "d") -> str:
    named = f' name="{name}"' if name else ""
    return f'<dialogstart target="{target}" type="application/moml+xml"{named}>{inner}</dialogstart>'


class Controlled:
    """A leg with its controller."""

    def __init__(self, house, number="1"):
        self.house = house
        self.caller = house.caller(number)
        self.call = self.caller.ask("msml")
        house.run()
        self.served = next(leg for leg in reversed(house.server.legs) if leg.call_id == self.call.outgoing.call_id)
        self.id = self.served.id
        self.media = self.served.media

    def say(self, inner, seconds=0.5):
        """Sends requests, and returns the result; None where a BYE came first."""
        data = inner if isinstance(inner, bytes) else body(inner)
        answers = []
        self.call.session.request(
            "INFO", lambda status, event: answers.append((status, event)), body=data, content_type=CONTENT_TYPE
        )
        self.house.run(seconds)
        if self.call.session.over and not any(status == 200 for status, _ in answers):
            return None
        ((status, event),) = answers
        assert status == 200, status
        assert event.message.header("Content-Type") == CONTENT_TYPE
        result = parse(event.message.body)
        assert isinstance(result, Result)
        return result

    def start(self, inner, name="d"):
        """Starts a dialog on the leg."""
        return self.say(dialog(self.id, inner, name))

    @property
    def events(self):
        found = [parse(data) for data in self.call.infos]
        assert all(isinstance(event, Event) for event in found)
        return found

    @property
    def told(self):
        """Names of the events with their values."""
        return [(event.name, dict(event.values)) for event in self.events]

    def press(self, digits, ms=100):
        for digit in digits:
            self.media.press(digit, ms)
        self.house.run(0.1)


def controlled(**settings):
    house = House(**settings)
    return house, Controlled(house)
