"""A DNS server that has one address for every name, and writes each name down.

    dns_server.py ADDRESS ANSWER FILE

Answers queries for A with ANSWER, others with nothing; FILE gets a line a query.
"""

import socket
import struct
import sys
from pathlib import Path


def name_of(query: bytes) -> tuple[str, int]:
    """Return the name that a query asks for, and where in it the name ends."""
    labels, place = [], 12
    while query[place]:
        labels.append(query[place + 1 : place + 1 + query[place]].decode())
        place += 1 + query[place]
    return ".".join(labels), place + 1


def answer_to(query: bytes, address: str) -> tuple[str, bytes]:
    """Return the name that is asked for, and the answer."""
    name, end = name_of(query)
    (kind,) = struct.unpack_from("!H", query, end)
    found = kind == 1
    head = query[:2] + struct.pack("!5H", 0x8180, 1, found, 0, 0)
    record = struct.pack("!3HIH", 0xC00C, 1, 1, 60, 4) + socket.inet_aton(address)
    return name, head + query[12 : end + 4] + record * found


def main(address: str, answer: str, file: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((address, 53))
        Path(file).touch()
        while True:
            query, client = server.recvfrom(4096)
            name, reply = answer_to(query, answer)
            with Path(file).open("a") as log:
                log.write(f"{client[0]} {name}\n")
            server.sendto(reply, client)


main(*sys.argv[1:])
