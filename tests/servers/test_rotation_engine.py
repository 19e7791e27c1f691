# SPDX-License-Identifier: Apache-2.0
"""What the rotation engine decides: when to wait, when to try again, when to print anew, and when to stop and say so.

The program runs whole against a small server whose behaviour can be set (``toy_target``); paper is text.
"""

import shutil
import socket
from collections.abc import Iterator
from datetime import UTC, timedelta

import pytest
from fault_matrix import NAME, Ended, Matrix, World
from toy_target import ToyServer, soon

from breakglass_shamir.crypto.keys import Kind
from breakglass_shamir.custody.credential import Credential
from breakglass_shamir.custody.life.state import EpochStatus, Phase
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.records.epochs import Issued
from breakglass_shamir.custody.records.openings import Refused
from breakglass_shamir.custody.records.rotations import OldDead, Rejected, SessionsAwaited, SessionsEnded, Waited
from breakglass_shamir.formats.envelope import Checkpoint
from breakglass_shamir.formats.seal import Facts, seal
from breakglass_shamir.hygiene import Secret

OFFERS = ["toy=toy_target:ToyConnector", "toy-lasting=toy_target:ToyWithLogins"]


@pytest.fixture(scope="module")
def server() -> Iterator[ToyServer]:
    made = ToyServer("none yet")
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def follower(server: ToyServer) -> Iterator[ToyServer]:
    """A second endpoint, which copies what the first one knows."""
    made = ToyServer("", leader=server)
    made.start()
    yield made
    made.stop()


def world(server: ToyServer, scheme: str = "toy", rotation: str = "", wait: str = "1s") -> World:
    return World(
        scheme, f"{scheme}://{{address}}", "breakglass", ("127.0.0.1", server.port),
        lambda secret: server.become(secret.reveal().decode()),
        lambda secret: server.opens(secret.reveal().decode()),
        offers=OFFERS, rotation=rotation, wait=wait,
    )  # fmt: skip


