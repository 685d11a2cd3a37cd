"""What is printed at the bench: receipts, labels and sheets, of real checks, read back by programs of others."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pypdfium2  # type: ignore[import-untyped]
import pytest
import zxingcpp

from policy.owner_receipt import languages
from tests.check.office import LYNC, NAMED, OUTLOOK, TIKTOK, Bench, Office

_PIXELS_PER_POINT = 4


def text_of(pdf: Path) -> str:
    """The words of all pages, as a viewer would copy them, without line ends."""
    with pypdfium2.PdfDocument(pdf) as document:
        return " ".join(" ".join(page.get_textpage().get_text_bounded().split()) for page in document)


def codes_of(pdf: Path) -> list[str]:
    """What a scanner reads on each page."""
    with pypdfium2.PdfDocument(pdf) as document:
        pages = [page.render(scale=_PIXELS_PER_POINT).to_pil() for page in document]
    return [code.text for page in pages for code in zxingcpp.read_barcodes(page)]


@pytest.fixture
def bench(enforcing: Office) -> Bench:
    """A station of its own: "every phone checked here" is what these commands go by."""
    return enforcing.new_bench()


@pytest.fixture
def off(enforcing: Office, bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A bench whose one phone, A-1, was found with TikTok, and its managed apps switched off."""
    monkeypatch.chdir(tmp_path)
    with enforcing.phone("tiktok-personal") as phone:
        bench.check(bench.provision(phone, label="A-1"))
    return bench


def test_a_receipt_tells_what_was_asked_found_and_changed_and_how_to_get_it_back(
    off: Bench, tmp_path: Path
) -> None:
    code, _ = off.agent("receipt", "A-1")

    assert code == 0
    told = text_of(tmp_path / "receipt.pdf")
    assert all(package in told for package in NAMED)
    assert f"tiktok ({TIKTOK}), personal side (0)" in told
    assert re.search(rf"{re.escape(OUTLOOK)}, work profile \(\d+\): switched off on 20", told)
    assert re.search(rf"{re.escape(LYNC)}, work profile \(\d+\): switched off on 20", told)
    assert "Remove tiktok for every user of the phone" in told
    assert "The measure ends on" in told


def test_the_code_on_a_receipt_is_the_address_that_stands_beside_it_and_ends_with_the_reports_id(
    off: Bench, tmp_path: Path
) -> None:
    off.agent("receipt", "A-1")

    address = f"{off.office.url}/my-phone/{off.last_report()['report_id']}"
    assert codes_of(tmp_path / "receipt.pdf") == [address]
    assert address.replace("-", "") in text_of(tmp_path / "receipt.pdf").replace(" ", "").replace("-", "")


def test_a_receipt_speaks_each_language_on_one_page(off: Bench, tmp_path: Path) -> None:
    for language in languages():
        off.agent("receipt", "A-1", "--language", language, "--out", f"{language}.pdf")

        with pypdfium2.PdfDocument(tmp_path / f"{language}.pdf") as document:
            assert len(document) == 1


def test_papers_name_no_holder_and_can_be_read_by_their_user_alone(off: Bench, tmp_path: Path) -> None:
    off.agent("receipt", "A-1")
    off.agent("sheet", "--all", "--out", "sheet.csv")

    assert "h-1" not in text_of(tmp_path / "receipt.pdf")
    assert "h-1" not in (tmp_path / "sheet.csv").read_text()
    assert {path.stat().st_mode & 0o777 for path in tmp_path.glob("*.*") if path.is_file()} >= {0o600}
    assert (tmp_path / "receipt.pdf").stat().st_mode & 0o077 == 0


def test_a_receipt_is_printed_without_phone_and_server(off: Bench, tmp_path: Path) -> None:
    with off.without_server():
        assert off.agent("receipt", "A-1")[0] == 0

    assert (tmp_path / "receipt.pdf").exists()


def test_a_receipt_of_a_check_under_an_older_bundle_names_its_number_and_no_apps_of_the_new_one(
    off: Bench, enforcing: Office, tmp_path: Path
) -> None:
    enforcing.publish()
    with enforcing.phone("pixel-14") as other:
        off.check(off.provision(other, label="A-2"))

    off.agent("receipt", "A-1")

    assert "Only about the apps that measure no. 1 names." in text_of(tmp_path / "receipt.pdf")


