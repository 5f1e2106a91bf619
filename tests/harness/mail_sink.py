"""A mail server that keeps what it is given: as much of SMTP as Alertmanager speaks, with a login."""

from __future__ import annotations

import base64
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message


@dataclass
class MailSink:
    port: int
    mails: list[Message] = field(default_factory=list)
    # User and password of each login.
    logins: list[tuple[str, str]] = field(default_factory=list)

    def texts(self) -> list[str]:
        """The readable part of each mail."""
        return [_text(mail) for mail in list(self.mails)]


def _text(mail: Message) -> str:
    for part in mail.walk():
        if part.get_content_type() == "text/plain":
            payload = part.get_payload(decode=True)
            assert isinstance(payload, bytes)
            return payload.decode()
    return ""


@contextmanager
def mail_sink(address: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> Iterator[MailSink]:
    """With `tls` it offers STARTTLS, and lets nobody log in without."""

    class Session(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self._say("220 sink")
            while line := self.rfile.readline():
                verb, _, rest = line.decode().strip().partition(" ")
                match verb.upper():
                    case "EHLO":
                        offered = "STARTTLS" if tls and not isinstance(self.connection, ssl.SSLSocket) else "AUTH PLAIN"
                        self._say(f"250-sink\r\n250 {offered}")
                    case "STARTTLS" if tls:
                        self._say("220 go on")
                        self.connection = tls.wrap_socket(self.connection, server_side=True)
                        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", buffering=0)
                    case "AUTH":
                        _, user, password = base64.b64decode(rest.split()[1]).decode().split("\0")
                        sink.logins.append((user, password))
                        self._say("235 welcome")
                    case "DATA":
                        self._say("354 go on")
                        sink.mails.append(message_from_bytes(self._data()))
                        self._say("250 taken")
                    case "QUIT":
                        self._say("221 bye")
                        return
                    case _:
                        self._say("250 ok")

        def _say(self, text: str) -> None:
            self.wfile.write(f"{text}\r\n".encode())

        def _data(self) -> bytes:
            lines = []
            while (line := self.rfile.readline()) not in (b".\r\n", b""):
                lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
            return b"".join(lines)

    server = socketserver.ThreadingTCPServer((address, 0), Session)
    server.daemon_threads = True
    sink = MailSink(server.server_address[1])
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield sink
    finally:
        server.shutdown()
        server.server_close()
