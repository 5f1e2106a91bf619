#!/bin/bash
# The server listens on its socket only once InnoDB has recovered, so an answer there means it is up.
# The official image's script takes the same options; ours has one answer for all of them.
exec mariadb-admin --protocol=socket --user=mysql --connect-timeout=4 --silent ping
