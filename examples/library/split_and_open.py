# SPDX-License-Identifier: Apache-2.0
"""In memory: a credential into an envelope and shares, their texts into a pool, and the credential out of it.

No home, no terminal, no clock, no file. The opening leaves no record: the module that does it is called ``hazmat``.
"""

from breakglass_shamir import Credential, Group, Pool, Secret, Structure, errors, hazmat, split


def main() -> None:
    credential = Credential(Secret(b"correct horse battery"), account="root", target="ssh-key:///srv/id_recovery")
    sealed = split(credential, Structure(1, (Group(3, 5),)), set_name="recovery-key")
    envelope, sheets = sealed.envelope.to_codes(), [share.to_text() for share in sealed.shares]
    print(f"{len(sheets)} shares, opened by {sealed.envelope.core.structure.in_words()}")

    pool = Pool(pinned=[sealed.envelope])
    misread = sheets[0][:40] + "?" + sheets[0][41:]
    for text in [misread, sheets[0], *envelope, sheets[2], "not ours"]:
        answer = pool.add(text)
        print(f"{answer.verdict}: {answer.message}")
    try:
        pool.quorum()
    except errors.InsufficientShares as error:
        print(f"refused: {error}")

    for line in sealed.shares[4].to_lines():
        for answer in pool.type_line(line):
            print(f"{answer.verdict}: {answer.message}")
    print(f"sheets {', '.join(pool.quorum().sheets)} open it")
    opened = hazmat.open_without_record(pool)
    print(f"the same credential: {opened == credential}; nobody else knows of it")
    opened.secret.wipe()


if __name__ == "__main__":
    main()
