"""What is the same inside all of our containers: the numbers of their users, and where the authority's certificate lies.

The images say the same in their own files, which cannot import this one; tests/unit/images/test_inside.py compares them.
"""

from __future__ import annotations

ROOT = 0
# Every database server and every tool that reads or writes its files.
DATABASE = 999
NGINX = 101
# The application's programs in a colour, the migrations and the operators' desk.
APPLICATION = 10001
# Whatever watches: collector, stores, exporters, console.
OBSERVER = 10002

# The certificate of the environment's own authority: a program that calls another one learns here whom to trust.
AUTHORITY_FILE = "/run/tls-ca/ca.crt"
# The certificate of the authority that vouches for a database of somebody else's, and for nothing of ours.
DATABASE_AUTHORITY_FILE = "/run/tls-ca/database.crt"


def user_and_group(number: int) -> str:
    """Gives user and group in the Docker engine's form. In our images a user's group has the user's number."""
    return f"{number}:{number}"
