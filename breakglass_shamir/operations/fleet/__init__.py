# SPDX-License-Identifier: Apache-2.0
"""Many sets at once: sorted by themselves, each whole or not at all, and begun again where it was broken off.

What is done to one set is done by the use case for one; no rule of custody is made anew here.
"""