@pytest.fixture(scope="module")
def plain(server: ToyServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    made = Matrix(world(server), tmp_path_factory.mktemp("plain"))
    yield made
    made.close()


@pytest.fixture
def lab(plain: Matrix) -> Matrix:
    plain.begin()
    return plain


@pytest.fixture(scope="module")
def lasting(server: ToyServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    made = Matrix(world(server, "toy-lasting"), tmp_path_factory.mktemp("lasting"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def pair(server: ToyServer, follower: ToyServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    rotation = f'endpoints = ["toy://127.0.0.1:{follower.port}"]'
    made = Matrix(world(server, rotation=rotation), tmp_path_factory.mktemp("pair"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def patient(server: ToyServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    """A set whose change waits for sessions longer than a test lasts."""
    made = Matrix(world(server, wait="1h"), tmp_path_factory.mktemp("patient"))
    yield made
    made.close()


def kinds(lab: Matrix, terminal: str = "home") -> list[str]:
    return [str(body.__struct_config__.tag) for body in lab.entries(terminal)]


def refused_logins(server: ToyServer) -> int:
    return len([good for _, good in server.attempts if not good])


def of(lab: Matrix, kind: type) -> list[object]:
    return [body for body in lab.entries() if isinstance(body, kind)]


class TestTheOldCredentialStillWorks:
    def test_the_grace_window_is_waited_out_and_recorded(self, lasting: Matrix, server: ToyServer) -> None:
        lasting.begin()
        server.grace_s = 1.5
        ended = lasting.rotate()
        assert ended.status == 0, ended.said
        (waited,) = (body for body in lasting.entries() if isinstance(body, Waited))
        assert waited.seconds >= 1
        assert "to be refused at toy-lasting://" in waited.what
        lasting.proven()

    def test_one_that_never_dies_is_said_and_left_for_later(self, lasting: Matrix, server: ToyServer) -> None:
        lasting.begin()
        server.grace_s = 1000
        ended = lasting.rotate()
        assert ended.status == 6
        assert "both credentials still work" in ended.said
        assert lasting.state().phase is Phase.APPLYING
        assert "old-dead" not in kinds(lasting)
        server.grace_s = 0
        assert lasting.bring_back(ended)[-1] == "rotate with both"
        lasting.proven()

    def test_a_refused_old_credential_is_not_waited_for(self, lasting: Matrix) -> None:
        lasting.begin()
        assert lasting.rotate().status == 0
        assert of(lasting, Waited) == []


class TestSeveralEndpoints:
    def test_the_lagging_one_is_waited_for(self, pair: Matrix, server: ToyServer, follower: ToyServer) -> None:
        pair.begin()
        follower.become("")
        follower.lag_s = 1.5
        ended = pair.rotate()
        assert ended.status == 0, ended.said
        (dead,) = (body for body in pair.entries() if isinstance(body, OldDead))
        assert len(dead.proofs) == 6
        assert any(f":{follower.port}: old: refused" in proof for proof in dead.proofs)
        assert refused_logins(follower) <= 3, "the new credential was tried over and over where it was not known yet"
        assert refused_logins(server) == 1

    def test_the_old_credential_is_not_dead_while_one_endpoint_takes_it(
        self, pair: Matrix, follower: ToyServer
    ) -> None:
        pair.begin()
        follower.become("")
        follower.stop()
        ended = pair.rotate(kill="before connector.check")
        assert ended.status < 0
        assert "old-dead" not in kinds(pair)
        follower.start()
        pair.scan(2)
        assert pair.rotate(scans=(1, 2)).status == 0
        pair.proven()


class TestTheTargetsRules:
    def test_a_credential_that_is_rejected_is_made_anew(self, lab: Matrix, server: ToyServer) -> None:
        server.min_length = 30
        ended = lab.rotate()
        assert ended.status == 0, ended.said
        assert [body.epoch for body in lab.entries() if isinstance(body, Issued)] == [1, 2, 3]
        assert len(of(lab, Rejected)) == 1
        numbers = {epoch.number: epoch.status for epoch in lab.state().epochs.values()}
        assert numbers == {1: EpochStatus.VOID, 2: EpochStatus.ABANDONED, 3: EpochStatus.GOOD}
        assert refused_logins(server) == 2
        lab.proven()

    def test_rules_that_nothing_fits_end_with_the_old_credential_alive(self, lab: Matrix, server: ToyServer) -> None:
        server.min_length = 500
        ended = lab.rotate()
        assert ended.status == 6
        assert "the target's rules do not take the new credential" in ended.said
        assert lab.look() == "old"
        assert lab.state().phase is Phase.ROTATION_DUE
        assert lab.state().prepared == ""
        server.min_length = 0
        lab.bring_back(ended)
        lab.proven()

    def test_a_cut_connection_never_voids_the_printed_epoch(self, lab: Matrix, server: ToyServer) -> None:
        server.min_length = 30
        proxy = lab.proxy
        assert proxy is not None
        ended = lab.rotate(proxy.arming("after send", 1), pauses=["before connector.rotate"])
        assert ended.status == 6
        assert of(lab, Rejected) == []
        assert lab.state().phase is Phase.APPLYING

    def test_rules_that_are_told_beforehand_are_kept_before_anything_is_printed(
        self, lab: Matrix, server: ToyServer
    ) -> None:
        server.needs = "+="
        ended = lab.rotate()
        assert ended.status == 0, ended.said
        assert [body.epoch for body in lab.entries() if isinstance(body, Issued)] == [1, 2]
        assert set("+=") & set(server.password)

    def test_a_minimum_age_prints_nothing_and_dates_the_debt(self, lab: Matrix, server: ToyServer) -> None:
        until = soon(30 * 3600)
        server.min_age_until = until
        ended = lab.rotate()
        assert ended.status == 6
        assert f"no change before {until:%Y-%m-%d %H:%M}" in ended.said
        assert not lab.sheets(2).exists()
        (debt,) = lab.state().rotation_debts
        assert timedelta(hours=53) < timedelta(seconds=debt.deadline_s) < timedelta(hours=55)
        assert f"no change before {until.astimezone(UTC):%Y-%m-%d}" in debt.what
        server.min_age_until = None
        lab.bring_back(ended)
        lab.proven()


class TestProbing:
    def test_a_whole_rotation_costs_one_refused_login(self, lab: Matrix, server: ToyServer) -> None:
        server.lock_after = 2
        assert lab.rotate().status == 0
        assert refused_logins(server) == 1

    @pytest.mark.parametrize("exchange", [0, 1])
    def test_an_ambiguous_failure_locks_nobody_out(self, lab: Matrix, server: ToyServer, exchange: int) -> None:
        server.lock_after = 2
        proxy = lab.proxy
        assert proxy is not None
        ended = lab.rotate(proxy.arming("after send", exchange), pauses=["before connector.rotate"])
        lab.bring_back(ended)
        lab.proven()

    def test_a_change_whose_answer_was_lost_is_found_by_asking_about_the_new_one_first(
        self, lab: Matrix, server: ToyServer
    ) -> None:
        proxy = lab.proxy
        assert proxy is not None
        ended = lab.rotate(proxy.arming("after send", 1), pauses=["before connector.rotate"])
        assert ended.status == 0, ended.said
        assert refused_logins(server) == 1, "only the proof that the old one is dead"
        lab.proven()

    def test_a_locked_account_is_not_asked_again(self, lab: Matrix, server: ToyServer) -> None:
        def lock(_name: str) -> None:
            server.lock_after = 1
            with socket.create_connection(("127.0.0.1", server.port)) as one, one.makefile("rwb") as file:
                file.write(b'{"op": "login", "password": "guess"}\n')
                file.flush()
                file.readline()
            server.attempts.clear()
            server.knocks = 0

        ended = lab.rotate(lock, pauses=["before connector.rotate"])
        assert ended.status == 6
        assert "locked" in ended.said
        assert server.attempts == []
        assert server.knocks == 2, "the change itself, and one look: then nothing more is asked"
        assert "old-dead" not in kinds(lab)
        assert lab.state().phase is Phase.APPLYING


class TestNeitherWorks:
    def test_it_is_said_with_the_second_account_and_recorded(self, lab: Matrix, server: ToyServer) -> None:
        ended = lab.rotate(lambda _name: server.become("somebody else's"), pauses=["before connector.rotate"])
        assert ended.status == 6
        assert "neither the old nor the new credential" in ended.said
        assert "get in with: envelope B, safe 2" in ended.hint
        assert [body.stage for body in lab.entries() if isinstance(body, Refused)] == ["apply", "neither-works"]
        assert lab.state().phase is Phase.APPLYING
        assert refused_logins(server) == 3, "the change itself, the new one, the old one: each once"


class TestSessions:
    def log_in(self, lab: Matrix, server: ToyServer) -> socket.socket:
        one = socket.create_connection(("127.0.0.1", server.port), timeout=10)
        one.sendall(b'{"op": "login", "password": "%s"}\n' % lab.secret.reveal())
        assert one.recv(100) == b"{}\n"
        return one

    def test_those_of_the_old_credential_are_ended_and_counted(self, lab: Matrix, server: ToyServer) -> None:
        with self.log_in(lab, server) as one:
            ended = lab.rotate()
            assert ended.status == 0, ended.said
            assert one.recv(100) == b""
        (done,) = (body for body in lab.entries() if isinstance(body, SessionsEnded))
        assert (done.count, done.failed) == (1, False)

    def test_the_change_waits_until_the_officers_have_logged_out(self, patient: Matrix, server: ToyServer) -> None:
        patient.begin()
        asked: list[bool] = []

        def log_out(_name: str) -> None:
            asked.append(server.opens(patient.secret.reveal().decode()))
            if len(asked) == 3:
                one.close()

        with self.log_in(patient, server) as one:
            ended = patient.rotate(log_out, pauses=["before connector.open_sessions"])
        assert ended.status == 0, ended.said
        assert "1 session; the change waits up to 1 h for them to log out" in ended.said
        assert asked == [True] * len(asked), "the old credential was changed under an officer's hands"
        assert len(asked) >= 3
        order = [kind for kind in kinds(patient) if kind in ("sessions-awaited", "applying", "sessions-ended")]
        assert order == ["sessions-awaited", "sessions-awaited", "applying", "sessions-ended"]
        waits = [body for body in patient.entries() if isinstance(body, SessionsAwaited)]
        assert [(body.count, body.for_s) for body in waits] == [(1, 3600), (0, 0)]

    def test_the_wait_is_bounded_and_what_is_left_is_ended(self, lab: Matrix, server: ToyServer) -> None:
        with self.log_in(lab, server) as one:
            ended = lab.rotate()
            assert ended.status == 0, ended.said
            assert one.recv(100) == b""
        assert "still logged in, and waited for no longer" in ended.said
        waits = [body for body in lab.entries() if isinstance(body, SessionsAwaited)]
        assert [(body.count, body.for_s) for body in waits] == [(1, 1), (1, 0)]

    def test_a_target_that_does_not_tell_holds_nothing_up(self, patient: Matrix) -> None:
        patient.begin()
        proxy = patient.proxy
        assert proxy is not None
        ended = patient.rotate(proxy.arming("before send", 0), pauses=["before connector.open_sessions"])
        assert ended.status == 0, ended.said
        assert "whether somebody is still logged in" in ended.said
        assert of(patient, SessionsAwaited) == []
        patient.proven()

    def test_a_kill_while_it_waits_leaves_the_old_credential_and_its_sheets(
        self, patient: Matrix, server: ToyServer
    ) -> None:
        patient.begin()
        with self.log_in(patient, server):
            assert patient.rotate(kill="after record sessions-awaited").status < 0
            assert patient.look() == "old"
        assert patient.state().phase is not Phase.APPLYING
        patient.scan(2)
        ended = patient.rotate(scans=(1, 2))
        assert ended.status == 0, ended.said
        patient.proven()

    def test_sessions_that_cannot_be_ended_are_owed(self, lab: Matrix, server: ToyServer) -> None:
        proxy = lab.proxy
        assert proxy is not None
        ended = lab.rotate(proxy.arming("before send", 1), pauses=["before connector.end_sessions"])
        assert ended.status == 0, ended.said
        assert "sessions of the account could not be ended" in ended.said
        (debt,) = lab.state().debts
        assert debt.kind == "sessions"
        settled = lab.run("settle", NAME, debt.id, "--officer", "Duty", "--reason", "none was there")
        assert settled.status == 0, settled.said
        assert lab.state().debts == ()


class TestAnotherTerminal:
    def blank(self, lab: Matrix) -> None:
        assert lab.run("init", "--terminal", "terminal two", terminal="other").status == 0

    @pytest.mark.parametrize("step", ["before connector.rotate", "after connector.rotate", "before record old-dead"])
    def test_a_blank_one_goes_on_from_the_sheets_of_both(self, lab: Matrix, step: str) -> None:
        assert lab.rotate(kill=step).status < 0
        shutil.rmtree(lab.folder / "home")
        self.blank(lab)
        lab.scan(2)
        ended = lab.rotate(scans=(1, 2), terminal="other")
        assert ended.status == 0, ended.said
        assert "a rotation that was begun elsewhere" in ended.said
        assert not list(lab.sheets(3).glob("*")), "nothing more was printed"
        lab.proven("other")

    def test_one_that_knows_the_set_takes_up_what_another_began(self, lab: Matrix) -> None:
        self.blank(lab)
        assert lab.rotate(terminal="other", kill="after connector.rotate").status < 0
        lab.scan(2)
        ended = lab.rotate(scans=(1, 2))
        assert ended.status == 0, ended.said
        lab.proven()

    def test_nothing_is_printed_to_follow_a_credential_that_the_target_refuses(
        self, lab: Matrix, server: ToyServer
    ) -> None:
        self.blank(lab)
        assert lab.rotate(terminal="other").status == 0
        other, before = server.password, refused_logins(server)
        ended = lab.rotate()
        assert ended.status == 6
        assert "the target refuses the credential of epoch 1" in ended.said
        assert "rotated elsewhere? bring the newest sheets" in ended.hint
        assert (server.password, refused_logins(server)) == (other, before + 1)
        assert not list(lab.sheets(3).glob("*"))
        assert lab.state().current_epoch.refused_at

    def test_the_second_of_two_is_refused_by_the_conditional_change(self, lab: Matrix, server: ToyServer) -> None:
        ended = lab.rotate(lambda _name: server.become("of another terminal"), pauses=["before connector.rotate"])
        assert ended.status == 6
        assert "rotated elsewhere? bring the newest sheets" in ended.hint
        assert server.password == "of another terminal"

    @pytest.mark.parametrize("brought", [(1, 2, 3), (1, 3)])
    def test_of_two_successors_the_one_that_the_target_takes_is_gone_on_with(
        self, lab: Matrix, server: ToyServer, brought: tuple[int, ...]
    ) -> None:
        living = self.interrupt_both(lab, server)
        mine = lab.state().prepared
        ended = lab.rotate(scans=brought)
        assert ended.status == 0, ended.said
        assert "another terminal rotated first" in ended.said
        assert server.password == living, "nothing was changed"
        assert lab.state().epochs[mine].status is EpochStatus.GOOD
        lab.proven()

    def test_two_that_do_not_work_are_not_all_there_is(self, lab: Matrix, server: ToyServer) -> None:
        living = self.interrupt_both(lab, server)
        ended = lab.rotate(scans=(1, 2))
        assert ended.status == 6
        assert "rotated elsewhere? bring the newest sheets" in ended.hint
        assert server.password == living
        assert lab.state().applying
        opened = self.emergency(lab, 3)
        assert "a fork: epoch 2" in opened.said

    @pytest.mark.parametrize("takes_it", [False, True])
    def test_sheets_that_a_stranger_made_as_a_successor_never_set_the_password(
        self, lab: Matrix, server: ToyServer, *, takes_it: bool
    ) -> None:
        old = server.password
        self.forge(lab, "chosen by a stranger")
        if takes_it:
            server.become("chosen by a stranger")  # whoever could do that had the old credential
        ended = lab.rotate(scans=(1, 2))
        if takes_it:
            assert ended.status == 0, ended.said
            return
        assert (ended.status, server.password) == (6, old), ended.said
        assert "which only its own sheets vouch for" in ended.said
        assert not lab.state().applying
        assert lab.rotate(scans=(1, 2)).status == 0, "the stranger's sheets count no more"
        assert server.password not in {old, "chosen by a stranger"}
        lab.proven()

    def forge(self, lab: Matrix, password: str) -> None:
        """Lay sheets on the scanner that anybody can make who has read the epoch id on one sheet."""
        state = lab.state()
        structure, uri = state.current_epoch.envelope.core.structure, policies.parse(state.policy_source).target.uri
        known = bytes.fromhex(state.current)
        facts = Facts(Kind.LIVE, NAME, 2, structure, bytes(32), Checkpoint(bytes(8), 0, bytes(32)), known)
        made = seal(facts, Credential(Secret(password.encode()), account="breakglass", target=uri).to_bytes())
        lab.scans(2).mkdir()
        for number, share in enumerate(made.shares):
            codes = "\n".join([share.to_text(), *made.envelope.to_codes()])
            (lab.scans(2) / f"{number}.txt").write_text(f"scanned\n{codes}\n")

    def interrupt_both(self, lab: Matrix, server: ToyServer) -> str:
        """Interrupt this terminal's rotation, and let the other one rotate; returns what lives."""
        self.blank(lab)
        assert lab.rotate(kill="before connector.rotate").status < 0
        assert lab.rotate(terminal="other").status == 0
        lab.scan(2)
        lab.scan(3)
        return server.password

    def emergency(self, lab: Matrix, number: int) -> Ended:
        debts = [word for debt in lab.state().debts for word in ("--debt", debt.id)]
        return lab.run(
            "recombine", NAME, "--class", "idp-outage", "--ticket", "T1", "--reason", "it is down", "--officer", "Duty",
            "--officer", "Second", "--scan", str(lab.scans(number)), "--no-reveal", *debts,
            "--override", "under-way", "--override-reason", "nobody works on it",
        )  # fmt: skip

    def test_a_fork_before_anything_was_applied_here_is_resolved(self, lab: Matrix) -> None:
        self.blank(lab)
        assert lab.rotate(kill="after record read-back").status < 0
        assert lab.rotate(terminal="other").status == 0
        lab.scan(3)
        ended = lab.rotate(scans=(1, 3), more=("--abandon",))
        assert ended.status == 0, ended.said
        assert "a fork" in ended.said
        lab.proven()
