"""The live edition's plugin with faults planted, each of which a scenario must find."""

from tests.e2e.leaks.planted import Leak

NO_EXITS = Leak(
    name="no-exits",
    module="kernel/exits.py",
    text="rules += _judged(here, nftables.NETWORK, family.destination, family)",
    instead="pass",
)
NO_FRAMES = Leak(
    name="no-frames",
    module="kernel/apply.py",
    text="return _install_frames(netfilter, wanted, others)",
    instead="return True",
)
TUNNEL_S_ADDRESS = Leak(
    name="tunnel-s-address",
    module="kernel/firewall.py",
    text="for address in plan.addresses:",
    instead="for address in ():",
)
ARP_FOR_ALL = Leak(
    name="arp-for-all",
    module="kernel/rtnl.py",
    text="if link.setting(ARP_IGNORE) == 0:",
    instead="if False:",
)
REAL_PORT = Leak(
    name="real-port",
    module="kernel/names.py",
    text="(*to_docker, *_DROP),",
    instead="",
)
OPEN_AT_THE_END = Leak(
    name="open-at-the-end",
    module="networks/tunnel.py",
    text="if plan and (plan.opens or not namespace.only_in(plan, others)):",
    instead="if plan:",
)
OTHERS_REPLIES = Leak(
    name="others-replies",
    module="kernel/firewall.py",
    text='reply = (*is_reply(), *nftables.set_mark(MARK))\n    yield Chain("replies", (reply,)',
    instead="""reply = [*nftables.ct(nftables.CT_DIRECTION, bytes([1]))]
    for each in plan.addresses:
        offset = 12 if each.version == 4 else 8
        reply += nftables.payload(nftables.NETWORK, offset, each.ip.packed, equal=False)
    reply += nftables.set_mark(MARK)
    yield Chain("replies", (tuple(reply),)""",
)
"""Every reply from another address than the tunnel's is taken for one to a client."""
CLIENTS_OF_A_PLAN = (
    Leak("call", "kernel/firewall.py", "*_clients(),", "*_clients(plan),"),
    Leak("called", "kernel/firewall.py", "def _clients() ->", "def _clients(plan) ->"),
)
"""What `OTHERS_REPLIES` needs."""
ADVERTISEMENTS = Leak(
    name="advertisements",
    module="kernel/firewall.py",
    text="if any(net.version == 6 for net in plan.inside):",
    instead="if False:",
)
