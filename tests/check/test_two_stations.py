"""What one station disables, any other station can restore."""

from __future__ import annotations

from tests.check.office import LYNC, OUTLOOK, TIKTOK, Office


def test_a_second_station_restores_from_the_phones_ledger_while_the_server_is_away(office: Office) -> None:
    office.at(hours=3)
    with office.phone("tiktok-personal") as phone:
        first, second = office.new_bench(), office.new_bench()
        first.provision(phone)
        first.check()
        address = second.provision(phone)
        second.check()
        phone.model.uninstall(0, TIKTOK)
        office.stop()
        try:
            code, _ = second.check(address)
        finally:
            office.start()
        assert code == 14
        assert [phone.model.state(10, package).enabled for package in (OUTLOOK, LYNC)] == [0, 1]


def test_a_second_station_restores_from_the_servers_ledger_when_the_phones_is_gone(office: Office) -> None:
    office.at(hours=3)
    with office.phone("tiktok-personal") as phone:
        first, second = office.new_bench(), office.new_bench()
        first.provision(phone)
        first.check()
        address = second.provision(phone)
        phone.model.uninstall(0, TIKTOK)
        phone.userland.host_path("/data/local/tmp/curfew/ledger").unlink()
        code, _ = second.check(address)
        assert code == 0
        assert [phone.model.state(10, package).enabled for package in (OUTLOOK, LYNC)] == [0, 1]
