# SPDX-License-Identifier: Apache-2.0
"""Recipes: how a credential gets into the program that logs in, so that the person has the keyboard.

``catalogue`` says which there are.
"""
