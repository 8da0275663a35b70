"""Records which packets leave through any interface of this network namespace, until its input ends.

Prints one line for each conversation: protocol, from, to, packets, bytes. Ports that a program was given by the system
are written as *, so that many connections of one kind are one line.
"""

import collections
import select
import socket
import struct
import sys

ETH_P_ALL = 3
PROTOCOLS = {1: 'icmp', 6: 'tcp', 17: 'udp', 58: 'icmp6'}
# What Linux gives out by itself begins here.
EPHEMERAL = 32768


def address(host: str, port: int | None) -> str:
    if port is None:
        return host
    return f'{host}:{"*" if port >= EPHEMERAL else port}'


def conversation(frame: bytes) -> tuple[str, str, str] | None:
    """Protocol, source and destination of an Ethernet frame; None for what is no IP."""
    kind = struct.unpack_from('!H', frame, 12)[0]
    if kind == 0x0800:
        protocol, start = frame[23], 14 + 4 * (frame[14] & 15)
        source = socket.inet_ntop(socket.AF_INET, frame[26:30])
        target = socket.inet_ntop(socket.AF_INET, frame[30:34])
    elif kind == 0x86DD:
        protocol, start = frame[20], 54
        source = socket.inet_ntop(socket.AF_INET6, frame[22:38])
        target = socket.inet_ntop(socket.AF_INET6, frame[38:54])
    else:
        return None
    ports: tuple[int | None, int | None] = (None, None)
    if protocol in (6, 17) and len(frame) >= start + 4:
        ports = struct.unpack_from('!HH', frame, start)
    name = PROTOCOLS.get(protocol, str(protocol))
    return name, address(source, ports[0]), address(target, ports[1])


def main() -> None:
    # As large as the system lets it be: a recorder that drops would prove nothing.
    raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.ntohs(ETH_P_ALL))
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024 * 1024)
    print('recording', flush=True)
    seen: dict[tuple[str, str, str], list[int]] = collections.defaultdict(lambda: [0, 0])
    while True:
        ready, _, _ = select.select([raw, sys.stdin], [], [])
        if raw in ready:
            frame, info = raw.recvfrom(262144)
            if info[2] == socket.PACKET_OUTGOING:
                key = conversation(frame)
                if key is not None:
                    seen[key][0] += 1
                    seen[key][1] += len(frame)
        elif sys.stdin in ready:
            break
    # struct tpacket_stats: packets, drops.
    dropped = struct.unpack('II', raw.getsockopt(263, 6, 8))[1]
    for (protocol, source, target), (packets, size) in sorted(seen.items()):
        print(protocol, source, target, packets, size)
    print('dropped', dropped)


main()
