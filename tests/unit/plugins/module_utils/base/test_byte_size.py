from __future__ import annotations

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.base.byte_size import byte_size
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal


@pytest.mark.parametrize(("text", "size"), [("1024", 1024), ("512k", 512 << 10), ("64M", 64 << 20), ("1g", 1 << 30), ("2GB", 2 << 30)])
def test_sizes_as_docker_writes_them(text: str, size: int) -> None:
    assert byte_size(text, "some_option") == size


@pytest.mark.parametrize("text", ["", "much", "1.5g", "-1g", "0", "1 g", "1x"])
def test_what_is_no_size_is_named_with_its_option(text: str) -> None:
    with pytest.raises(Refusal, match=f"some_option is '{text}', which is no size"):
        byte_size(text, "some_option")
