"""Send a model's answer while it is written, and read what may be passed on while it is looked at.

`eyelid serve`, then `python stream.py http://127.0.0.1:8400`. The standard library is enough: one thread sends lines,
another one reads events of the same connection.
"""

import http.client
import json
import sys
import threading
import time
from collections.abc import Iterator
from urllib.parse import urlsplit


def model() -> Iterator[str]:
    """Whatever writes the answer, piece by piece."""
    for word in ("Boil the egg for seven minutes, then cool it in cold water. " * 10).split(" "):
        time.sleep(0.01)
        yield f"{word} "


def send(connection: http.client.HTTPConnection, prompt: str) -> None:
    for line in ({"prompt": prompt}, *({"text": piece} for piece in model())):
        data = json.dumps(line).encode() + b"\n"
        connection.send(b"%x\r\n%s\r\n" % (len(data), data))
    connection.send(b"0\r\n\r\n")


def events(answer: http.client.HTTPResponse) -> Iterator[tuple[str, dict[str, object]]]:
    name = ""
    for line in answer:
        key, _, value = line.decode().rstrip("\n").partition(": ")
        if key == "event":
            name = value
        elif key == "data":
            yield name, json.loads(value)


url = urlsplit(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8400")
connection = http.client.HTTPConnection(str(url.hostname), url.port, timeout=60)
connection.putrequest("POST", "/v1/stream")
connection.putheader("Content-Type", "application/x-ndjson")
connection.putheader("Transfer-Encoding", "chunked")
connection.endheaders()
threading.Thread(target=send, args=(connection, "How do I boil an egg?"), daemon=True).start()

outcome = None
for name, data in events(connection.getresponse()):
    if name == "text":
        print(data["text"], end="", flush=True)
    elif name == "outcome":
        outcome = data
# An answer that breaks off without an outcome is a failed look.
print(f"\n[{outcome['action']}]" if outcome else "\n[failed]")
