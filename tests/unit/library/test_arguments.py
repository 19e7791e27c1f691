# SPDX-License-Identifier: Apache-2.0
"""Every argument of every call of custody is held against its type before anything is recorded."""

import inspect
import types
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest

from breakglass_shamir import (
    Audit,
    CredentialKind,
    Drills,
    EmptyDesk,
    Home,
    Overrides,
    Printing,
    Request,
    Secret,
    Signers,
    Sources,
    TotpScheme,
    Use,
    errors,
)
from breakglass_shamir.library.arguments import checked

REQUEST = Request("emergency", "outage", "T-1", "no way in", ("one", "two"), "exec", 600)
FITTING: dict[Any, Any] = {
    str: "x", Path: Path("x"), bool: True, int: 1, Secret: Secret(b"x"), Request: REQUEST, Use: Use(("true",)),
    Sources: Sources(typed=("x",)), Printing: Printing(Path("x")), Overrides: Overrides(), Signers: Signers(),
    CredentialKind: CredentialKind.TOKEN, TotpScheme: TotpScheme(),
}  # fmt: skip


def calls(home: Home) -> Iterator[tuple[str, Any]]:
    for part in (home, home.sheets, home.drills, home.audit):
        for name, member in inspect.getmembers(type(part), inspect.isfunction):
            if not name.startswith("_") and inspect.signature(member).parameters.keys() - {"self"}:
                yield f"{type(part).__name__}.{name}", getattr(part, name)


def fitting(hint: Any) -> Any:
    if get_origin(hint) in {Union, types.UnionType}:
        return fitting(get_args(hint)[0])
    return (
        ("1",)
        if get_origin(hint) is Sequence and get_args(hint)[0] is str
        else ()
        if get_origin(hint)
        else FITTING[hint]
    )


def test_one_wrong_argument_of_any_call_is_named_and_nothing_is_recorded(tmp_path: Path) -> None:
    seen = 0
    with Home.create(tmp_path / "home", "a terminal", EmptyDesk()) as home:
        before = home.audit.verify().records
        for name, call in calls(home):
            hints = {one: hint for one, hint in get_type_hints(call).items() if one != "return"}
            for wrong in hints:
                given = {one: object() if one == wrong else fitting(hint) for one, hint in hints.items()}
                with pytest.raises(errors.InvalidInput, match=rf"as {wrong}, got object") as caught:
                    call(**given)
                assert "0x" not in str(caught.value), name
                seen += 1
        assert home.audit.verify().records == before
    assert seen > 60


WRONG_WITHIN: list[tuple[Any, str]] = [
    (Sources(scans=("scan.jpg",)), "sources.scans[0]"),  # type: ignore[arg-type]
    (Sources(typed="BGS1:"), "sources.typed"),  # type: ignore[arg-type]
    (Sources(camera="front"), "sources.camera"),  # type: ignore[arg-type]
    (Sources(patience_s=True), "sources.patience_s"),
]


@pytest.mark.parametrize(("sources", "named"), WRONG_WITHIN, ids=lambda one: str(one)[:30])
def test_a_wrong_field_within_an_argument_is_named(sources: Sources, named: str, tmp_path: Path) -> None:
    with (
        Home.create(tmp_path / "home", "a terminal", EmptyDesk()) as home,
        pytest.raises(errors.InvalidInput) as caught,
    ):
        home.recombine("a-set", REQUEST, sources, Use(("true",)))
    assert f"as {named}, got" in str(caught.value)


SENSELESS: list[tuple[str, dict[str, Any]]] = [
    ("purpose", {"request": Request("party", "outage", "T-1", "why", ("one",), "exec", 600)}),
    ("mode", {"request": Request("emergency", "outage", "T-1", "why", ("one",), "shout", 600)}),
    ("0 seconds", {"request": Request("emergency", "outage", "T-1", "why", ("one",), "exec", -1)}),
    ("scans", {"sources": Sources()}),
    ("scanner fills", {"sources": Sources(watched=Path("nowhere"))}),
    ("classification", {"use": Use(("true",), classification="fun")}),
    ("put off", {"use": Use(("true",), defer_s=60)}),
    ("put off", {"use": Use(("true",), defer_s=-60)}),
    ("folder or a printer", {"printing": Printing()}),
    ("folder or a printer", {"printing": Printing(Path("out"), printer="laser")}),
    ("scanner fills", {"printing": Printing(Path("out"), readback=Path("nowhere"))}),
    ("sheet such as", {"printing": Printing(Path("out"), acknowledged=("first",))}),
    ("command", {"use": Use()}),
]


@pytest.mark.parametrize(("said", "changed"), SENSELESS, ids=lambda one: str(one)[:40])
def test_what_no_type_tells_is_refused_before_anything_is_recorded(
    said: str, changed: dict[str, Any], tmp_path: Path
) -> None:
    given = {"request": REQUEST, "sources": Sources(typed=("x",)), "use": Use(("true",)), "printing": None, **changed}
    with Home.create(tmp_path / "home", "a terminal", EmptyDesk()) as home:
        with pytest.raises(errors.InvalidInput, match=said):
            home.recombine("a-set", **given)
        assert home.audit.verify().records == 1


def test_a_call_keeps_its_signature_and_words() -> None:
    @checked
    def call(number: int, *, words: Sequence[str] = (), maybe: Path | None = None) -> int:
        """Say it."""
        return number + len(words)

    assert list(inspect.signature(call).parameters) == ["number", "words", "maybe"]
    assert (call.__doc__, call(1, words=["a"])) == ("Say it.", 2)
    for given in (
        {"number": True},
        {"number": 1, "words": "ab"},
        {"number": 1, "words": [1]},
        {"number": 1, "maybe": "x"},
    ):
        with pytest.raises(errors.InvalidInput):
            call(**given)
    with pytest.raises(TypeError, match="missing"):
        call()  # type: ignore[call-arg]


def test_the_parts_of_a_home_have_no_door_of_their_own() -> None:
    for part in (Audit, Drills):
        assert "made by ``Home." in (part.__doc__ or "")
