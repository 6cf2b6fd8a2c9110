"""sipp scenarios written as a list of steps.

A ladder's two sides stand next to each other in a test:

    caller = Scenario("caller", user="1501").invite("1502").receive(180).receive(200).ack().bye().receive(200)
    callee = Scenario("callee", user="1502").await_invite().reply(180).reply(200).await_ack().await_bye().reply(200)

Everything not written is a failure: sipp fails the call on any message that is not the next step or an optional one.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Self
from xml.sax.saxutils import escape, quoteattr

SDP = """\
v=0
o={user} 53655765 2353687637 IN IP[media_ip_type] [media_ip]
s=-
c=IN IP[media_ip_type] [media_ip]
t=0 0
m=audio [media_port] RTP/AVP 0 8 101
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
a=ptime:20
a=sendrecv"""

_OPTIONAL = ' optional="true"'
ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, NOTIFY, UPDATE"


class Scenario:
    """One party's side of a ladder. Methods add a step and return the scenario."""

    def __init__(self, name: str, *, user: str, display: str = "", offer: str = SDP) -> None:
        """``user``: the DN this party is; ``offer``: the SDP it sends, ``{user}`` filled in."""
        self.name = name
        self.user = user
        self._display = f'"{display}" ' if display else ""
        self._offer = offer.replace("{user}", user)
        self._steps: list[str] = []
        self._variables: list[str] = []
        self._target = ""
        self._dialled = ""
        self._cseq = 0
        self._calling = False
        self._pending = ""

    # The calling side

    def register(
        self, *, expires: int = 3600, contact: str | None = None, authorized: bool = False, call_id: str = "[call_id]"
    ) -> Self:
        """REGISTER; ``contact``: the header's value, by default this party's own address; empty for none."""
        if contact is None:
            contact = f"<sip:{self.user}@[local_ip]:[local_port];transport=[transport]>"
        self._cseq += 1
        lines = self._head("REGISTER", "sip:[remote_ip]:[remote_port]", self._cseq, call_id=call_id)
        lines += [f"Contact: {contact}"] if contact else []
        lines += [f"Expires: {expires}"]
        return self._send(lines, authorized=authorized)

    def invite(
        self, number: str, *, authorized: bool = False, headers: Mapping[str, str] | None = None, max_forwards: int = 70
    ) -> Self:
        """INVITE with an offer to a number of the server."""
        self._calling = True
        self._pending = "INVITE"
        self._dialled = number
        self._target = f"sip:{number}@[remote_ip]:[remote_port]"
        self._cseq += 1
        lines = self._head("INVITE", self._target, self._cseq, max_forwards=max_forwards)
        lines += [self._contact(), f"Allow: {ALLOW}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        return self._send(lines, body=self._offer, authorized=authorized)

    def challenged(self, status: int = 401) -> Self:
        """Receives a challenge; the next request can be sent ``authorized``."""
        self._steps.append('  <recv response="100" optional="true"/>')
        self._steps.append(f'  <recv response="{status}" auth="true"/>')
        return self

    def ack_failure(self) -> Self:
        """ACK of a final response other than 2xx: the INVITE's own branch (RFC 3261 section 17.1.1.3)."""
        lines = [
            f"ACK {self._initial()} SIP/2.0",
            "[last_Via:]",
            "Max-Forwards: 70",
            self._from(),
            "[last_To:]",
            "Call-ID: [call_id]",
            f"CSeq: {self._cseq} ACK",
        ]
        return self._send(lines, retransmit=False)

    def ack(self) -> Self:
        """ACK of a 2xx, to the address in its Contact."""
        return self._send(self._head("ACK", self._target, self._cseq), retransmit=False)

    def cancel(self) -> Self:
        """CANCEL of the pending INVITE."""
        lines = [
            f"CANCEL {self._initial()} SIP/2.0",
            "Via: SIP/2.0/[transport] [local_ip]:[local_port];rport;branch=[branch-{distance}]",
            "Max-Forwards: 70",
            self._from(),
            self._to(with_tag=False),
            "Call-ID: [call_id]",
            f"CSeq: {self._cseq} CANCEL",
        ]
        self._pending = "CANCEL"
        # sipp counts branches by step; the INVITE is as many steps back as have been added since.
        back = next(i for i in range(1, len(self._steps) + 1) if "INVITE sip:" in self._steps[-i])
        lines[1] = lines[1].replace("{distance}", str(back))
        return self._send(lines)

    def receive(self, status: int, *, optional: bool = False, check: Mapping[str, str] | None = None) -> Self:
        """Receives a response. ``check``: header name to a regular expression that must match."""
        actions = self._checks(check)
        if 200 <= status < 300 and self._pending == "INVITE":
            actions += self._store("target", "sips*:[^&gt;]*", "Contact:")
            self._target = "[$target]"
            self._pending = ""
        if optional:
            self._steps.append(f'  <recv response="{status}" optional="true"/>')
            return self
        # What the server may send at any time before the response that is waited for.
        if status != 100 and not (self._steps and 'response="100" optional' in self._steps[-1]):
            self._steps.append('  <recv response="100" optional="true"/>')
        self._steps.append(_element(f'recv response="{status}"', actions))
        return self

    # The called side

    def await_invite(self, *, check: Mapping[str, str] | None = None, body: Mapping[str, str] | None = None) -> Self:
        """Waits for an INVITE. ``check``: headers; ``body``: name of a check to a regular expression in the body."""
        actions = self._checks(check)
        for expression in (body or {}).values():
            variable = self._variable("body")
            actions.append(
                f'<ereg regexp={quoteattr(expression)} search_in="body" check_it="true" assign_to="{variable}"/>'
            )
        actions += self._store("target", "sips*:[^&gt;]*", "Contact:")
        actions += self._store("local", ".*", "To:") + self._store("remote", ".*", "From:")
        self._target = "[$target]"
        self._steps.append(_element('recv request="INVITE"', actions))
        return self

    def reply(
        self,
        status: int,
        reason: str = "",
        *,
        sdp: bool | None = None,
        body: str = "",
        contact: bool = True,
        cseq: str = "",
        branch: str = "",
        once: bool = False,
    ) -> Self:
        """Answers the last request; a 2xx or 183 to an INVITE carries SDP unless told otherwise.

        ``once``: a final response is not repeated until its ACK comes, so that more may be said before.
        As it should not be: another ``body``, no Contact, another ``cseq``; and with ``branch`` another To tag, as of
        another phone behind a proxy.
        """
        to_invite = 'request="INVITE"' in next((s for s in reversed(self._steps) if "<recv" in s), "")
        with_sdp = to_invite and (200 <= status < 300 or status == 183) if sdp is None else sdp
        tag = "" if status == 100 or not to_invite else f";tag=[pid]{self.user}{branch}[call_number]"
        lines = [
            f"SIP/2.0 {status} {reason or _REASONS.get(status, 'Reason')}",
            "[last_Via:]",
            "[last_From:]",
            f"[last_To:]{tag}",
            "[last_Call-ID:]",
            f"CSeq: {cseq}" if cseq else "[last_CSeq:]",
        ]
        if to_invite:
            lines += [self._contact() if contact else "", f"Allow: {ALLOW}"]
        final = to_invite and status >= 200 and not once
        return self._send(lines, body=body or (self._offer if with_sdp else ""), retransmit=final)

    def await_ack(self, *, maybe: bool = False) -> Self:
        """Waits for the ACK of the final response; ``maybe``: or for what follows, if it came before this step."""
        self._steps.append(f'  <recv request="ACK"{_OPTIONAL if maybe else ""}/>')
        return self

    def await_cancel(self, *, too_late: bool = False) -> Self:
        """Waits for a CANCEL, answers it 200 and the INVITE 487, and waits for the ACK (RFC 3261 section 9.2).

        ``too_late``: the INVITE is answered 200 instead, as by a phone that was picked up at the same moment.
        """
        self._steps.append('  <recv request="CANCEL"/>')
        self.reply(200)
        lines = [
            "SIP/2.0 200 OK" if too_late else "SIP/2.0 487 Request Terminated",
            "[last_Via:]",
            "[last_From:]",
            f"[last_To:];tag=[pid]{self.user}[call_number]",
            "[last_Call-ID:]",
            "CSeq: [last_cseq_number] INVITE",
            self._contact() if too_late else "",
        ]
        self._send(lines, body=self._offer if too_late else "")
        return self.await_ack()

    # Both sides

    def bye(self, *, branch: str = "") -> Self:
        """BYE within the call; ``branch``: within none, its tag being that of nobody."""
        if self._calling:
            self._cseq += 1
            return self._send(self._head("BYE", self._target, self._cseq))
        lines = [
            "BYE [$target] SIP/2.0",
            "Via: SIP/2.0/[transport] [local_ip]:[local_port];rport;branch=[branch]",
            "Max-Forwards: 70",
            f"From:[$local];tag=[pid]{self.user}{branch}[call_number]",
            "To:[$remote]",
            "[last_Call-ID:]",
            "CSeq: 1 BYE",
        ]
        return self._send(lines)

    def info(self, body: str, content_type: str) -> Self:
        """INFO within the call that this party made."""
        self._cseq += 1
        return self._send(self._head("INFO", self._target, self._cseq), body=body, content_type=content_type)

    def await_info(self, *, body: str) -> Self:
        """Waits for an INFO whose body matches an expression, and answers it."""
        check = (
            f'<ereg regexp={quoteattr(body)} search_in="body" check_it="true" assign_to="{self._variable("body")}"/>'
        )
        self._steps.append(_element('recv request="INFO"', [check]))
        kept = [f"[last_{name}:]" for name in ("Via", "From", "To", "Call-ID", "CSeq")]
        return self._send(["SIP/2.0 200 OK", *kept], retransmit=False)

    def await_bye(self) -> Self:
        """Waits for a BYE."""
        self._steps.append('  <recv request="BYE"/>')
        return self

    def options(self) -> Self:
        """OPTIONS to the server itself."""
        self._cseq += 1
        return self._send(self._head("OPTIONS", "sip:[remote_ip]:[remote_port]", self._cseq))

    def play(self, capture: Path, *, milliseconds: int) -> Self:
        """Plays the RTP of a capture, packet by packet as it was, for a time. sipp must run as root for it."""
        play = f"<exec play_pcap_audio={quoteattr(str(capture))}/>"
        self._steps.append(_element("nop", [play]))
        return self.pause(milliseconds)

    def pause(self, milliseconds: int) -> Self:
        """Lets time pass, as a talking person does; anything that comes meanwhile is a failure."""
        self._steps.append(f'  <pause milliseconds="{milliseconds}"/>')
        return self

    def ignore(self, message: str, *, milliseconds: int) -> Self:
        """Receives a request (or, by number, a response) and lets it go unanswered for a time."""
        kind = "response" if message.isdigit() else "request"
        self._steps.append(f'  <recv {kind}="{message}"/>')
        return self.pause(milliseconds)

    def xml(self) -> str:
        """The scenario as sipp reads it."""
        reference = f'  <Reference variables="{",".join(self._variables)}"/>\n' if self._variables else ""
        steps = "\n".join(self._steps)
        return (
            f'<?xml version="1.0" encoding="UTF-8" ?>\n<scenario name={quoteattr(self.name)}>\n{steps}\n{reference}'
            "</scenario>\n"
        )

    def _initial(self) -> str:
        return f"sip:{self._dialled}@[remote_ip]:[remote_port]"

    def _contact(self) -> str:
        return f"Contact: <sip:{self.user}@[local_ip]:[local_port];transport=[transport]>"

    def _from(self) -> str:
        return f"From: {self._display}<sip:{self.user}@[remote_ip]:[remote_port]>;tag=[pid]c[call_number]"

    def _to(self, *, with_tag: bool) -> str:
        number = self._dialled or self.user
        return f"To: <sip:{number}@[remote_ip]:[remote_port]>" + ("[peer_tag_param]" if with_tag else "")

    def _head(
        self, method: str, uri: str, cseq: int, *, call_id: str = "[call_id]", max_forwards: int = 70
    ) -> list[str]:
        return [
            f"{method} {uri} SIP/2.0",
            "Via: SIP/2.0/[transport] [local_ip]:[local_port];rport;branch=[branch]",
            f"Max-Forwards: {max_forwards}",
            self._from(),
            self._to(with_tag=method in ("ACK", "BYE", "INFO")),
            f"Call-ID: {call_id}",
            f"CSeq: {cseq} {method}",
            "User-Agent: sipp",
        ]

    def _send(
        self,
        lines: list[str],
        *,
        body: str = "",
        content_type: str = "application/sdp",
        authorized: bool = False,
        retransmit: bool = True,
    ) -> Self:
        lines = [line for line in lines if line]
        if authorized:
            lines.append("[authentication]")
        lines.append(f"Content-Type: {content_type}\nContent-Length: [len]" if body else "Content-Length: 0")
        message = "\n".join(lines) + "\n\n" + body
        attribute = ' retrans="500"' if retransmit else ""
        self._steps.append(f"  <send{attribute}><![CDATA[\n{message}\n]]></send>")
        return self

    def _variable(self, stem: str) -> str:
        name = stem if stem not in self._variables else f"{stem}{len(self._variables)}"
        self._variables.append(name)
        return name

    def _checks(self, check: Mapping[str, str] | None) -> list[str]:
        return [
            f'<ereg regexp={quoteattr(expression)} search_in="hdr" header="{escape(name)}:" check_it="true" '
            f'assign_to="{self._variable("check")}"/>'
            for name, expression in (check or {}).items()
        ]

    def _store(self, name: str, expression: str, header: str) -> list[str]:
        if name not in self._variables:
            self._variables.append(name)
        return [f'<ereg regexp="{expression}" search_in="hdr" header="{header}" check_it="true" assign_to="{name}"/>']


def _element(start: str, actions: list[str]) -> str:
    if not actions:
        return f"  <{start}/>"
    return f"  <{start}><action>\n    " + "\n    ".join(actions) + f"\n  </action></{start.split()[0]}>"


_REASONS = {
    100: "Trying",
    180: "Ringing",
    183: "Session Progress",
    200: "OK",
    302: "Moved Temporarily",
    404: "Not Found",
    408: "Request Timeout",
    480: "Temporarily Unavailable",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    500: "Server Internal Error",
    503: "Service Unavailable",
    603: "Decline",
}
