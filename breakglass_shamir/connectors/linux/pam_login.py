# SPDX-License-Identifier: Apache-2.0
"""A program of its own: one login through PAM, and one comparison with a stored hash.

It is run by ``linux_pam`` as ``python3 -I -S pam_login.py`` and imports nothing of ours, so that whatever a PAM module
does happens in a process that ends. Standard input is one JSON object: ``service``, ``account``, ``hash`` (what the
shadow file keeps) and ``password`` (base64). Standard output is one JSON object:

- ``step``: where PAM stopped, ``start``, ``authenticate`` or ``account``; and ``code``, what it returned there.
- ``text``: what PAM modules said.
- ``asked``: how often the password was asked for; ``more``: how many other questions there were.
- ``same``: whether the password is the one that the hash was made of; null if that cannot be told.

What it does not do: it opens no session, so that no home is mounted and no login recorded. It answers the first
question for a secret and no other one. The delay that modules ask for after a failure is left out: this is root.
"""

import base64
import ctypes
import json
import resource
import sys
import syslog
from typing import Any

PAM_SUCCESS = 0
PAM_BUF_ERR = 5
PAM_CONV_ERR = 19
PAM_PROMPT_ECHO_OFF, PAM_PROMPT_ECHO_ON = 1, 2
PR_SET_DUMPABLE = 4
"""prctl(2) option."""

PAM_FAIL_DELAY = 10
"""Item of pam_set_item(3): a function that is called instead of waiting."""

TEXT_MAX = 400
"""Characters of what modules said that are passed on."""


class Message(ctypes.Structure):
    """A question or a remark (pam_conv(3))."""

    _fields_ = (("style", ctypes.c_int), ("text", ctypes.c_char_p))


class Response(ctypes.Structure):
    """An answer; both it and its text are freed by PAM."""

    _fields_ = (("text", ctypes.c_void_p), ("code", ctypes.c_int))


CONVERSE = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.c_int,
    ctypes.POINTER(ctypes.POINTER(Message)),
    ctypes.POINTER(ctypes.POINTER(Response)),
    ctypes.c_void_p,
)
DELAY = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_uint, ctypes.c_void_p)


class Conversation(ctypes.Structure):
    """Whom PAM asks."""

    _fields_ = (("converse", CONVERSE), ("data", ctypes.c_void_p))


class Answers:
    """What PAM asked and was answered."""

    def __init__(self, password: bytes) -> None:
        self._password = password
        self._libc = ctypes.CDLL(None)
        self._libc.calloc.restype = ctypes.c_void_p
        self._libc.calloc.argtypes = (ctypes.c_size_t, ctypes.c_size_t)
        self._libc.strdup.restype = ctypes.c_void_p
        self._libc.strdup.argtypes = (ctypes.c_char_p,)
        self.asked, self.more = 0, 0
        self.texts: list[str] = []

    def converse(self, count: int, messages: Any, responses: Any, _data: Any) -> int:
        """Answer the first question for a secret; refuse every other one."""
        place = self._libc.calloc(count, ctypes.sizeof(Response))
        if not place:
            return PAM_BUF_ERR
        made = ctypes.cast(place, ctypes.POINTER(Response))
        for index in range(count):
            message = messages[index].contents
            if message.style == PAM_PROMPT_ECHO_OFF and not self.asked:
                self.asked += 1
                made[index].text = self._libc.strdup(self._password)
            elif message.style in (PAM_PROMPT_ECHO_OFF, PAM_PROMPT_ECHO_ON):
                self.more += 1
                return PAM_CONV_ERR
            else:
                self.texts.append((message.text or b"").decode(errors="backslashreplace"))
        responses[0] = made
        return PAM_SUCCESS


def login(service: str, account: str, answers: Answers) -> tuple[str, int]:
    """Log in as far as the account step; returns where it stopped and what PAM returned there."""
    pam = ctypes.CDLL("libpam.so.0")
    pam.pam_set_item.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)
    for name in ("pam_authenticate", "pam_acct_mgmt", "pam_end"):
        getattr(pam, name).argtypes = (ctypes.c_void_p, ctypes.c_int)
    conversation = Conversation(CONVERSE(answers.converse), None)
    no_delay = DELAY(lambda _code, _microseconds, _data: None)
    handle = ctypes.c_void_p()
    code = pam.pam_start(service.encode(), account.encode(), ctypes.byref(conversation), ctypes.byref(handle))
    if code != PAM_SUCCESS:
        return "start", code
    pam.pam_set_item(handle, PAM_FAIL_DELAY, ctypes.cast(no_delay, ctypes.c_void_p))
    step, code = "authenticate", pam.pam_authenticate(handle, 0)
    if code == PAM_SUCCESS:
        step, code = "account", pam.pam_acct_mgmt(handle, 0)
    pam.pam_end(handle, code)
    return step, code


def same(password: bytes, kept: str) -> bool | None:
    """Tell whether a hash was made of a password; None if this machine cannot tell (crypt(3))."""
    try:
        library = ctypes.CDLL("libcrypt.so.1")
    except OSError:
        return None
    library.crypt.restype = ctypes.c_char_p
    library.crypt.argtypes = (ctypes.c_char_p, ctypes.c_char_p)
    made = library.crypt(password, kept.encode())
    return None if made is None or made.startswith(b"*") else bool(made.decode() == kept)


def main() -> None:
    """Read the question, write the answer; leave no core file, and let nobody read the memory meanwhile."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    # What PAM says of this login in the system's log names this process, by which the watch knows it again.
    syslog.openlog("breakglass", syslog.LOG_PID, syslog.LOG_AUTHPRIV)
    question = json.load(sys.stdin)
    password = base64.b64decode(question["password"])
    answers = Answers(password)
    told: dict[str, Any] = {"step": "none", "code": PAM_SUCCESS}
    if question["service"]:
        told["step"], told["code"] = login(question["service"], question["account"], answers)
    told |= {"asked": answers.asked, "more": answers.more, "text": " ".join(answers.texts)[:TEXT_MAX]}
    told["same"] = same(password, question["hash"])
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main()
