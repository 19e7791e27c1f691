# SPDX-License-Identifier: Apache-2.0
"""What appears on a terminal and what is read from one: the only room that prints.

It holds no command and calls no operation.
"""
