# SPDX-License-Identifier: Apache-2.0
"""What a command shows in a use: run, heard, masked, kept in segments that hang together, and read again.

No key that a person presses is kept, and nothing here may end a use or hold it up.
"""
