"""Reads a practice mailbox with poplib, by XOAUTH2, and deletes its first letter."""

import poplib
import ssl
import sys

port, ca, token = sys.argv[1:]
client = poplib.POP3("localhost", int(port), timeout=20)
client.stls(context=ssl.create_default_context(cafile=ca))
assert "XOAUTH2" in client.capa()["SASL"], client.capa()
assert client._shortcmd("AUTH XOAUTH2").startswith(b"+"), "the server asks for the token"
assert client._shortcmd(token) == b"+OK User successfully authenticated."
count, _ = client.stat()
print(count, "letters")
names = [line.split()[1] for line in client.uidl()[1]]
print(len(set(names)), "names")
_, lines, _ = client.retr(1)
_, top, _ = client.top(1, len(lines))
assert any(line.startswith(b"Message-ID:") for line in lines), lines
print("same bytes" if top == lines else "other bytes")
client.dele(1)
client.quit()