def test_a_phone_that_was_never_checked_has_no_papers_and_the_next_step_is_said(
    enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("pixel-14") as phone:
        bench.provision(phone, label="A-3")

    assert bench.agent("receipt", "A-3")[0] == 2
    assert "A-3 was not checked here yet; plug it in and run `curfew-agent check tcp:" in bench.said
    assert bench.agent("receipt", "--all")[0] == 2
    assert "`curfew-agent check --all`" in bench.said


def test_a_name_that_means_no_phone_or_two_is_refused(enforcing: Office, bench: Bench) -> None:
    with enforcing.phone("pixel-14") as one, enforcing.phone("pixel-14") as other:
        bench.provision(one, label="same")
        bench.provision(other, label="same")

    assert bench.agent("label", "nobody")[0] == 2
    assert 'found "nobody"' in bench.said
    assert bench.agent("label", "same")[0] == 2
    assert '2 phones here go by "same"' in bench.said
    assert bench.agent("label")[0] == 2
    assert "No phone named" in bench.said


def test_a_label_carries_the_phones_name_and_a_code_that_scans(off: Bench, tmp_path: Path) -> None:
    assert off.agent("label", "A-1")[0] == 0

    assert "A-1" in text_of(tmp_path / "labels.pdf")
    assert codes_of(tmp_path / "labels.pdf") == [
        f"{off.office.url}/my-phone/{off.last_report()['report_id']}"
    ]


def test_a_name_that_is_longer_than_a_label_is_cut_on_every_kind_of_label(
    enforcing: Office, bench: Bench, tmp_path: Path
) -> None:
    with enforcing.phone("pixel-14") as phone:
        bench.check(bench.provision(phone, label="Inventory of the fourth floor 0042"))
    for name in ("long.pdf", "long.svg"):
        assert bench.agent("label", "--all", "--out", str(tmp_path / name))[0] == 0

    assert "Inventory of the fourth…" in text_of(tmp_path / "long.pdf")
    assert ">Inventory of the fourth…<" in (tmp_path / "long.svg").read_text()


def test_where_the_newest_report_cannot_be_kept_an_older_one_does_not_pass_for_it(
    enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("pixel-14") as phone:
        address = bench.provision(phone, label="A-5")
        bench.check(address)
        [kept] = (bench.folder / "checked").glob("*.json")
        # In the way of the file that is written first.
        kept.with_suffix(".part").mkdir()

        code, _ = bench.check(address)

    assert code == 0
    assert bench.agent("receipt", "A-5")[0] == 2
    assert "A-5 was not checked here yet" in bench.said


def test_a_label_is_drawn_as_svg_for_one_phone_and_in_the_language_of_zebra_printers(
    off: Bench, tmp_path: Path
) -> None:
    assert off.agent("label", "A-1", "--out", "label.svg")[0] == 0
    assert off.agent("label", "A-1", "--out", "label.zpl")[0] == 0

    assert ">A-1</text>" in (tmp_path / "label.svg").read_text()
    drawn = (tmp_path / "label.zpl").read_text()
    assert drawn.startswith("^XA")
    assert drawn.rstrip().endswith("^XZ")


def test_a_kind_of_file_that_cannot_be_written_is_refused_with_those_that_can(off: Bench) -> None:
    for name in ("label.doc", "label"):
        assert off.agent("label", "A-1", "--out", name)[0] == 2
        assert ".pdf, .svg or .zpl" in off.said
        assert off.agent("sheet", "A-1", "--out", name)[0] == 2
        assert ".pdf or .csv" in off.said


def test_a_sheet_lists_each_phone_once_with_its_verdict(
    off: Bench, enforcing: Office, tmp_path: Path
) -> None:
    with enforcing.phone("pixel-14") as phone:
        off.check(off.provision(phone, label="=A-2"))

    off.agent("sheet", "--all", "--out", "sheet.csv")
    off.agent("sheet", "--all")

    rows = list(csv.DictReader(io.StringIO((tmp_path / "sheet.csv").read_text())))
    assert [(row["label"], row["verdict"], row["off"]) for row in rows] == [
        ("'=A-2", "compliant", "0"),
        ("A-1", "violating", "2"),
    ]
    told = text_of(tmp_path / "sheet.pdf")
    assert "2 phones: 1 compliant, 1 violating" in told


def test_a_phone_that_could_not_be_read_gets_a_receipt_that_asks_for_another_check(
    enforcing: Office, bench: Bench, tmp_path: Path
) -> None:
    with enforcing.phone("pixel-14") as phone:
        address = bench.provision(phone, label="A-6")
        phone.faults.cut_dump_after(300)
        bench.check(address)
    enforcing.publish()
    with enforcing.phone("pixel-14") as other:
        bench.check(bench.provision(other))

    assert bench.agent("receipt", "A-6", "--out", str(tmp_path / "unread.pdf"))[0] == 0

    assert "Have the phone checked once more" in text_of(tmp_path / "unread.pdf")


def test_a_phone_that_is_handed_back_gets_a_receipt_that_says_so(
    enforcing: Office, bench: Bench, tmp_path: Path
) -> None:
    with enforcing.phone("tiktok-personal") as phone:
        address = bench.provision(phone, label="A-4")
        bench.check(address)
        bench.agent("unprovision", address, "--yes")

    bench.agent("receipt", "A-4", "--out", str(tmp_path / "back.pdf"))

    told = text_of(tmp_path / "back.pdf")
    assert "put back on" in told
    assert "as it was before" in told
