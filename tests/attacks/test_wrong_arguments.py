# SPDX-License-Identifier: Apache-2.0
"""Attack: feed the public API what no caller should, and read a foreign exception or a secret in what comes back.

Whatever is wrong must be refused by a leaf of the tree, before anything is done, and in words that hold no value.
"""

import datetime
import math
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import breakglass_shamir as bg
from breakglass_shamir import errors, hazmat

HIDDEN = "hunter2-hunter2-hunter2"
STRUCTURE = bg.Structure(1, (bg.Group(2, 3),))
SEALED = bg.split(bg.Credential(bg.Secret(HIDDEN.encode())), STRUCTURE, set_name="a-set")
SHARE_TEXT = SEALED.shares[0].to_text()
DAY = datetime.date(2026, 1, 31)

JUNK: list[Any] = [
    None, 0, 1, -1, True, 3.5, math.nan, b"", b"bytes", bytearray(b"x"), "", HIDDEN, SHARE_TEXT, "\x00", "\ud800",
    [], [None], (), ("x",), {}, {"a": 1}, set(), object(), int, print, Path("nowhere"), DAY, STRUCTURE, SEALED,
    SEALED.envelope, SEALED.shares[0], bg.Secret(HIDDEN.encode()), bg.Kind.DRILL, Exception(HIDDEN), (n for n in "ab"),
]  # fmt: skip

PAGE = {"printed_on": DAY, "belongs_to": ""}
CALLS: dict[str, Callable[[Any], object]] = {
    "Secret": bg.Secret,
    "Structure.group_threshold": lambda junk: bg.Structure(junk, (bg.Group(2, 3),)),
    "Structure.groups": lambda junk: bg.Structure(1, junk),
    "Group.threshold": lambda junk: bg.Structure(1, (bg.Group(junk, 3),)),
    "Group.members": lambda junk: bg.Structure(1, (bg.Group(2, junk),)),
    "Credential.secret": bg.Credential,
    "Credential.kind": lambda junk: bg.Credential(bg.Secret(b"x"), junk),
    "Credential.account": lambda junk: bg.Credential(bg.Secret(b"x"), account=junk),
    "Credential.totp_seed": lambda junk: bg.Credential(bg.Secret(b"x"), totp_seed=junk),
    "Credential.from_bytes": bg.Credential.from_bytes,
    "Share.from_bytes": bg.Share.from_bytes,
    "Share.group": lambda junk: bg.Share(bg.Kind.LIVE, bytes(8), junk, 1, bg.Secret(bytes(32))),
    "Share.epoch_id": lambda junk: bg.Share(bg.Kind.LIVE, junk, 1, 1, bg.Secret(bytes(32))),
    "Share.value": lambda junk: bg.Share(bg.Kind.LIVE, bytes(8), 1, 1, junk),
    "Envelope.from_bytes": bg.Envelope.from_bytes,
    "Core.from_bytes": bg.Core.from_bytes,
    "split.credential": lambda junk: bg.split(junk, STRUCTURE, set_name="a-set"),
    "split.structure": lambda junk: bg.split(bg.Credential(bg.Secret(b"x")), junk, set_name="a-set"),
    "split.set_name": lambda junk: bg.split(bg.Credential(bg.Secret(b"x")), STRUCTURE, set_name=junk),
    "split.predecessor": lambda junk: bg.split(
        bg.Credential(bg.Secret(b"x")), STRUCTURE, set_name="a", predecessor=junk
    ),
    "split_drill.epoch": lambda junk: bg.split_drill(STRUCTURE, set_name="a-set", epoch=junk),
    "read_share": bg.read_share,
    "read_share_lines": bg.read_share_lines,
    "read_envelope": bg.read_envelope,
    "Pool.pinned": lambda junk: bg.Pool(pinned=junk),
    "Pool.pinned one": lambda junk: bg.Pool(pinned=[junk]),
    "Pool.set_name": lambda junk: bg.Pool(set_name=junk),
    "Pool.kind": lambda junk: bg.Pool(kind=junk),
    "Pool.add": lambda junk: bg.Pool().add(junk),
    "Pool.type_line": lambda junk: bg.Pool().type_line(junk),
    "Pool.quorum": lambda junk: bg.Pool().quorum(epoch_id=junk),
    "hazmat": hazmat.open_without_record,
    "hazmat.epoch_id": lambda junk: hazmat.open_without_record(bg.Pool(), epoch_id=junk),
    "render_sheet.envelope": lambda junk: bg.render_sheet(junk, SEALED.shares[0], printed_on=DAY, belongs_to=""),
    "render_sheet.share": lambda junk: bg.render_sheet(SEALED.envelope, junk, printed_on=DAY, belongs_to=""),
    "render_sheet.printed_on": lambda junk: bg.render_sheet(
        SEALED.envelope, SEALED.shares[0], printed_on=junk, belongs_to=""
    ),
    "render_sheet.belongs_to": lambda junk: bg.render_sheet(
        SEALED.envelope, SEALED.shares[0], printed_on=DAY, belongs_to=junk
    ),
    "render_sheet.paper": lambda junk: bg.render_sheet(
        SEALED.envelope, SEALED.shares[0], printed_on=DAY, belongs_to="", paper=junk
    ),
    "render_drill_card": lambda junk: bg.render_drill_card(SEALED.envelope, junk, printed_on=DAY, belongs_to=""),
    "read_pages": bg.read_pages,
    "read_pages.timeout_s": lambda junk: bg.read_pages([], timeout_s=junk),
    "Home.folder": lambda junk: bg.Home(junk, bg.EmptyDesk()),
    "Home.desk": lambda junk: bg.Home(Path("nowhere"), junk),
    "Home.create": lambda junk: bg.Home.create(junk, "", bg.EmptyDesk()),
    "Signers": bg.Signers,
}


