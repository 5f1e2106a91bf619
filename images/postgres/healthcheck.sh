#!/bin/bash
# The server answers on its socket only once recovery is over, so an answer there means it is up.
exec pg_isready --quiet --host=/run/postgresql --username=postgres --timeout=4
