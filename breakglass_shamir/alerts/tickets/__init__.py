# SPDX-License-Identifier: Apache-2.0
"""Systems that keep tickets: how each is asked about one, and how it takes a note.

All of it goes over the one HTTP client there is, or to a program of the operator's.
"""
