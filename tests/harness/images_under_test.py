"""The image tags that the tests run: built once by the collection's own module, or named by ECHOBASE_IMAGE_<NAME>."""

from __future__ import annotations

import os
from functools import cache

from harness.module_runner import run_module


@cache
def image_tag(name: str) -> str:
    named = os.environ.get(f"ECHOBASE_IMAGE_{name.upper()}")
    if named:
        return named
    result = run_module("images", {"names": [name]})
    return str(result["tags"][name])
