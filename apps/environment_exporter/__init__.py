"""What the environment's own files say, as metrics for Prometheus: traffic, releases, backups, certificates.

`python -m environment_exporter` serves HTTPS. It only reads, as a user who owns nothing, in a container with these mounts, all read-only:

{{ home }}/routes             /environment/routes    the routing table: what the edge's workers see
{{ home }}/metrics            /environment/metrics   what module_utils/environment/published.py lays there: ledger, lease, backups, work
{{ home }}/tls                /environment/tls       certificates; their keys are closed to this user
{{ home }}/tls/observability  /run/tls               its own certificate and key

Folders are mounted and never files, since whoever writes puts a new file in the old one's place.
"""

PORT = 9469