@pytest.mark.parametrize("name", CALLS)
def test_whatever_is_given_only_the_tree_comes_out_and_no_secret(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for junk in JUNK:
        try:
            CALLS[name](junk)
        except errors.BreakglassError as error:
            said = "".join(traceback.format_exception(error)) if HIDDEN not in str(junk) else f"{error} {error.hint}"
            assert HIDDEN not in said, (name, type(junk))
            assert SHARE_TEXT[20:40] not in f"{error} {error.hint}", (name, type(junk))
            assert str(error), name
    assert list(tmp_path.iterdir()) == []


@settings(max_examples=300)
@given(text=st.text(max_size=200) | st.text("BGES1:/?0189ABCDXYZ -\n", max_size=120))
def test_no_text_raises_in_a_pool(text: str) -> None:
    pool = bg.Pool(pinned=[SEALED.envelope])
    assert pool.add(text).message
    for answer in (*pool.type_line(text), *pool.end_typing()):
        assert answer.message
    assert isinstance(pool.prompt, str)


@pytest.mark.parametrize("prefix", ["", "BGS1:", "BGE1:", "BGE1:1/2:AAAA:"])
def test_a_text_without_end_is_refused_by_its_length(prefix: str) -> None:
    endless = prefix + "A" * 3_000_000
    assert "characters" in bg.Pool().add(endless).message
    assert "characters" in bg.Pool().type_line(endless)[0].message
    for call in (bg.read_share, lambda text: bg.read_envelope([text]), lambda text: bg.read_share_lines([text] * 4)):
        with pytest.raises(errors.MalformedText, match="at most"):
            call(endless)


def test_no_repr_of_a_public_value_holds_a_secret() -> None:
    pool = bg.Pool(pinned=[SEALED.envelope])
    answers = [pool.add(share.to_text()) for share in SEALED.shares]
    opened = hazmat.open_without_record(pool)
    values = [pool, *answers, pool.quorum(), SEALED, *SEALED.shares, opened, opened.secret, bg.read_share(SHARE_TEXT)]
    values += list(bg.read_pages([bg.render_sheet(SEALED.envelope, SEALED.shares[0], printed_on=DAY, belongs_to="")]))
    values.append(bg.Sources(typed=(SHARE_TEXT,)))
    hidden = [HIDDEN, *(share.value.reveal().hex() for share in SEALED.shares), SHARE_TEXT[20:60]]
    hidden += [repr(share.value.reveal())[2:-1] for share in SEALED.shares]
    for value in values:
        assert not [one for one in hidden if one in repr(value) + str(value)], type(value)


def test_no_master_can_be_brought() -> None:
    words = (*bg.split.__wrapped__.__code__.co_varnames, *bg.split_drill.__wrapped__.__code__.co_varnames)  # type: ignore[attr-defined]
    assert not [word for word in words if "master" in word or "seed" in word or "random" in word]
