"""Phones of sipp round a server: each DN has its port; the ladder's sides are played and all of them graded."""

import time
from contextlib import ExitStack
from pathlib import Path

from cordboard.testkit.live.desktop import Desktop
from cordboard.testkit.live.server import Server
from cordboard.testkit.strangers.scenario import Scenario
from cordboard.testkit.strangers.sipp import Grade, Sipp
from cordboard.testkit.strangers.tshark import Capture


class Table:
    """Who sits at the table and what they play."""

    def __init__(
        self,
        server: Server,
        folder: Path,
        stack: ExitStack,
        ports: dict[str, int],
        *,
        transport: str = "udp",
        ipv6: bool = False,
    ) -> None:
        self.server = server
        self.folder = folder
        self.stack = stack
        self.ports = ports
        self.transport = transport
        self.address = server.address6 if ipv6 else server.address
        self._count = 0

    def desktop(self, *dns: str) -> Desktop:
        """A desktop, logged in, that watches DNs; all of them when none is named."""
        return self.stack.enter_context(self.server.desktop(*dns))

    def start(self, scenario: Scenario, **settings: object) -> Sipp:
        """One party begins to play, at its DN's port."""
        self._count += 1
        folder = self.folder / f"{self._count}-{scenario.name}"
        settings.setdefault("port", self.ports.get(scenario.user))
        settings.setdefault("transport", self.transport)
        return self.stack.enter_context(
            Sipp(scenario, folder, server=self.address, **settings)  # type: ignore[arg-type]
        )

    def play(self, *scenarios: Scenario, **settings: object) -> list[Grade]:
        """All parties play, those who wait first, and all are graded; tshark judges what the server sent."""
        with Capture(self.folder / f"capture-{self._count}", [self.server.port]) as capture:
            parties = [self.start(scenario, **settings) for scenario in scenarios]
            # One that failed tells more than those who then wait for it in vain.
            while all(party.program.exit_code in (None, 0) for party in parties):
                if all(party.program.exit_code == 0 for party in parties):
                    break
                time.sleep(0.02)
            parties.sort(key=lambda party: party.program.exit_code in (None, 0))
            grades = [party.passed() for party in parties]
            capture.assert_clean(source_ports=[self.server.port])
        return grades
