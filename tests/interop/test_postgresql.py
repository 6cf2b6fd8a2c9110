"""PostgreSQL under configuration and call records: a real server, stopped and started, used by several at once."""

import csv
import io
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa
from interop_setup import MakeServer
from interop_table import Table

from cordboard.config import DN, Change, sample
from cordboard.config import database as db
from cordboard.config.database import Database
from cordboard.config.environment import Environment
from cordboard.config.objects import Switch
from cordboard.config.store import Store, StoreConflictError, StoreError, StoreVersionError
from cordboard.model.events import EventReleased
from cordboard.model.forwarding import Features
from cordboard.ops.features import FeatureTable
from cordboard.ops.records import RecordStore, Wanted, find, pages, recent
from cordboard.switch.records import CallRecord
from cordboard.testkit.live.centre import Extension
from cordboard.testkit.strangers.ports import free_ports
from cordboard.testkit.strangers.postgresql import PostgreSql
from cordboard.testkit.strangers.program import StrangerError, wait_until
from cordboard.testkit.strangers.scenario import Scenario

pytestmark = pytest.mark.strangers("postgres")

SMALL = Environment.build(switch=Switch(name="main", realm="a.example"), dns=[DN(number="1501"), DN(number="1502")])
SECONDS = 30.0


@pytest.fixture(scope="module")
def cluster() -> Iterator[PostgreSql]:
    with PostgreSql() as cluster:
        yield cluster


@pytest.fixture
def url(cluster: PostgreSql) -> str:
    return cluster.database()


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    with closing(Database(url)) as database:
        yield database


def record(
    number: int, *, caller: str = "1501", outcome: str = "answered", ended: float = 1_800_000_000.0
) -> CallRecord:
    return CallRecord(
        conn_id=f"{number:016x}",
        call_uuid="0" * 32,
        call_type=1,
        caller=caller,
        callee="1502",
        requested=bool(number % 2),
        caller_call_id=f"a{number}@host",
        callee_call_id="",
        created_at=ended - 10.5,
        ringing_at=None,
        answered_at=ended - 5.125,
        ended_at=ended,
        outcome=outcome,
        status=200,
        released_by="caller",
        reason="BYE",
    )


def soon(what: str, ready: object) -> None:
    wait_until(ready, SECONDS, failed=lambda: StrangerError("cordboard", f"{what}: not in time"))  # type: ignore[arg-type]


def test_a_centre_is_kept_with_its_history(url: str) -> None:
    environment = sample.generate().environment()
    with Store(url) as store:
        assert store.is_empty()
        store.replace(environment)
        store.apply([Change.put(DN(number="1599"))], author="alice")
    with Store(url) as store:
        assert store.revision() == 2
        assert set(store.load().dns) == {*environment.dns, "1599"}
        latest = store.history(1)[0]
        assert (latest.revision, latest.author, str(latest.ref)) == (2, "alice", "DN 1599")


def test_writers_at_the_same_time_lose_nothing(url: str) -> None:
    with Store(url) as store:
        store.replace(SMALL)

    def write(first: int) -> None:
        with Store(url) as mine:
            for number in range(first, first + 10):
                mine.apply([Change.put(DN(number=str(number)))])

    with ThreadPoolExecutor() as pool:
        list(pool.map(write, (2000, 3000, 4000)))
    with Store(url) as store:
        assert len(store.load().dns) == 32
        assert store.revision() == 31
        with pytest.raises(StoreConflictError):
            store.apply([Change.put(DN(number="5000"))], expected=30)


def test_a_reader_sees_one_state_while_others_write(url: str) -> None:
    with Store(url) as store, closing(Database(url)) as database:
        store.replace(SMALL)
        count = sa.select(sa.func.count()).select_from(db.objects)
        with database.reading() as connection:
            before = connection.execute(count).scalar_one()
            store.apply([Change.put(DN(number="1503"))])
            assert connection.execute(count).scalar_one() == before
        with database.reading() as connection:
            assert connection.execute(count).scalar_one() == before + 1


def test_servers_that_start_at_once_make_the_schema_once(url: str) -> None:
    barrier = threading.Barrier(4)

    def open_it(_number: int) -> bool:
        barrier.wait()
        with Store(url) as store:
            return store.is_empty()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(open_it, range(4))) == [True] * 4


@pytest.mark.parametrize("version", ["0001", "0002"])
def test_an_old_schema_is_brought_up_to_date_with_what_is_in_it(url: str, version: str) -> None:
    with closing(Database(url, head=version)) as old, old.writing() as connection:
        connection.execute(db.objects.insert(), [{"kind": "switch", "name": ""}, {"kind": "dn", "name": "1501"}])
        values = [("switch", "", "realm", "a.example"), ("dn", "1501", "max-calls", "3")]
        connection.execute(
            db.values.insert(), [dict(zip(("kind", "name", "key", "value"), v, strict=True)) for v in values]
        )
        connection.execute(db.revisions.update().values(revision=7))
    with Store(url) as store:
        environment = store.load()
        assert environment.revision == 7
        assert environment.dns["1501"].options.max_calls == 3
    with closing(Database(url)) as new:
        assert recent(new) == []
        with closing(FeatureTable(new)) as features:
            assert features.load() == {}


def test_a_newer_schema_is_left_alone(url: str) -> None:
    with closing(Database(url)) as database, database.writing() as connection:
        connection.execute(sa.text("UPDATE config_version SET version_num = '9999'"))
    with pytest.raises(StoreVersionError):
        Store(url)


