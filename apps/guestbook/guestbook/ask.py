"""The health check: exit code 0 when the address in the first argument answers 200."""

import sys
from urllib.request import urlopen

with urlopen(sys.argv[1], timeout=4) as answer:
    sys.exit(answer.status != 200)
