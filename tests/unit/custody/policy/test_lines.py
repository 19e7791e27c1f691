# SPDX-License-Identifier: Apache-2.0
"""On which line a key stands, whatever stands around it."""

import pytest

from breakglass_shamir.custody.policy.lines import holders, line_of, lines_of

TEXT = '''# a comment = 1
name = "x"  # [not a table]
"quoted key" . b = 1

[target]
uri = "a = b"
options = { ca = "x", "y.z" = "}" }
text = """
[declaration]
name = "\\""""
other = \'\'\'
"""\'\'\'

[[quorum.groups]]
threshold = 2
custodians = [
    "North",   # with a ] in a comment
    "South",
]

[[quorum.groups]]   # the second
threshold = 1
[quorum.groups.more]
deep = 1

[ "declaration" ]
officers.needed = 2'''


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ("name", 2),
        ("quoted key.b", 3),
        ("target", 5),
        ("target.uri", 6),
        ("target.options", 7),
        ("target.options.ca", 7),
        ("target.text", 8),
        ("target.other", 11),
        ("quorum", 14),
        ("quorum.groups[0]", 14),
        ("quorum.groups[0].custodians", 16),
        ("quorum.groups[0].custodians[1]", 16),
        ("quorum.groups[1]", 21),
        ("quorum.groups[1].threshold", 22),
        ("quorum.groups[1].more.deep", 24),
        ("declaration", 26),
        ("declaration.officers.needed", 27),
        ("absent", 0),
        ("declaration.absent", 26),
        ("target.name", 5),
    ],
)
def test_a_key_has_its_line(key: str, line: int) -> None:
    assert line_of(lines_of(TEXT), key) == line, TEXT.split("\n")[max(line - 1, 0)]


def test_what_holds_a_key_is_told_from_the_inside_out() -> None:
    assert [*holders("a.b[2].c")] == ["a.b[2]", "a.b", "a"]


@pytest.mark.parametrize("text", ["", "\n\n", 'a = "', "[", "[[", "a", "= 1", 'a = """', "a = [", "]]", 'a."b'])
def test_a_torn_text_ends(text: str) -> None:
    lines_of(text)


def test_the_cost_is_linear_in_what_is_hidden_in_a_value() -> None:
    found = lines_of('a = "' + "\\\\" * 100_000 + '"\nb = [' + '"]",' * 100_000 + "]\nc = 1\n")
    assert found == {"a": 1, "b": 2, "c": 3}
