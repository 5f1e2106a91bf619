"""The container's health check: it fails unless the emulator answers."""

from urllib.request import urlopen

with urlopen("http://127.0.0.1:4566/health", timeout=2) as answer:
    answer.read()
