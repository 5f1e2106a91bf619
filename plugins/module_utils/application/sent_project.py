"""A Compose file on another machine than the host: the files that Compose reads are sent there, and what it says of them is told back.

Compose runs on the host, so that a controller needs none, and the same version reads the file whoever deploys. It resolves the file in a
folder that mirrors the controller's, which is gone afterwards: all paths in its answer are the controller's.
"""

from __future__ import annotations

import base64
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.base.byte_size import MIB, told_size
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal

# They are arguments of a task: what is large belongs into an image.
_MOST = 2 * MIB
_VARIABLE = re.compile(r"\$(?:\{(?P<braced>\w+)(?::?-(?P<default>[^}]*))?[^}]*\}|(?P<plain>\w+))")
_YAML = (".yml", ".yaml")
_LONGEST_PATH = 1024


def files_to_send(file: Path, variables: Mapping[str, str]) -> dict[str, str]:
    """The files that the Compose file may name, by their absolute paths, as base64: itself, `.env`, and every file beside it that
    one of its texts names. One too many does no harm, and of one that is missing Compose complains. Of secrets only paths are told.
    """
    import yaml  # noqa: PLC0415 - the controller has it, with Ansible

    found: dict[str, str] = {}
    left = [file.absolute()]
    while left:
        path = left.pop()
        if str(path) in found:
            continue
        content = path.read_bytes()
        found[str(path)] = base64.b64encode(content).decode()
        if path.suffix not in _YAML and path != file.absolute():
            continue
        settings = path.parent / ".env"
        known = {**_settings(settings), **variables}
        try:
            documents = list(yaml.load_all(content, Loader=_loader(yaml)))
        except (yaml.YAMLError, UnicodeDecodeError):
            # Compose says what is wrong with it, and where.
            continue
        named = {_beside(path, text) for text in _texts(documents, known) if _may_be_a_path(text)}
        left.extend(one for one in sorted({settings, *named}) if one.is_file())
    _refuse_much(file, found)
    return found


def _may_be_a_path(text: str) -> bool:
    """An absolute path in the file is the host's own."""
    return 0 < len(text) < _LONGEST_PATH and not text.startswith("/") and text.isprintable()


def _beside(file: Path, text: str) -> Path:
    # Not resolved: Compose, too, follows `..` by name.
    return Path(os.path.normpath(file.parent / text))


def _settings(file: Path) -> dict[str, str]:
    if not file.is_file():
        return {}
    pairs = (line.partition("=") for line in file.read_text(encoding="utf-8", errors="replace").splitlines() if not line.startswith("#"))
    return {name.strip(): value.strip().strip("\"'") for name, sign, value in pairs if sign}


def _texts(node: Any, known: Mapping[str, str], key: str = "") -> Iterator[str]:
    if isinstance(node, Mapping):
        for name, value in node.items():
            # Secrets stay where they are until they are asked for, and never lie in a folder of the host.
            if not (key == "" and name == "secrets"):
                yield from _texts(value, known, str(name))
    elif isinstance(node, list):
        for value in node:
            yield from _texts(value, known, key)
    elif isinstance(node, str):
        yield _VARIABLE.sub(lambda found: known.get(found["braced"] or found["plain"], found["default"] or ""), node)


def _loader(yaml: Any) -> Any:
    """Compose's own tags, such as `!reset`, are no texts that name files."""

    class Loader(yaml.SafeLoader):  # type: ignore[misc]
        pass

    Loader.add_multi_constructor("!", lambda loader, suffix, node: None)
    return Loader


def _refuse_much(file: Path, found: Mapping[str, str]) -> None:
    size = sum(len(content) for content in found.values())
    if size > _MOST:
        largest = max(found, key=lambda name: len(found[name]))
        raise Refusal(
            f"{file} names files of {told_size(size)}, the largest of which is {largest}",
            "copy large files into an image: only small ones are read beside the Compose file",
        )


@contextmanager
def unpacked(files: Mapping[str, str]) -> Iterator[Path]:
    """A folder in which the files lie under their absolute paths; without files it is the machine's own root."""
    if not files:
        yield Path("/")
        return
    with tempfile.TemporaryDirectory(prefix="echobase-compose-") as name:
        # Compose tells paths without links.
        root = Path(name).resolve()
        for path, content in files.items():
            target = root / path.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(base64.b64decode(content))
        yield root


def with_paths_of_the_controller(node: Any, root: Path) -> Any:
    """The same with paths as they are where the files came from."""
    if root == Path("/"):
        return node
    if isinstance(node, Mapping):
        return {name: with_paths_of_the_controller(value, root) for name, value in node.items()}
    if isinstance(node, list):
        return [with_paths_of_the_controller(value, root) for value in node]
    return node.replace(str(root), "") if isinstance(node, str) else node
