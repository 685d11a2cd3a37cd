"""An exemption reaches a phone at its next check, without a new policy."""

from __future__ import annotations

from datetime import timedelta

import certs.cli
from agent_scripts.station_files.station import Station
from policy.ready_made import ready_made_policy
from tests.check.office import LYNC, OUTLOOK, Office


def test_an_exempt_phone_gets_its_apps_back_at_the_next_check(office: Office) -> None:
    office.at(hours=3)
    with office.phone("tiktok-personal") as phone:
        bench = office.new_bench()
        address = bench.provision(phone)
        bench.check()
        assert [phone.model.state(10, package).enabled for package in (OUTLOOK, LYNC)] == [3, 3]
        known = Station.open(bench.folder, office.story_clock).phone_at(address)
        assert known is not None
        until = f"{office.begun + timedelta(days=1):%Y-%m-%dT%H:%MZ}"
        key = str(office.trust / "keys" / "fleet.pem")
        words = [str(office.trust), known.phone_id, "--until", until, "--reason", "on_duty", "--key", key]
        assert certs.cli.main(["exempt", *words, "--yes"]) == 0
        assert certs.cli.main(["publish", str(office.trust)]) == 0
        office.server("publish", str(office.trust), configured=True)

        _, rows = bench.check()

        assert [phone.model.state(10, package).enabled for package in (OUTLOOK, LYNC)] == [0, 1]
        assert "exempt" in rows[0]["next_step"]
        (notice,) = phone.model.data.notifications.values()
        assert notice["text"] == ready_made_policy().messages["en"].restored
