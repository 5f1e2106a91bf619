from __future__ import annotations

from ansible_collections.echobase.platform.plugins.module_utils.images.official import OfficialImage, is_mark

DIGEST = f"sha256:{'0123456789abcdef' * 4}"
PROMETHEUS = OfficialImage("docker.io/prom/prometheus", "v2.53.5")


def test_the_engine_leaves_the_usual_registry_unspoken() -> None:
    assert PROMETHEUS.by(DIGEST) == f"docker.io/prom/prometheus@{DIGEST}"
    assert PROMETHEUS.as_engine_lists_it(DIGEST) == f"prom/prometheus@{DIGEST}"
    assert OfficialImage("docker.io/library/nginx", "1").as_engine_lists_it(DIGEST) == f"nginx@{DIGEST}"
    assert OfficialImage("registry.example.com/a/b", "1").as_engine_lists_it(DIGEST) == f"registry.example.com/a/b@{DIGEST}"


def test_a_registry_of_ones_own_has_the_image_under_its_usual_path() -> None:
    own = PROMETHEUS.at("registry.example.com:5000/mirror")
    assert own.tag == "registry.example.com:5000/mirror/prom/prometheus:v2.53.5"
    assert own.registry == "registry.example.com:5000"
    assert PROMETHEUS.at("") == PROMETHEUS


def test_our_mark_has_version_and_digest() -> None:
    assert PROMETHEUS.mark(DIGEST) == "v2.53.5-0123456789ab"
    assert is_mark(PROMETHEUS.mark(DIGEST))
    assert not is_mark("v2.53.5")
    assert not is_mark("0123456789ab")
