"""What a server published, taken over into the trust folder, so that the folder builds on it and is not overtaken."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from certs.errors import VersionWentBack
from certs.online import Publication, verify_publication
from certs.publication import file_name, newest_version, reachable, versions_of
from certs.roles import FLEET, ROOT, TARGETS
from certs.trust_folder import TrustFolder
from certs.verified_download import Fetch, VerifiedDownload, root_name


def fetch_publication(folder: Path, fetch: Fetch, now: datetime) -> tuple[Publication, bool]:
    """Bring the folder up to what `fetch` serves; return that, and whether a draft that it overtook was thrown away.

    ``fetch`` takes served names. Verified as a station would that knows what the folder publishes: raises a
    `BundleRefused` or `FetchFailed`, and then nothing has changed.
    """
    place = TrustFolder(folder)
    published = place.published()
    served: dict[str, bytes] = {
        file_name(ROOT, version): published[file_name(ROOT, version)]
        for version in versions_of(published, ROOT)
    }
    roots = {
        root_name(version): published[file_name(ROOT, version)] for version in versions_of(published, ROOT)
    }

    def remembering(name: str, longest: int) -> bytes:
        data = fetch(name.removeprefix("/"), longest)
        served[name.removeprefix("/")] = data
        return data

    with VerifiedDownload(roots) as download:
        download.run(remembering, "", now)
    files = reachable(served)
    _refuse_fork(files, published, folder)
    publication = verify_publication(files, published, now)
    place.write_published({name: data for name, data in files.items() if published.get(name) != data})
    return publication, _discard_overtaken(place, files)


def _refuse_fork(files: dict[str, bytes], published: dict[str, bytes], folder: Path) -> None:
    for role in (TARGETS, FLEET):
        version = newest_version(published, role)
        name = file_name(role, version)
        if version > newest_version(files, role) or files.get(name, published.get(name)) != published.get(
            name
        ):
            raise VersionWentBack(
                f"{folder} publishes {name}, which this server never took over; where that is meant, hand it over"
                " to the server, else go on from a copy of the folder from before it"
            )


def _discard_overtaken(place: TrustFolder, files: dict[str, bytes]) -> bool:
    """Throw a drafted policy away that can never be published any more, and say whether there was one."""
    drafted = newest_version(place.drafted(), TARGETS)
    if not 0 < drafted <= newest_version(files, TARGETS):
        return False
    place.discard_policy_draft()
    return True
