# SPDX-License-Identifier: Apache-2.0
"""``README.txt`` of a kit: plain words for whoever finds it at 3 a.m., in ASCII, with every command to be typed.

Rules:

1. A line that begins with four blanks and ``$`` is a command, typed in the kit's folder. Tests run each of them.
2. It names no set, no person and no place: a kit is public.

It reads nothing; what differs from kit to kit is passed in.
"""

import textwrap

from breakglass_shamir.operations.kit.wheels import Fits

NAME = "README.txt"

_WIDTH = 78

_TEXT = """RECOVERY KIT of breakglass {version}

It is for the night on which a credential must be opened from paper. All of it
is public: no share, no credential, no name of a person or a place is in it.
Commands stand after a dollar sign: type them in this folder, without it. A
command may go on in the next line.


WHAT TO DO FIRST

The terminal with breakglass works: use it, and put this away.
It does not: fetch as many sheets as they say are needed, and go on here.

  1. A machine with a browser: open recover.html with a double click.
     Take the machine off the network before. The page says what to do.
  2. A machine with Python {oldest} or later; nothing needs to be installed:

    $ python3 -I -S recover.py

     It says what to do, one step after the other.
  3. A machine that stays, and can take the whole program: see INSTALL below.

What can go wrong is in the folder runbooks: plain text, one page each.

  runbooks/terminal-dead.md           the terminal does not start, or is gone
  runbooks/sheet-damaged.md           a sheet is wet, torn, or is not read
  runbooks/custodian-unreachable.md   somebody does not come
  runbooks/quorum-lost.md             too few sheets are left
  runbooks/nothing-installs.md        no program can be installed
  runbooks/alert-received.md          an alert came about an account


WHAT IS HERE

  recover.html   opens sheets in a browser, without a network
  recover.py     opens sheets with Python {oldest} or later and nothing else
  runbooks/      what to do when something is broken
  spec/          every byte on a sheet: enough to write a recovery program
  wheels/        the program and all that it needs, to be installed offline
  SHA256SUMS     the SHA-256 of every other file but its signature
  SHA256SUMS.sig the signature of the terminal that made this kit
  allowed_signers, terminal.pub   that terminal's public key, twice

Links in spec/ that lead out of it lead to the program's source.


CHECK

Do it when the kit arrives, and twice a year. At night it can wait.

On Linux:

    $ sha256sum -c --quiet SHA256SUMS && echo every file is as it was made
    $ ssh-keygen -Y verify -f allowed_signers -I terminal \\
      -n {namespace} -s SHA256SUMS.sig < SHA256SUMS

The second one says "Good" and names a key, SHA256: and 43 characters.
Compare it with the one that was written down when the terminal was made, or
with what "breakglass kit" showed. Whoever changed this folder could change
the key that is in it, and this text, too: only what you have on paper counts.
A file that SHA256SUMS does not name is not of this kit.

With Python, where sha256sum is missing:

    $ python3 -c 'import hashlib; [print(d == hashlib.sha256(open(n, "rb")
      .read()).hexdigest(), n) for d, n in map(str.split, open("SHA256SUMS"))]'

Every line says True. On Windows, in PowerShell: Get-FileHash recover.html
On macOS: shasum -a 256 -c SHA256SUMS

With nothing at all: the sheets name the SHA-256 of both recovery files, on
the back. Those of this kit are

  recover.py
    {program}
  recover.html
    {page}

Sheets that were printed by another version of breakglass name others. They
are opened all the same; then the signature above is what vouches for a file.


INSTALL, WITHOUT A NETWORK

The wheels fit a machine with

{fits}

"python3 --version", "uname -m" and "ldd --version" say what yours has. Does
it have something else, then open the sheets with recover.py or recover.html.

    $ python3 -m venv ~/breakglass
    $ ~/breakglass/bin/python -m pip install --no-index --find-links wheels \\
      --require-hashes -r wheels/requirements.txt
    $ ~/breakglass/bin/breakglass --version

If the first line says that ensurepip is not available (Debian and Ubuntu
without the package python3-venv), remove ~/breakglass and type:

    $ python3 -m venv --without-pip ~/breakglass
    $ ~/breakglass/bin/python wheels/{installer}/pip \\
      install --no-index --find-links wheels \\
      --require-hashes -r wheels/requirements.txt
    $ ~/breakglass/bin/breakglass --version

If that fails as well, see runbooks/nothing-installs.md.

Then scan the sheets into a folder, here SCANS, and type:

  ~/breakglass/bin/breakglass init
  ~/breakglass/bin/breakglass recombine --scan SCANS

It asks for what is missing.
"""


def text(
    *, version: str, digests: dict[str, str], oldest_python: str, fits: Fits, installer: str, namespace: str
) -> str:
    """Return the text.

    Args:
        version: of this program.
        digests: SHA-256 of each recovery file, hexadecimal.
        oldest_python: that ``recover.py`` runs on.
        fits: which machines the wheels fit.
        installer: file name of pip's wheel.
        namespace: in which the checksums are signed.
    """
    machine = textwrap.fill(
        f"{fits.python} on {fits.system}", _WIDTH, initial_indent="  ", subsequent_indent="  ", break_long_words=False
    )
    return _TEXT.format(
        version=version, oldest=oldest_python, namespace=namespace, program=digests["recover.py"],
        page=digests["recover.html"], fits=machine, installer=installer,
    )  # fmt: skip
