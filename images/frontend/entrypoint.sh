#!/bin/sh
# The configuration is rendered into /tmp, the only place which may be written, and names no value of another shape.
set -eu

script=''
for name in ECHOBASE_COLOUR ECHOBASE_RELEASE ECHOBASE_VERSION GATEWAY_HOST ECHOBASE_PUBLISHED_8443; do
    value=$(printenv "$name") || { echo "frontend: $name is not set; give it to the container" >&2; exit 64; }
    case $value in
        '' | *[!A-Za-z0-9._-]*) echo "frontend: $name is '$value'; use letters, digits, '.', '_' and '-' only" >&2; exit 64 ;;
    esac
    script="$script;s|\${$name}|$value|g"
done
sed "${script#;}" /etc/nginx/frontend.conf.template >/tmp/nginx.conf

exec nginx -e /dev/stderr -c /tmp/nginx.conf -g 'daemon off;' "$@"
