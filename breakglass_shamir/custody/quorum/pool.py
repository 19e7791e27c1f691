# SPDX-License-Identifier: Apache-2.0
"""From a heap of untrusted scans to a quorum.

:class:`Pool` takes texts in any order and answers each at once; :meth:`Pool.quorum` is the only way to a
:class:`Quorum`, and a quorum holds only shares that match their commitments or, where only a typed core is
there, that combine to the key the epoch id names.

Rules:

1. No scan ends the session: whatever is wrong with it is said, and the next one is welcome.
2. A share of a known epoch is checked against the envelope the ledger pins, at once. A share without an
   envelope waits; when its envelope comes it is checked, and a wrong one is named.
3. Surplus shares help; a wrong share among right ones is named and left out.
4. Of two valid envelopes under one epoch id the one that the ledger pins counts; the other is named and left out.
   Where nothing pins one, two are an integrity error.
5. A share of another kind, a void epoch or a voided sheet never counts.
6. A core without proofs never stands against an envelope or against what the ledger pins: one that differs is
   named and left out, and is an integrity error only if it opens too.
7. A share that can be read in several ways names no set; it counts once something confirms one reading.
8. What was read can be taken over by another pool, which judges it anew.

This module does not decide whether an unknown epoch may be opened; it only tells them apart.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from operator import methodcaller
from types import MappingProxyType

from breakglass_shamir.crypto.keys import Kind
from breakglass_shamir.custody.quorum import typed_line
from breakglass_shamir.custody.quorum.answer import Answer, Verdict
from breakglass_shamir.custody.quorum.bucket import Bucket, Readings
from breakglass_shamir.custody.quorum.known import Known
from breakglass_shamir.custody.quorum.quorum import Quorum
from breakglass_shamir.custody.quorum.scanner import Scanner
from breakglass_shamir.custody.quorum.tally import Tally, tally_of
from breakglass_shamir.errors import (
    BreakglassError,
    DecryptionFailed,
    EnvelopeConflict,
    InsufficientShares,
    MalformedText,
    MissingEnvelope,
    MixedShares,
    ShareMismatch,
    UnconfirmedMaster,
    UnsupportedVersion,
    VoidShare,
)
from breakglass_shamir.formats import keyboards, share, text
from breakglass_shamir.formats.core import FIRST_LINE, Core
from breakglass_shamir.formats.envelope import PREFIX as ENVELOPE_PREFIX
from breakglass_shamir.formats.envelope import Envelope, EnvelopeReader
from breakglass_shamir.formats.share import PREFIX as SHARE_PREFIX
from breakglass_shamir.formats.share import ReadShare, Share
from breakglass_shamir.formats.structure import Seat
from breakglass_shamir.plural import counted

_RIVAL = (
    "is valid but not the one that this ledger pins: somebody with a quorum signed a second one; it is left out, keep "
    "the page"
)
_COMPLETE_BY_TYPING = "type the lines of this sheet that can still be read, one may be enough: together they count"
_OVERRIDE_VOID = "an emergency may pass with --override void --override-reason R"
_OTHER_KEYBOARD = (
    "perhaps a code of ours, scanned on another keyboard: set scanner and machine to the US layout, and scan it again"
)
_NO_ENVELOPE = (
    "read whole; now the envelope of its set: scan the large code of any sheet, or type lines 5, 6, 7 and on from the "
    "back of any sheet"
)
_ALTERED = "the sheets combine, but the typed envelope is not the one that was printed: a line of it is wrong"
_NOT_COMBINING = "enough sheets, but they do not combine: one of them, or a typed line of the envelope, is wrong"


_MOST_TAKEN = 10_000
"""Codes and lines that another pool can take over; more are read again."""

_MOST_HINDRANCES = 3
"""Scans that could not be read and are named in a last message."""


class Pool:
    """Collects scans until they make a quorum."""

    def __init__(
        self,
        known: Mapping[bytes, Known],
        *,
        set_name: str = "",
        kind: Kind = Kind.LIVE,
        in_custody: bool = False,
        also: Collection[bytes] = (),
        void_too: bool = False,
        past_too: bool = False,
        read_back: Mapping[bytes, Collection[Seat]] = MappingProxyType({}),
    ) -> None:
        """Start empty.

        Args:
            known: the ledger's epochs, by epoch id.
            set_name: only this set counts; empty: the sheets say which.
            kind: live, or drill for a rehearsal.
            in_custody: to read sheets back; a printed epoch counts before it is in force.
            also: epochs that count although they are not in force.
            void_too: an emergency overrides that sheets or their epoch were voided.
            past_too: it overrides that another epoch has followed theirs.
            read_back: sheets that were read back before, of each epoch of which people bring all; of the others they
                bring a quorum.
        """
        self._known = known
        self._set_name = set_name
        self._kind = kind
        self.noun = "sheet" if kind is Kind.LIVE else "drill card"
        """What people call what they bring."""

        self._in_custody = in_custody
        self._also = also
        self._void_too = void_too
        self._past_too = past_too
        self._read_back = read_back
        self._taken: list[Callable[[Pool], Answer]] = []
        """Gives another pool what was read, in its order; secret."""

        self._envelopes = EnvelopeReader()
        self._scanner = Scanner()
        self._buckets: dict[bytes, Bucket] = {}
        self._undecided: list[Readings] = []
        self._void: dict[bytes, Known] = {}
        self._voided: dict[bytes, set[Seat]] = {}
        self.fragments: list[str] = []
        """Symbols of share codes that were too damaged, ``?`` where unreadable; secret."""

        self.loose_lines: list[dict[int, str]] = []
        """Typed lines that were too few for a share, by number; secret."""

        self._hindrances: list[str] = []
        self._more_hindrances = 0
        self.refused_past: set[bytes] = set()
        """Epochs of which sheets were left out because another epoch has followed them."""

        self.rivals: list[str] = []
        """What was said of envelopes that are not the pinned one, for the record."""

        self.read_envelopes: list[Envelope] = []
        """Every different envelope that was read, of whichever set and epoch: each remembers a ledger."""

        for epoch_id, epoch in known.items():
            pinned = epoch.envelope
            self._buckets[epoch_id] = Bucket(pinned) if isinstance(pinned, Envelope) else Bucket(pinned=pinned)

    def hindered(self, words: str) -> None:
        """Note why a scan, or a part of it, could not be read: a last message then says that, and guesses nothing."""
        if words in self._hindrances:
            return
        if len(self._hindrances) < _MOST_HINDRANCES:
            self._hindrances.append(words)
        else:
            self._more_hindrances += 1

    @property
    def taken(self) -> int:
        """How many codes, shares and envelopes were read, whatever they were worth."""
        return len(self._taken)

    def take_over(self, other: "Pool") -> None:
        """Take what another pool read, and judge it anew."""
        for give in [*other._taken]:
            give(self)

    def add(self, code: str) -> Answer:
        """Take one scanned or typed text and say what it is. Never raises for what was scanned."""
        try:
            meant = self._scanner.meant(code)
        except MalformedText as error:
            return Answer(Verdict.DAMAGED, f"a code of ours: {error}")
        if meant is not None:
            answer = self.add(meant)
            return replace(answer, message=f"{answer.message}{self._scanner.said()}")
        head = code.strip()[: len(SHARE_PREFIX)].upper()
        try:
            if head == SHARE_PREFIX:
                return self._add_code(code)
            if head == ENVELOPE_PREFIX:
                return self._kept(self._add_envelope(code), methodcaller("add", code))
        except BreakglassError as error:
            return Answer(Verdict.DAMAGED, f"a code of ours, but damaged: {error}")
        if keyboards.PREFIX.match(code.strip()):
            return Answer(Verdict.DAMAGED, _OTHER_KEYBOARD)
        return Answer(Verdict.FOREIGN, "a code that is not one of ours")

    def _add_code(self, code: str) -> Answer:
        """Take a share's code; of one that is not certain, take all that it may be."""
        try:
            found = share.from_text(code)
        except (MalformedText, UnsupportedVersion) as error:
            return self._add_damaged(code, error)
        return self.add_share(*(share.relaxed_from_text(code) if found.provisional else [found]))

    def _add_damaged(self, code: str, error: BreakglassError) -> Answer:
        """Take a share's code that is refused: keep it for typed lines to complete, and try what it may be."""
        symbols = share.fragment(code)
        if symbols is None:
            raise error
        self.fragments.append(symbols)
        self._keep(methodcaller("add", code))
        for lines in self.loose_lines:
            for _, read in typed_line.completed(lines, [symbols]):
                return self.add_share(read)
        readings = share.relaxed_from_text(code)
        answer = self.add_share(*readings) if readings else None
        if answer is not None and answer.verdict is not Verdict.WRONG:
            return answer
        return Answer(Verdict.DAMAGED, f"a share code, but too damaged by itself: {error}; {_COMPLETE_BY_TYPING}")

    def add_share(self, read: ReadShare, *others: ReadShare) -> Answer:
        """Take one share, as read, with the other ways in which it may be read.

        A provisional reading, or one of several, counts once a commitment or a quorum confirms it.
        """
        return self._kept(self._add_share(read, *others), methodcaller("add_share", read, *others))

    def add_core(self, core: Core) -> Answer:
        """Take a core without proofs, as it is typed."""
        return self._kept(self._add_core(core), methodcaller("add_core", core))

    def _add_share(self, read: ReadShare, *others: ReadShare) -> Answer:
        readings = tuple(one for one in (read, *others) if one.share.kind is self._kind)
        if not readings:
            return self._wrong_kind(read.share)
        if read.provisional or others:
            return self._add_undecided(readings)
        found = read.share
        return self._refusal(found) or self._place(self._buckets.setdefault(found.epoch_id, Bucket()), readings)

    def _add_core(self, core: Core) -> Answer:
        name = f"the envelope's lines, epoch {core.epoch} of {self._name(core.epoch_id)}"
        if core.kind is not self._kind:
            return Answer(Verdict.DRILL, f"{name}, are {core.kind.word}: not what is needed here")
        bucket = self._buckets.setdefault(core.epoch_id, Bucket())
        if core == bucket.core or core in bucket.cores:
            return Answer(Verdict.SEEN, f"{name}: known", epoch_id=core.epoch_id)
        bucket.cores.append(core)
        if bucket.envelope or bucket.pinned:
            message = f"{name}, differ from the envelope already known; they are left out"
            return Answer(Verdict.CONFLICT, message, epoch_id=core.epoch_id)
        bucket.waiting += self._decided(core.epoch_id)
        rival = ", and differ from those typed before: the shares will tell which are right" if bucket.cores[1:] else ""
        message = f"{name}: read{rival}; without the envelope code only a quorum can verify them"
        return self._with_cores(bucket, core.epoch_id, Answer(Verdict.ENVELOPE, message, epoch_id=core.epoch_id))

    def add_possible_cores(self, cores: Sequence[Core], rows: Mapping[int, str]) -> Answer:
        """Take what damaged lines of a core may mean, to be tried; the lines can be typed again."""
        return self._kept(self._add_possible(cores, rows), methodcaller("add_possible_cores", cores, rows))

    def _add_possible(self, cores: Sequence[Core], rows: Mapping[int, str]) -> Answer:
        mine = [core for core in cores if core.kind is self._kind]
        epoch_ids = dict.fromkeys(core.epoch_id for core in mine)
        known = [e for e in epoch_ids if (b := self._buckets.get(e)) and (b.envelope or b.pinned or b.cores)]
        if known:
            return Answer(Verdict.SEEN, f"the envelope of {self._name(known[0])} is known, these lines are not needed")
        message = (
            "the lines of the envelope do not hold together as they were typed, and one that checks may be wrong: "
            f"what they may mean is tried when a quorum is there ({len(mine)})"
        )
        answer = Answer(Verdict.UNSURE, message)
        for epoch_id in epoch_ids:
            bucket = self._buckets.setdefault(epoch_id, Bucket())
            bucket.guesses = [core for core in mine if core.epoch_id == epoch_id]
            bucket.guessed_from = dict(rows)
            bucket.waiting += self._decided(epoch_id)
            answer = self._with_cores(bucket, epoch_id, answer) if bucket.waiting else answer
        return answer

    def have(self, epoch_id: bytes) -> tuple[Seat, ...]:
        """Return the seats of an epoch whose shares were accepted."""
        bucket = self._buckets.get(epoch_id)
        return tuple(sorted(bucket.shares)) if bucket else ()

    def epochs(self) -> tuple[bytes, ...]:
        """Return the ids of the epochs of which there is anything."""
        return tuple(self._buckets)

    def lacks_envelope(self) -> bool:
        """Tell whether shares were read of which nothing is there that opens with them."""
        return bool(self._undecided) or any(b.waiting and b.core is None for b in self._buckets.values())

    def tallies(self) -> tuple[Tally, ...]:
        """Count what is in and what is missing, of each epoch that is awaited or of which a sheet was read."""
        found = (
            tally_of(bucket, self._known.get(epoch_id), self._before(epoch_id))
            for epoch_id, bucket in self._buckets.items()
            if bucket.seats() or self._is_awaited(epoch_id)
        )
        return tuple(tally for tally in found if tally is not None)

    def unplaced(self) -> int:
        """Return how many shares wait for an envelope."""
        return len(self._undecided) + sum(len(b.waiting) for b in self._buckets.values() if b.core is None)

    def complete(self) -> bool:
        """Tell whether a quorum is there."""
        return any(bucket.is_quorum() for bucket in self._buckets.values())

    def quorum(self, epoch_id: bytes | None = None) -> Quorum:
        """Return the quorum; a known epoch comes before an unknown one.

        Args:
            epoch_id: only this epoch; None: whichever is complete.

        Raises:
            InsufficientShares: with what is there and what is needed.
            MissingEnvelope: shares but no envelope.
            UnconfirmedMaster, DecryptionFailed: only a typed core, and the shares do not confirm it.
            EnvelopeConflict: two valid envelopes under one epoch id.
        """
        wanted = {epoch_id: self._buckets.get(epoch_id, Bucket())} if epoch_id else self._buckets
        complete = [(e, b) for e, b in wanted.items() if b.is_quorum()]
        complete.sort(key=lambda pair: (self._rank(pair[0]), pair[1].envelope is None))
        if not complete:
            raise self._insufficient(wanted)
        found, bucket = complete[0]
        if bucket.conflict or bucket.sealed_twice():
            raise EnvelopeConflict(
                f"two different valid envelopes carry the epoch id {text.short_id(found)}",
                hint="somebody with a quorum signed the second one; keep the page, and scan again without it",
            )
        core = bucket.core
        assert core is not None  # noqa: S101 - is_quorum() requires it
        known = self._known.get(found)
        name = known.set_name if known else bucket.envelope.set_name if bucket.envelope else ""
        shares = tuple(bucket.shares.values())
        return Quorum(core, shares, known is not None, name, bucket.set_public_key, bucket.envelope)

    def _keep(self, again: Callable[["Pool"], Answer]) -> None:
        """Keep what was read for another pool."""
        if len(self._taken) < _MOST_TAKEN:
            self._taken.append(again)

    def _kept(self, answer: Answer, again: Callable[["Pool"], Answer]) -> Answer:
        """Keep what was read, unless it was seen before; returns its answer."""
        if answer.verdict is not Verdict.SEEN:
            self._keep(again)
        return answer

    def _before(self, epoch_id: bytes) -> Collection[Seat] | None:
        """Return which sheets of an epoch were read back before; None where a quorum is enough."""
        return self._read_back.get(epoch_id)

    def _is_awaited(self, epoch_id: bytes) -> bool:
        """Tell whether people are expected to bring sheets of an epoch: it counts, and no other set may be meant."""
        known = self._known.get(epoch_id)
        if known is None or not self._counts(epoch_id, known):
            return False
        if len(self._before(epoch_id) or ()) == known.envelope.core.structure.sheets:
            return False
        sets = {one.set_name for other, one in self._known.items() if self._counts(other, one)}
        return known.set_name == self._set_name or (not self._set_name and len(sets) == 1)

    def _counts(self, epoch_id: bytes, known: Known) -> bool:
        return epoch_id in self._also or (known.good if self._in_custody else known.openable)

    def _rank(self, epoch_id: bytes) -> int:
        """Order quorums: what may be alive comes before what an override let in, and both before the unknown."""
        known = self._known.get(epoch_id)
        return 2 if known is None else 0 if known.openable else 1

    def _add_envelope(self, code: str) -> Answer:
        envelope = self._envelopes.add(code)
        if envelope is None:
            return Answer(Verdict.ENVELOPE, f"part of an envelope; still missing: {self._envelopes.missing()}")
        epoch_id = envelope.core.epoch_id
        name = f"the envelope of {envelope.set_name}, epoch {envelope.core.epoch}"
        if envelope.core.kind is not self._kind:
            return Answer(Verdict.DRILL, f"{name}, is {envelope.core.kind.word}: not what is needed here")
        if envelope not in self.read_envelopes:
            self.read_envelopes.append(envelope)
        bucket = self._buckets.setdefault(epoch_id, Bucket())
        pinned = bucket.pinned and (bucket.pinned.core, bucket.pinned.set_public_key)
        if bucket.envelope is None and pinned in (None, (envelope.core, envelope.set_public_key)):
            sheets = bucket.take_envelope(envelope) + self._decided(epoch_id)
            wrong = [
                a.message for a in (self._place(bucket, one) for one in sheets) if a.verdict is not Verdict.ACCEPTED
            ]
            if any(core != envelope.core for core in bucket.cores):
                wrong.append("the lines typed before differ from it and are left out")
            return Answer(Verdict.ENVELOPE, "; ".join([f"{name}: read", *wrong]), epoch_id=epoch_id)
        if bucket.envelope is None or bucket.envelope.to_bytes() != envelope.to_bytes():
            if self._is_pinned(epoch_id):
                self.rivals.append(f"{name}, {_RIVAL}")
                return Answer(Verdict.CONFLICT, self.rivals[-1], epoch_id=epoch_id)
            bucket.conflict = True
            return Answer(Verdict.CONFLICT, f"{name}, differs from the one already known", epoch_id=epoch_id)
        return Answer(Verdict.SEEN, f"{name}: known", epoch_id=epoch_id)

    def _is_pinned(self, epoch_id: bytes) -> bool:
        """Tell whether the ledger knows which envelope of an epoch is the right one."""
        known = self._known.get(epoch_id)
        return known is not None and known.pinned and isinstance(known.envelope, Envelope)

    def _decided(self, epoch_id: bytes) -> list[Readings]:
        """Take out the shares that may be of an epoch now that something can confirm them."""
        mine = [one for one in self._undecided if any(read.share.epoch_id == epoch_id for read in one)]
        self._undecided = [one for one in self._undecided if one not in mine]
        return mine

    def _add_undecided(self, readings: Readings) -> Answer:
        """Take a share that can be read in several ways, or in none for certain."""
        able = [
            (read, bucket) for read in readings if (bucket := self._buckets.get(read.share.epoch_id)) and bucket.core
        ]
        if able:
            read, bucket = next((pair for pair in able if pair[1].holding(pair[:1])), able[0])
            ordered = (read, *(other for other in readings if other is not read))
            return self._refusal(read.share) or self._place(bucket, ordered)
        if readings in self._undecided:
            return Answer(Verdict.SEEN, "seen already")
        self._undecided.append(readings)
        return Answer(Verdict.WAITING, f"a share, {_NO_ENVELOPE}")

    def _place(self, bucket: Bucket, readings: Readings) -> Answer:
        """Put a share into its bucket and say what became of it."""
        if bucket.envelope is not None or bucket.confirmed is not None:
            return self._check(bucket, readings)
        if any(_same(readings, other) for other in bucket.waiting):
            return Answer(Verdict.SEEN, "seen already")
        bucket.waiting.append(readings)
        found = readings[0].share
        if bucket.core is None:
            return Answer(Verdict.WAITING, f"share {found.public_id}: {_NO_ENVELOPE}", read=readings[0])
        sheet = f"{found.group}.{found.member}"
        message = (
            f"sheet {sheet} of {self._name(found.epoch_id)}, epoch {bucket.core.epoch}: read{_repairs(readings[0])}"
        )
        answer = Answer(Verdict.UNVERIFIED, message, sheet, found.epoch_id, readings[0])
        return self._with_cores(bucket, found.epoch_id, answer)

    def _with_cores(self, bucket: Bucket, epoch_id: bytes, answer: Answer) -> Answer:
        """Look for a quorum that confirms a typed core, and add to an answer what came of it."""
        wrong = bucket.try_cores()
        core = bucket.core
        if bucket.confirmed is not None:
            right = ", ".join(f"{group}.{member}" for group, member in sorted(bucket.shares))
            stranger = [] if epoch_id in self._known else ["this terminal does not know the set"]
            rows = [
                f"sheets {right} open it",
                *stranger,
                *(f"share {share.public_id} is wrong and left out" for share in wrong),
                *self._said_of_lines(bucket),
            ]
            verdict = Verdict.ACCEPTED if epoch_id in self._known else Verdict.UNKNOWN
            return replace(answer, verdict=verdict, message="; ".join([answer.message, *rows]))
        if core is None or not bucket.waiting:
            return answer
        note = "" if answer.verdict is Verdict.ENVELOPE else ", verified when a quorum is there"
        if core.structure.is_quorum(bucket.seats()):
            note = f"; {_ALTERED if bucket.altered else _NOT_COMBINING}"
        return replace(answer, message=f"{answer.message}{note} ({self._progress(bucket)})")

    def _said_of_lines(self, bucket: Bucket) -> list[str]:
        """Say once in which lines of the core the reading that opens differs from what was typed."""
        core, rows = bucket.core, bucket.guessed_from
        if core is None or core not in bucket.guesses:
            return []
        bucket.guesses, bucket.guessed_from = [], {}
        return [f"the envelope's {said}" for said in typed_line.repairs(rows, core.to_lines(), FIRST_LINE)]

    def _check(self, bucket: Bucket, readings: Readings) -> Answer:
        """Hold a share against its envelope's commitment, or against the quorum that confirmed a core."""
        core, known = bucket.core, self._known.get(readings[0].share.epoch_id)
        assert core is not None  # noqa: S101 - the callers look first
        set_name = known.set_name if known else bucket.envelope.set_name if bucket.envelope else ""
        if self._set_name and set_name and set_name != self._set_name:
            return Answer(Verdict.OTHER_SET, f"a sheet of {set_name}: another set, not {self._set_name}")
        read = bucket.holding(readings)
        if read is None:
            return self._wrong(bucket, readings[0].share)
        found = read.share
        seat, sheet = (found.group, found.member), f"{found.group}.{found.member}"
        if seat in bucket.shares:
            return Answer(Verdict.SEEN, f"{self.noun} {sheet}: seen already", sheet, found.epoch_id)
        bucket.shares[seat] = found
        if bucket.envelope is None:
            bucket.waiting.append(readings)
        word = "verified" if self._in_custody else "accepted"
        name = f"{self.noun} {sheet} of {set_name or self._name(found.epoch_id)}, epoch {core.epoch}"
        message = f"{name}: {word}{_repairs(read)} ({self._progress(bucket)})"
        if known is None:
            message = f"{message}; this terminal does not know the {self._unknown(set_name)}"
            return Answer(Verdict.UNKNOWN, message, sheet, found.epoch_id, read)
        return Answer(Verdict.ACCEPTED, message, sheet, found.epoch_id, read)

    def _unknown(self, set_name: str) -> str:
        """Say what of an unknown epoch is new here: the epoch, or the whole set."""
        of_set = any(known.set_name == set_name for known in self._known.values())
        return f"epoch, but others of {set_name}" if of_set else "set"

    def _wrong(self, bucket: Bucket, found: Share) -> Answer:
        """Say why a share does not hold."""
        problem = f"share {found.public_id} does not combine with the sheets that open: it was altered or misread"
        if bucket.envelope is not None:
            try:
                bucket.envelope.check_share(found)
            except (ShareMismatch, MixedShares) as error:
                problem = str(error)
        elif not bucket.uses_group(found.group):
            problem = f"share {found.public_id} is not needed, and nothing can verify it"
        return Answer(Verdict.WRONG, f"{problem}; it is left out", f"{found.group}.{found.member}", found.epoch_id)

    def _refusal(self, found: Share) -> Answer | None:
        """Say why a share of a known epoch does not count, or None when it does."""
        known = self._known.get(found.epoch_id)
        if known is None:
            return None
        sheet = f"{found.group}.{found.member}"
        name = f"{self.noun} {sheet} of {known.set_name}, epoch {known.number}"
        if self._set_name and known.set_name != self._set_name:
            return Answer(Verdict.OTHER_SET, f"{name}: another set, not {self._set_name}", sheet, found.epoch_id)
        counts = self._counts(found.epoch_id, known)
        if not (counts or (self._past_too if known.past else self._void_too)):
            self._void[found.epoch_id] = known
            if known.past:
                self.refused_past.add(found.epoch_id)
            return Answer(Verdict.VOID, f"{name}: {known.state}; it opens nothing", sheet, found.epoch_id)
        if self._void_too:
            return None
        reason = known.voided.get((found.group, found.member))
        if reason is not None:
            self._voided.setdefault(found.epoch_id, set()).add((found.group, found.member))
            day = known.voided_on.get((found.group, found.member))
            when = f" on {day}" if day else ""
            return Answer(Verdict.VOID, f"{name}: this sheet was voided{when} ({reason})", sheet, found.epoch_id)
        return None

    def _wrong_kind(self, found: Share) -> Answer:
        if found.kind is Kind.DRILL:
            return Answer(Verdict.DRILL, "a drill code, not the live one: the live code is on the sheet in the bag")
        seat = f"{found.group}.{found.member}"
        return Answer(Verdict.LIVE, f"a live code in a drill: put sheet {seat} into a new bag, it was exposed", seat)

    def _name(self, epoch_id: bytes) -> str:
        """Name a set by what the ledger or the envelope calls it, else by its epoch id."""
        known, bucket = self._known.get(epoch_id), self._buckets.get(epoch_id)
        envelope = bucket.envelope if bucket else None
        return known.set_name if known else envelope.set_name if envelope else f"set {text.short_id(epoch_id)}"

    def _progress(self, bucket: Bucket) -> str:
        assert bucket.core is not None  # noqa: S101 - the callers look first
        structure = bucket.core.structure
        seats = bucket.shares if bucket.envelope or bucket.confirmed else bucket.seats()
        if self._in_custody:
            return f"{len(bucket.shares)} of {structure.sheets} sheets"
        rows = []
        for number, group in enumerate(structure.groups, 1):
            held = len([seat for seat in seats if seat[0] == number])
            more = f" and {held - group.threshold} more" if held > group.threshold else ""
            where = f" in group {number}" if len(structure.groups) > 1 else ""
            rows.append(f"{min(held, group.threshold)} of {group.threshold}{more}{where}")
        return ", ".join(rows)

    def _insufficient(self, wanted: Mapping[bytes, Bucket]) -> BreakglassError:
        partly = [bucket for bucket in wanted.values() if bucket.core and bucket.seats()]
        if partly:
            return self._not_enough(max(partly, key=lambda bucket: len(bucket.seats())))
        if self._void:
            return self._only_void()
        if self._undecided or any(bucket.waiting for bucket in wanted.values()):
            how = "" if self._hindrances else ", closer and in better light"
            return MissingEnvelope(
                "shares were read, but no envelope: its code is the large one on every sheet",
                hint=f"scan the large code of any sheet{how}, or type the lines on its back{self._not_read('; ')}",
            )
        return InsufficientShares(
            "no quorum: no share that counts was read",
            hint=self._not_read("") or "scan the sheets flat and in even light, one page at a time",
        )

    def _not_read(self, before: str) -> str:
        """Name what could not be read; empty where everything could."""
        if not self._hindrances:
            return ""
        more = f"; and {self._more_hindrances} more" if self._more_hindrances else ""
        return f"{before}not read: {'; '.join(self._hindrances)}{more}"

    def _not_enough(self, best: Bucket) -> BreakglassError:
        """Say what is missing of the epoch of which most was read."""
        assert best.core is not None  # noqa: S101 - the caller filtered
        structure = best.core.structure
        if best.envelope is not None or not best.may_be_quorum():
            hint = "bring more sheets of the same set and epoch, and scan them all in one go"
            if structure.is_quorum({*best.seats(), *self._voided.get(best.core.epoch_id, ())}):
                hint = f"{hint}; {_OVERRIDE_VOID}"
            return InsufficientShares(
                f"no quorum: expected {structure.in_words()}, got {self._progress(best)}",
                hint=f"{hint}{self._not_read('; ')}",
            )
        hint = "scan an envelope code, so that the wrong sheet can be named, or type the lines again"
        if best.altered:
            return DecryptionFailed(_ALTERED, hint="type the lines of the envelope again, or scan an envelope code")
        return UnconfirmedMaster(_NOT_COMBINING, hint=hint)

    def _only_void(self) -> VoidShare:
        """Say that every sheet was of an epoch that opens nothing, and which sheets to bring."""
        said = ", ".join(f"epoch {known.number} of {known.set_name} is {known.state}" for known in self._void.values())
        names = {known.set_name for known in self._void.values()}
        living = [k for k in self._known.values() if k.openable and k.set_name in names]
        hint = "; ".join(f"bring the sheets of epoch {known.number} of {known.set_name}" for known in living)
        return VoidShare(f"these sheets open nothing: {said}", hint=hint or _OVERRIDE_VOID)


def _repairs(read: ReadShare) -> str:
    return f", {counted(len(read.repaired), 'character')} repaired" if read.repaired else ""


def _same(readings: Readings, other: Readings) -> bool:
    """Tell whether two sheets are the same reading of one share."""
    return [read.share for read in readings] == [read.share for read in other]
