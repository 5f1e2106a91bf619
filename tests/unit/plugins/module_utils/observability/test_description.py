from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment, environment
from ansible_collections.echobase.platform.plugins.module_utils.observability.description import Description, Engine

ENGINE = Engine(105, "1.41")
FILES = {"prometheus.yml": "global: {}\n", "rules/slo.yml": "groups: []\n", "jaeger.yaml": "service: {}\n"}
TEXT = """
name: echobase-test-observability
x-common: &common
  labels: {{io.echobase.environment: test, io.echobase.configuration: "@configuration@"}}
services:
  prometheus:
    <<: *common
    container_name: p
    volumes:
      - {home}/observability/prometheus.yml:/etc/prometheus.yml:ro
      - {home}/observability/rules:/etc/rules:ro
      - p-data:/data
  jaeger:
    <<: *common
    container_name: j
    volumes: ["{home}/observability/jaeger.yaml:/etc/jaeger.yaml:ro", "{home}/tls/observability:/run/tls:ro"]
  exporter:
    <<: *common
    container_name: e
    volumes: ["{home}/secrets/observability:/run/secrets:ro", "{home}/tls/ca.crt:/run/ca.crt:ro"]
  engine-view:
    <<: *common
    container_name: v
    group_add: ["@engine_group@"]
    environment: {{API: "@engine_api@"}}
volumes:
  p-data: {{name: p-data, external: true}}
  view: {{name: view}}
"""


@pytest.fixture
def env(tmp_path: Path) -> Environment:
    made = environment("test", str(tmp_path))
    for name, content in {"secrets/observability/password": "one", "tls/ca.crt": "ca", "tls/observability/tls.crt": "leaf"}.items():
        path = Path(made.path(name))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return made


def described(env: Environment, files: Mapping[str, str] = FILES, engine: Engine = ENGINE) -> Description:
    return Description(env, TEXT.format(home=env.home), files, engine)


def changed(before: Description, after: Description) -> list[str]:
    return [name for name, digest in after.digests.items() if before.digests[name] != digest]


def test_what_did_not_change_keeps_its_digest(env: Environment) -> None:
    assert changed(described(env), described(env)) == []


@pytest.mark.parametrize(
    ("files", "concerned"),
    [
        ({"prometheus.yml": "other"}, ["p"]),
        ({"rules/slo.yml": "other"}, ["p"]),
        ({"rules/new.yml": "other"}, ["p"]),
        ({"jaeger.yaml": "other"}, ["j"]),
        ({"of_nobody.yml": "other"}, []),
    ],
)
def test_a_file_concerns_who_reads_it_alone(env: Environment, files: dict[str, str], concerned: list[str]) -> None:
    assert changed(described(env), described(env, FILES | files)) == concerned


@pytest.mark.parametrize(
    ("name", "concerned"),
    # Whoever has the certificate reads it again by itself.
    [("secrets/observability/password", ["e"]), ("tls/ca.crt", ["e"]), ("tls/observability/tls.crt", [])],
)
def test_another_secret_or_authority_makes_its_reader_anew(env: Environment, name: str, concerned: list[str]) -> None:
    before = described(env).digests
    Path(env.path(name)).write_text("another")
    after = described(env).digests
    assert [name for name in after if before[name] != after[name]] == concerned


def test_another_engine_concerns_who_asks_it(env: Environment) -> None:
    assert changed(described(env), described(env, engine=Engine(105, "1.44"))) == ["v"]


def test_the_file_for_compose_has_each_digest_and_what_is_known_of_the_engine(env: Environment) -> None:
    description = described(env)
    content = yaml.safe_load(description.compose)
    assert {service["container_name"]: service["labels"]["io.echobase.configuration"] for service in content["services"].values()} == (
        description.digests
    )
    assert content["services"]["engine-view"]["group_add"] == ["105"]
    assert content["services"]["engine-view"]["environment"] == {"API": "1.41"}
    assert "&" not in description.compose and "x-common" not in content


def test_only_what_was_recorded_is_made_before(env: Environment) -> None:
    assert described(env).volumes == ["p-data"]


def test_a_file_that_a_user_named_is_known_and_its_content_counts(env: Environment, tmp_path: Path) -> None:
    token = tmp_path / "elsewhere" / "token"
    token.parent.mkdir()
    text = TEXT.replace('["{home}/observability/jaeger.yaml', f'["{token}:/run/secrets/token:ro", "{{home}}/observability/jaeger.yaml')

    def described_now() -> Description:
        made = Description(env, text.format(home=env.home), FILES, ENGINE)
        # The files are read now.
        assert made.digests
        return made

    missing = described_now()
    assert missing.given_files == [("jaeger", token)]
    token.write_text("one")
    one = described_now()
    assert changed(missing, one) == ["j"]
    token.write_text("two")
    assert changed(one, described_now()) == ["j"]
    assert described(env).given_files == []
