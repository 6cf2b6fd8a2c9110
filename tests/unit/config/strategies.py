"""Whole configurations as Hypothesis makes them."""

from typing import Any, TypeVar

from hypothesis import strategies as st

from cordboard.config import DN, AgentLogin, Application, Environment, Person, Place, Role, Secret, Switch
from cordboard.config.dn_options import AgentLoginOptions, DnOptions
from cordboard.config.kinds import (
    CHALLENGED_METHODS,
    TRANSPORTS,
    Boolean,
    Choice,
    ChoiceList,
    DnList,
    DnNumber,
    DomainList,
    Duration,
    Host,
    Integer,
    Kind,
    ListenList,
    MethodList,
    NameServerList,
    PeerList,
    SecretHex,
    SecretText,
    SipUri,
    SocketAddress,
    Text,
)
from cordboard.config.options import ApplicationOptions, SwitchOptions
from cordboard.config.optionset import DnType, OptionSet

S = TypeVar("S", bound=OptionSet)
D = TypeVar("D", DnOptions, AgentLoginOptions)
HASH = "$argon2id$v=19$m=65536,t=3,p=4$ABlCXIKBpkTChlA8zCeg3Q$spyhMDHXp+sAetZ5Ec8iz9H1pfdtj+wl08xaTLpPoL0"
lines = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=30).map(str.strip)
names = lines.filter(bool)
numbers = st.from_regex(r"[A-Za-z0-9_.+*#~!:-]{1,12}", fullmatch=True)
hosts = st.ip_addresses().map(str)
realms = st.from_regex(r"[a-z0-9][a-z0-9.-]{0,20}", fullmatch=True)
uris = st.builds(
    "{}:{}{}{}{}".format,
    st.sampled_from(["sip", "sips"]),
    st.sampled_from(["", "1501@", "a.b%20c@"]),
    st.ip_addresses().map(lambda a: f"[{a}]" if a.version == 6 else str(a)) | st.just("host.example"),
    st.integers(1, 65535).map(":{}".format) | st.just(""),
    st.sampled_from(["", ";transport=tcp", ";lr;x=y"]),
)


def values(kind: Kind[Any]) -> st.SearchStrategy[Any]:
    """Give allowed values of a kind."""
    match kind:
        case Boolean():
            return st.booleans()
        case Integer():
            return st.integers(kind.low, kind.high)
        case Duration():
            return st.integers(int(kind.low * 1000), int(kind.high * 1000)).map(lambda ms: round(ms / 1000, 3))
        case SecretText():
            return lines.map(Secret)
        case SecretHex():
            return st.just(Secret("")) | st.text("0123456789abcdef", min_size=kind.digits, max_size=kind.digits).map(
                Secret
            )
        case Text():
            return lines
        case Choice():
            return st.sampled_from(kind.choices)
        case ChoiceList():
            return st.lists(st.sampled_from(kind.choices), unique=True).map(tuple)
        case MethodList():
            return st.lists(st.sampled_from(CHALLENGED_METHODS), unique=True).map(tuple)
        case DnNumber():
            return numbers | st.just("")
        case DnList():
            return st.lists(numbers, unique=True, max_size=3).map(tuple)
        case SipUri():
            return uris | st.just("") | (st.just("*") if kind.star else st.nothing())
        case Host():
            return hosts
        case ListenList():
            item = st.builds(
                lambda t, a, p: f"{t}:[{a}]:{p}" if a.version == 6 else f"{t}:{a}:{p}",
                st.sampled_from(TRANSPORTS), st.ip_addresses(), st.integers(20_000, 65535),
            )  # fmt: skip
            return st.lists(item, unique=True, max_size=3).map(tuple)
        case NameServerList():
            server = st.builds(
                lambda a, p: f"[{a}]:{p}" if a.version == 6 else f"{a}:{p}",
                st.ip_addresses(), st.integers(1, 52),
            )  # fmt: skip
            return st.lists(server | st.ip_addresses().map(str), unique=True, max_size=3).map(tuple)
        case PeerList():
            peer = st.builds(
                lambda a, p: f"[{a}]:{p}" if a.version == 6 else f"{a}:{p}", st.ip_addresses(), st.integers(1, 65535)
            )
            return st.lists(peer | st.ip_addresses().map(str), unique=True, max_size=3).map(tuple)
        case DomainList():
            return st.lists(st.sampled_from(("centre.example", "local", "a-b.c")), unique=True).map(tuple)
        case SocketAddress():
            return st.just("") | st.builds(
                lambda a, p: f"[{a}]:{p}" if a.version == 6 else f"{a}:{p}", st.ip_addresses(), st.integers(1, 65535)
            )
    raise TypeError(kind)


