# SPDX-License-Identifier: Apache-2.0
"""Paper: sheets and drill cards to PDF bytes, and those bytes back to texts, as a scan of them would be read.

Nothing is written. A program that prints hands the bytes to its printer; a front takes pictures from an upload.
"""

import datetime

from breakglass_shamir import (
    Credential,
    Group,
    Kind,
    Pool,
    ScannedPage,
    Sealed,
    Secret,
    Structure,
    hazmat,
    read_pages,
    render_drill_card,
    render_sheet,
    split,
    split_drill,
)

STRUCTURE = Structure(1, (Group(2, 3),))
CUSTODIANS = ("head of IT", "finance", "site north")
OWNER = "Example Ltd, Security"
TODAY = datetime.date(2026, 1, 31)


def main() -> None:
    credential = Credential(Secret(b"correct horse battery"))
    live = split(credential, STRUCTURE, set_name="recovery-key")
    drill = split_drill(STRUCTURE, set_name="recovery-key")
    sheets = draw_sheets(live)
    cards = [
        render_drill_card(drill.envelope, share, printed_on=TODAY, belongs_to=OWNER, custodian=custodian)
        for share, custodian in zip(drill.shares, CUSTODIANS, strict=True)
    ]
    print(f"{len(sheets)} sheets and {len(cards)} drill cards, {sum(map(len, [*sheets, *cards])) // 1024} KiB of PDF")

    opening = Pool(pinned=[live.envelope])
    tell(opening, read_pages([cards[0], *sheets[1:]]))
    print(f"the same credential: {hazmat.open_without_record(opening) == credential}")

    rehearsal = Pool(pinned=[drill.envelope], kind=Kind.DRILL)
    tell(rehearsal, read_pages(cards[:2]))
    print(f"drill cards {', '.join(rehearsal.quorum().sheets)} make a quorum that opens nothing")


def draw_sheets(live: Sealed) -> list[bytes]:
    return [
        render_sheet(live.envelope, share, printed_on=TODAY, belongs_to=OWNER, custodian=custodian)
        for share, custodian in zip(live.shares, CUSTODIANS, strict=True)
    ]


def tell(pool: Pool, pages: tuple[ScannedPage, ...]) -> None:
    for page in pages:
        for text in dict.fromkeys(code.text for code in page.codes):
            print(f"{page.source}: {pool.add(text).message}")


if __name__ == "__main__":
    main()
