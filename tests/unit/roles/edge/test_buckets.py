from __future__ import annotations

import re

import jinja2

from ansible_collections.echobase.platform.plugins.module_utils.traffic.weights import BUCKETS
from areas import CHECKOUT


def test_the_edge_has_the_buckets_that_weights_are_given_in() -> None:
    template = jinja2.Template((CHECKOUT / "roles/edge/templates/nginx/buckets.conf.j2").read_text(), trim_blocks=True)
    rendered = template.render(edge_topology={"client_cookie": "client"})
    buckets = re.findall(r"^ +(1%|\*) ([0-9]+);$", rendered, re.M)
    assert buckets == [*(("1%", str(bucket)) for bucket in range(BUCKETS - 1)), ("*", str(BUCKETS - 1))]
