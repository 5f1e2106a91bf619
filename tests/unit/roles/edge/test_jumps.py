"""The numbers by which the edge's nginx jumps: jumps.j2 names each, the templates use its names, and every jump has a place to go."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest

from harness.edge_under_test import ROLE, EdgeUnderTest, edge_facts

TEMPLATES = ROLE / "templates"
LEGEND = TEMPLATES / "nginx" / "jumps.j2"
NUMBER = re.compile(r"\b47\d\b")
NAMED = {int(number) for number in re.findall(r"^{% set \w+ = (\d+) -%}$", LEGEND.read_text(), re.MULTILINE)}


def servers(path: Path) -> list[str]:
    """The configuration with all that an option adds, cut at its servers: a jump stays within one."""
    options = {"edge_operators_on_public": True, "edge_http3": True, "edge_brotli": True}
    configuration = EdgeUnderTest(edge_facts(path, "jumps", 30480, "127.99"), "nginx", options).render("nginx.conf.j2")
    return re.sub(r"#.*", "", configuration).split("\n    server {")[1:]


def numbers(directive: str, server: str) -> set[int]:
    return {int(number) for number in re.findall(rf"\b{directive} (47\d)\b", server)}


def test_the_legend_names_every_number_that_is_used_and_no_other(tmp_path: Path) -> None:
    assert {number for server in servers(tmp_path) for number in numbers("return", server)} == NAMED
    assert {number for server in servers(tmp_path) for number in numbers("error_page", server)} == NAMED


def test_each_number_has_one_name_and_one_line_that_says_what_it_means() -> None:
    lines = LEGEND.read_text().splitlines()
    meanings = [before for before, line in pairwise(lines) if line.startswith("{% set ")]
    assert len(NAMED) == len(meanings) == len(set(meanings))
    assert all(re.fullmatch(r"{# [A-Z].+\. -#}", meaning) for meaning in meanings)


def test_each_jump_has_a_place_to_go_in_its_server(tmp_path: Path) -> None:
    for server in servers(tmp_path):
        assert numbers("return", server) <= numbers("error_page", server)


@pytest.mark.parametrize("template", sorted(TEMPLATES.rglob("*.j2")), ids=lambda template: template.name)
def test_templates_write_names(template: Path) -> None:
    assert template == LEGEND or not NUMBER.search(template.read_text())
