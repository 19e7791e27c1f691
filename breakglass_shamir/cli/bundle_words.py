# SPDX-License-Identifier: Apache-2.0
"""What is said of bundles and collections that were verified: in lines for people, and as a document."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from breakglass_shamir.plural import counted

if TYPE_CHECKING:
    from breakglass_shamir.custody.life.across import Across
    from breakglass_shamir.operations.audit.bundle_verifying import Terminal, VerifiedBundles


def document(found: "VerifiedBundles") -> dict[str, Any]:
    """Return the document of ``audit verify --from``."""
    return {
        "terminals": [_terminal(one) for one in found.terminals],
        "sets": found.sets,
        "open": found.open,
        "witnesses": found.witnesses,
    }


def _terminal(one: "Terminal") -> dict[str, Any]:
    source, report = one.source, one.report
    return {
        "terminal": source.terminal, "log": source.log_id, "fingerprint": source.fingerprint, "trust": source.trust,
        "known_by": source.known_by, "bundles": [bundle.source for bundle in source.log.bundles], "first": one.first,
        "last": one.last, "records": one.records, "size": one.size, "withheld": one.size - one.records,
        "root": one.root, "rules": one.rules, "signatures": one.signatures, "receipts": one.receipts,
        "gaps": source.gaps, "passed_gates": report.passed_gates if report else [],
        "full": report.checked.full if report else True, "recordings": one.recordings,
        "cosigned": one.cosigned,
    }  # fmt: skip


def lines(found: "VerifiedBundles") -> list[str]:
    """Return what people read of ``audit verify --from``."""
    from breakglass_shamir.cli.audit_verify import witness_words

    said = [line for one in found.terminals for line in _of_terminal(one)]
    said += [line for one in found.sets for line in _of_set(one)]
    said += [witness_words(one) for one in found.witnesses]
    return said + [f"open   {words}" for words in found.open]


def _of_terminal(one: "Terminal") -> Iterator[str]:
    source = one.source
    yield f"terminal {source.terminal}, log {source.log_id}: {one.in_words()}"
    yield f"  {source.trust_in_words}"
    yield f"  tree root {one.root}, of {counted(one.size, 'record')}"
    signatures, receipts = counted(one.signatures, "signature"), counted(one.receipts, "receipt")
    yield f"  {signatures} by quorums and people; {receipts} in the bundle"
    if one.recordings:
        heads = counted(one.recordings, "head")
        yield f"  recordings of uses: {heads}; they are in no bundle, and are verified where they lie"
    for bundle in source.log.bundles:
        head = bundle.head
        asked = " ".join(
            f"{word} {value}"
            for word, value in (("set", head.set), ("since", head.since), ("until", head.until))
            if value
        )
        of = f", of {asked}" if asked else ""
        if bundle.cosigned:
            yield f"  {bundle.source}: read {head.time}; {counted(bundle.records, 'record')}"
            yield f"  cosigned {bundle.cosigned}; {counted(one.cosigned or 0, 'cosigned checkpoint')} verified"
            continue
        yield f"  {bundle.source}: made {head.time}{of}; {counted(bundle.records, 'record')}"
        if head.set:
            yield (
                f"  that what is withheld from {head.first} to {head.last} is of other sets than {head.set} is the "
                "terminal's word"
            )
    if one.report:
        if not one.report.checked.full:
            yield f"  checked by sample: of the terminal's own signatures {one.report.checked.terminal_signatures}"
        yield from (f"PASSED  {passed.in_words()}" for passed in one.report.passed_gates)


def _of_set(one: "Across") -> Iterator[str]:
    yield f"set {one.name}, at {', '.join(one.terminals)}:"
    for epoch in one.epochs:
        parts = [f"  epoch {epoch.number} ({epoch.short_id}): {epoch.vouched}"]
        parts += [f"in force at {', '.join(epoch.in_force_at)}"] if epoch.in_force_at else []
        parts += [f"void at {', '.join(epoch.void_at)}"] if epoch.void_at else []
        yield "; ".join(parts)
