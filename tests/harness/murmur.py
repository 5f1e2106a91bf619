"""nginx's split_clients in Python: MurmurHash2 of the text, divided into 100 equal parts."""

from __future__ import annotations

_M = 0x5BD1E995
_MASK = 0xFFFFFFFF


def murmur2(data: bytes) -> int:
    value = len(data)
    whole = len(data) // 4 * 4
    for position in range(0, whole, 4):
        block = int.from_bytes(data[position : position + 4], "little") * _M & _MASK
        block = (block ^ block >> 24) * _M & _MASK
        value = (value * _M & _MASK) ^ block
    rest = data[whole:]
    if rest:
        value = (value ^ int.from_bytes(rest, "little")) * _M & _MASK
    value = (value ^ value >> 13) * _M & _MASK
    return value ^ value >> 15


def bucket_of(client: str) -> int:
    # nginx rounds each part's upper bound down.
    value = murmur2(client.encode())
    return next((bucket for bucket in range(99) if value < (bucket + 1) * (0xFFFFFFFF // 100)), 99)
