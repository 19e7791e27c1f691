#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Hand one passphrase to ssh-keygen. Standard input is a sequenced-packet socket: one read takes one answer.
# dd moves it untouched, so no shell variable, argument, file or quoting rule ever holds it.
# The word sent back tells that the answer was handed over in full.
dd bs=1023 count=1 2>/dev/null && printf given >&0
