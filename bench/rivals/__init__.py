"""The edge and those it is compared with: each listens on the same port, in front of the same two colours."""
