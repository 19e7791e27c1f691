# SPDX-License-Identifier: Apache-2.0
"""What is asked at a declaration and regularly: the probes of a policy, and its system of tickets.

All are asked side by side, with one end for all.
"""
