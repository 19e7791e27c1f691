# SPDX-License-Identifier: Apache-2.0
"""Where scans and typed lines come from: files, folders, a camera, a keyboard.

It hands texts to the pool and says what each was; it opens nothing.
"""
