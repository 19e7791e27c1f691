# SPDX-License-Identifier: Apache-2.0
"""Yes and no in the languages of the locale, whether it is installed or not; y and n hold everywhere."""

import itertools
import locale

import pytest

from breakglass_shamir.cli.screen import yes_and_no


@pytest.fixture(autouse=True)
def no_language(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin with a locale of no language."""
    for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("language", ["", "C.UTF-8", *yes_and_no.WORDS])
def test_y_and_n_hold_in_every_language(language: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", language)
    assert [yes_and_no.meaning(word) for word in ("y", "YES ", "n", "No")] == [True, True, False, False]
    assert [yes_and_no.meaning(word) for word in ("emergency", "", "1", "yes or no")] == [None] * 4


@pytest.mark.parametrize("language", yes_and_no.WORDS)
def test_no_word_of_a_language_says_both(language: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_MESSAGES", f"{language}_XX.UTF-8")
    yes, no = (words.split() for words in yes_and_no.WORDS[language])
    assert [yes_and_no.meaning(word.title()) for word in yes] == [True] * len(yes)
    assert [yes_and_no.meaning(word) for word in no] == [False] * len(no)
    assert yes_and_no.expected() == f"expected y or n, {yes[1]} or {no[1]}"


def test_the_languages_of_somebody_else_say_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "de_DE.UTF-8")
    assert yes_and_no.meaning("ja") is True
    assert yes_and_no.meaning("oui") is None
    monkeypatch.setenv("LANGUAGE", "fr:de")
    assert yes_and_no.meaning("oui") is True
    monkeypatch.setenv("LC_ALL", "C")
    assert [yes_and_no.meaning(word) for word in ("ja", "oui")] == [None, None]


def test_an_accent_may_be_typed_in_either_form(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "pt_BR.UTF-8")
    assert yes_and_no.meaning("na\u0303o") is False


def test_asking_the_locale_leaves_the_words_of_the_system_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    before = locale.setlocale(locale.LC_MESSAGES)
    for language, word in itertools.product(("de_DE.UTF-8", "xx_YY", "C"), ("x", "j", "(")):
        monkeypatch.setenv("LANG", language)
        yes_and_no.meaning(word)
    assert locale.setlocale(locale.LC_MESSAGES) == before
