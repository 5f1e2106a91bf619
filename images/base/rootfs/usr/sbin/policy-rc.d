#!/bin/sh
# A container starts its own process; packages must not start services while they are installed.
exit 101
