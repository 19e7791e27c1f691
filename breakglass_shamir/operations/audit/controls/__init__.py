# SPDX-License-Identifier: Apache-2.0
"""Controls of standards, and what a log says of each: it holds, it is open, or there is no evidence.

What is judged is the records of a time; nothing here reads a store, and a standard's own text stands in no file of it.
"""