def test_what_goes_wrong_is_told_without_the_password(cluster: PostgreSql, url: str) -> None:
    for bad in (f"{url}_nowhere", url.replace(cluster.password, f"{cluster.password}x")):
        with pytest.raises(StoreError, match=r"does not exist|password authentication failed") as caught:
            Store(bad)
        assert cluster.password not in str(caught.value)


def test_records_are_read_back_as_they_were_written(database: Database) -> None:
    store = RecordStore(database, interval=3600.0)
    records = [record(1), record(2, outcome="busy"), record(3, ended=1_800_086_400.0)]
    for one in records:
        store.write(one)
    assert store.flush()
    assert list(recent(database)) == records[::-1]
    assert find(database, f"{2:016x}") == records[1]
    assert [one for page in pages(database, Wanted(until=1_800_000_001.0), size=1) for one in page] == records[:2]
    store.close()


def test_no_caller_can_keep_the_records_of_others_out(database: Database) -> None:
    store = RecordStore(database, interval=3600.0)
    for number, caller in enumerate(("1501", "9" * 5000, "a\0b", "\N{GRINNING FACE}", "1502")):
        store.write(record(number, caller=caller))
    assert store.flush()
    found = [one.caller for one in reversed(recent(database))]
    assert found == ["1501", "9" * 255, "a\N{REPLACEMENT CHARACTER}b", "\N{GRINNING FACE}", "1502"]
    store.close()


def test_several_servers_write_records_and_old_ones_go(url: str) -> None:
    def write(first: int) -> int:
        with closing(Database(url)) as mine, closing(RecordStore(mine, interval=0.01)) as store:
            for number in range(first, first + 2_000):
                store.write(record(number, ended=float(1000 + number)))
            soon("all written", lambda: not store.waiting)
            return store.written

    with ThreadPoolExecutor() as pool:
        assert list(pool.map(write, (0, 10_000, 20_000))) == [2_000] * 3
    with closing(Database(url)) as database:
        store = RecordStore(database, keep=1000.0, interval=3600.0, wall=lambda: 13_000.0)
        store.expire()
        assert store.expired == 3_000
        found = [int(one.conn_id, 16) for page in pages(database, Wanted()) for one in page]
        assert sorted(found) == [*range(11_000, 12_000), *range(20_000, 22_000)]
        store.close()


def test_records_and_features_wait_while_the_database_is_away(cluster: PostgreSql, database: Database) -> None:
    with (
        closing(RecordStore(database, interval=3600.0)) as store,
        closing(FeatureTable(database, retry=0.05)) as features,
    ):
        store.write(record(1))
        assert store.flush()
        cluster.stop()
        try:
            store.write(record(2))
            features.keep("1501", Features(always="1502"))
            assert not store.flush()
            assert store.waiting == features.waiting == 1
        finally:
            cluster.start()
        assert store.flush()
        assert [one.conn_id for one in recent(database)] == [f"{2:016x}", f"{1:016x}"]
        soon("features written", lambda: not features.waiting)
        assert features.load() == {"1501": Features(always="1502")}


@pytest.mark.strangers("sipp", "tshark")
def test_a_server_lives_on_it_and_outlives_its_absence(
    cluster: PostgreSql, url: str, make_server: MakeServer, tmp_path: Path, stack: ExitStack
) -> None:
    ports = {number: free_ports() for number in ("1501", "1502")}
    extensions = [Extension(number, contact=f"sip:{number}@127.0.0.1:{port}") for number, port in ports.items()]
    files = {"cdr-csv-file": str(tmp_path / "csv" / "calls.csv")}
    server = make_server(*extensions, application=files, database=url)
    table = Table(server, tmp_path, stack, ports)

    def call() -> str:
        with server.desktop("1501") as desktop:
            table.play(
                Scenario("called", user="1502").await_invite().reply(180).reply(200).await_ack().await_bye().reply(200),
                Scenario("caller", user="1501").invite("1502").receive(180).receive(200).ack().bye().receive(200),
            )
            return desktop.wait(EventReleased, "1501").conn_id

    def written() -> list[str]:
        with closing(Database(url)) as database:
            return [one.conn_id for one in reversed(recent(database))]

    calls = [call()]
    soon("first record", lambda: written() == calls)
    cluster.stop()
    try:
        calls.append(call())
    finally:
        cluster.start()
    soon("second record", lambda: written() == calls)

    before = server.metrics()["cordboard_dns"]
    server.command("config", "add", "1503")
    soon("the new DN", lambda: server.metrics()["cordboard_dns"] == before + 1)
    server.command("config", "set", "1503", "max-calls=3")
    server.command("tlib", "forward", "1501", "1502", "--when", "busy")
    assert server.stop() == 0
    server.start()
    assert "max-calls = 3" in server.command("config", "export")
    assert "fwd-busy=1502" in server.command("tlib", "forward", "1501")
    calls.append(call())
    assert server.stop() == 0

    lines = server.command("calls", "--recent", "--json").splitlines()
    assert [msgspec.json.decode(line)["conn_id"] for line in lines] == calls[::-1]
    exported = list(csv.DictReader(io.StringIO(server.command("calls", "export"))))
    assert [row["conn_id"] for row in exported] == calls
    rolled = [
        row for path in sorted((tmp_path / "csv").iterdir()) for row in csv.DictReader(path.read_text().splitlines())
    ]
    assert rolled == exported
    assert {row["outcome"] for row in exported} == {"answered"}
