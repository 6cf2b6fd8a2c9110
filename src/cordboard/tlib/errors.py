"""What can go wrong on the client's side of a link."""

from cordboard.model.events import EventError


class LinkError(Exception):
    """The root of all errors of a T-Library client."""


class ConnectError(LinkError):
    """The server cannot be reached."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"cannot connect to {url}: {reason}")
        self.url = url
        self.reason = reason


class LoginError(LinkError):
    """The server refused the login."""

    def __init__(self, user: str, message: str) -> None:
        super().__init__(f"login of {user or 'the token'} was refused: {message}")
        self.user = user
        self.message = message


class VersionError(LinkError):
    """Server and client have no version of the link in common. ``versions`` are the server's."""

    def __init__(self, versions: list[int]) -> None:
        super().__init__(f"the server speaks link versions {versions} only")
        self.versions = versions


class LinkClosedError(LinkError):
    """The link is closed and will not be opened again. ``reason`` is the server's, or ``closed`` for our own."""

    def __init__(self, reason: str, message: str = "") -> None:
        super().__init__(f"the link was closed: {reason}{f' ({message})' if message else ''}")
        self.reason = reason
        self.message = message


class ServerFaultError(LinkError):
    """The server sent what it may not send."""


class RequestError(LinkError):
    """A request was answered by EventError."""

    def __init__(self, event: EventError) -> None:
        super().__init__(f"{event.error_message} ({event.error_code})")
        self.event = event
        self.code = event.error_code
        """One of :class:`cordboard.model.errors.Code`."""
        self.message = event.error_message


class RequestTimeoutError(LinkError):
    """No answer came in time; whether the request was carried out is not known."""

    def __init__(self, request: str, seconds: float) -> None:
        super().__init__(f"no answer to {request} within {seconds:g} s")
        self.request = request
        self.seconds = seconds


class RequestLostError(LinkError):
    """The server forgot the session while the request was under way; whether it was carried out is not known."""

    def __init__(self, request: str) -> None:
        super().__init__(f"the server lost the session before it answered {request}")
        self.request = request
