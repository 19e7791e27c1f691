# SPDX-License-Identifier: Apache-2.0
"""Reasons that say nothing.

A short closed list, in a few languages: what people type to get past a field. It is no judgement of style. One
real word beside a filler is a reason, so nobody is kept out by it, and an emergency passes the gate by name.
"""

import re

FILLERS = frozenset(
    word
    for words in (
        "test tests testing asdf asdfasdf asdfgh asdfghjkl qwerty qwertz azerty foo bar foobar abc todo tbd dummy bla",
        "na n/a none nil null no nothing reason noreason because ok okay xyz lorem ipsum",
        "keine keiner kein grund nichts egal weil probe",
        "rien aucun aucune motif raison essai",
        "nada ninguno ninguna motivo razon razón prueba",
        "niente nessuno nessuna prova",
        "geen niets niks",
        "nenhum teste",
    )
    for word in words.split()
)
"""Words that are no reason by themselves; compared without case."""

_WORD = re.compile(r"[\w/]+")


def is_filler(text: str) -> bool:
    """Tell whether a text says nothing: only fillers, single letters, digits or one character again and again."""
    words = _WORD.findall(text.casefold())
    return all(word in FILLERS or word.isdigit() or len(set(word)) == 1 for word in words)
