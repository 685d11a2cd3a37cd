"""The same script by the platform's own adb: a phone on a cable is met through its server."""

from __future__ import annotations

import adbutils

from agent_scripts.virtual_phone.phone import VirtualPhone
from tests.check.office import TIKTOK, Bench, Office
from tests.check.test_on_phone import folder_of, has_noted, states, until, watched, watchers


def plugged_in(at_desk: Bench, phone: VirtualPhone, client: adbutils.AdbClient) -> str:
    """Connect `phone` to the platform's adb, which has this station's key, and return its address."""
    at_desk.agent("devices")
    client.connect(f"127.0.0.1:{phone.port}", timeout=10)
    return f"adb:127.0.0.1:{phone.port}"


def test_a_phone_on_the_platforms_adb_is_watched_beyond_the_end_of_that_adb(
    watching: Office, at_desk: Bench, platform_adb: adbutils.AdbClient
) -> None:
    with watching.phone("clean") as phone:
        phone.authorise(at_desk.station().adb_keys.public_line)
        address = plugged_in(at_desk, phone, platform_adb)
        code, _ = at_desk.agent("provision", address, "--consent", "agreed", "--label", "", "--holder", "h-1")
        assert code == 0, at_desk.said
        assert at_desk.row(address)[0] == 0
        assert watched(at_desk)["script"] == "started"
        until(lambda: has_noted(phone, "alive"), "it checked once")

        platform_adb.server_kill()
        phone.model.install(0, TIKTOK)
        until(lambda: states(phone) == [3, 3], "the apps are off, with nobody connected")
        until(lambda: (folder_of(phone) / "spool").read_text().count(" acted done") == 2, "it noted that")

        assert at_desk.row(plugged_in(at_desk, phone, platform_adb))[0] == 10
        told = watched(at_desk)
        assert [action["result"] for action in told["actions"]] == ["done", "done"]
        assert [span["end"] for span in told["spans"]] == ["running"]

        code, output = at_desk.agent("unprovision", address, "--yes")
        assert code == 10, "all is put back, and the banned app is still there"
        assert "not checked any more" in " ".join(output.split()) + at_desk.said
        assert (watchers(phone), folder_of(phone).exists()) == ([], False)