unknown = st.dictionaries(
    st.from_regex(r"x-[a-z.é_-]{1,10}", fullmatch=True),
    st.text(st.characters(codec="utf-8"), max_size=20).map(lambda t: "".join(c for c in t if c.isprintable()).strip()),
    max_size=2,
)


def options(level: type[S], *without: str) -> st.SearchStrategy[S]:
    """Give sets of options of a level."""
    known = {n: values(o.kind) for n, o in level.schema.items() if n not in without and n != "password-realm"}
    return st.builds(level, st.fixed_dictionaries({}, optional=known), unknown)


@st.composite
def environments(draw: st.DrawFn) -> Environment:
    """Give configurations without contradictions."""
    switch = Switch(name=draw(names), realm=draw(realms), options=draw(options(SwitchOptions)))
    ports = draw(st.lists(st.integers(1, 19_999), min_size=3, max_size=3, unique=True))
    application = draw(options(ApplicationOptions, "sip-port", "http-port", "tlib-port"))
    application = application.changed(
        {f"{name}-port": str(port) for name, port in zip(("sip", "http", "tlib"), ports, strict=True)}, "SIP_Server"
    )
    dns = []
    for number in draw(st.lists(numbers, unique=True, max_size=4)):
        picked = draw(options(DnOptions, "shared-line-number", "hg-members"))
        kind = draw(st.sampled_from(DnType))
        if kind is DnType.TRUNK:
            picked = picked.changed({"contact": draw(uris)}, number)
        dn = DN(number=number, type=kind, display_name=draw(lines), options=_hashed(picked, switch.realm))
        dns.append(dn.with_password(switch.realm, draw(lines)) if draw(st.booleans()) else dn)
    codes = draw(st.lists(numbers, unique=True, max_size=3))
    desks = draw(st.lists(names, unique=True, max_size=2))
    users = draw(st.lists(st.from_regex(r"[A-Za-z0-9_.@+-]{1,10}", fullmatch=True), unique=True, max_size=2))
    return Environment.build(
        switch=switch,
        application=Application(name=draw(names), options=application),
        dns=dns,
        agent_logins=[
            AgentLogin(code=code, options=_hashed(draw(options(AgentLoginOptions)), switch.realm)) for code in codes
        ],
        persons=[
            Person(
                user_name=user,
                first_name=draw(lines),
                last_name=draw(lines),
                role=draw(st.sampled_from(Role)),
                password_hash=Secret(draw(st.sampled_from(["", HASH]))),
                agent_logins=(codes[i],) if i < len(codes) else (),
                place=draw(st.sampled_from(["", *desks])),
            )
            for i, user in enumerate(users)
        ],
        places=[Place(name=desk, dns=(dns[i].number,) if i < len(dns) else ()) for i, desk in enumerate(desks)],
    )


def _hashed(picked: D, realm: str) -> D:
    """Add the realm to hashes, as every reader does."""
    if picked.password_ha1_md5 or picked.password_ha1_sha_256:
        return picked.changed({"password-realm": realm}, "x")
    return picked
