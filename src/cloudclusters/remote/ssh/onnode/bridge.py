"""Carry bytes between our standard streams and the Unix socket that is named: for an sshd that forwards none."""

import os
import select
import socket
import sys


def main(path: str, probe: str = "") -> None:
    """Until either side ends; with `probe` only see whether somebody listens."""
    talk = socket.socket(socket.AF_UNIX)
    os.chdir(os.path.dirname(path))  # noqa: PTH120  names of sockets are short
    talk.connect(os.path.basename(path))  # noqa: PTH119
    while not probe:
        ready = select.select([0, talk.fileno()], [], [])[0]
        if 0 in ready:
            data = os.read(0, 65536)
            if not data:
                return
            talk.sendall(data)
        if talk.fileno() in ready:
            data = talk.recv(65536)
            if not data:
                return
            while data:
                data = data[os.write(1, data) :]


if __name__ == "__main__":
    main(*sys.argv[1:])
