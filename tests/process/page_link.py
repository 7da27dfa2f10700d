"""Looks at a page twenty times a second, and tells when the link that it shows changes."""

import json
import re
import signal
import sys
import threading
import urllib.request
from time import monotonic


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    shown, pause = "", threading.Event()
    while not pause.wait(0.05):
        with urllib.request.urlopen(sys.argv[1], timeout=5) as answer:
            [link] = re.findall(r'data-link="(\w+)"', answer.read().decode())
        if link != shown:
            shown = link
            print(json.dumps({"kind": "Link", "at": monotonic(), "status": link}), flush=True)


if __name__ == "__main__":
    main()
