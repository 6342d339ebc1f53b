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
    module="networks/attachment.py",
    text="if plan and (plan.opens or not namespace.only_in(plan, others)):",
    instead="if plan:",
)
OTHERS_REPLIES = Leak(
    name="others-replies",
    module="kernel/firewall.py",
    text="replies = ((*is_reply(), *nftables.set_mark(MARK)), answers.answered())",
    instead="""reply = [*nftables.ct(nftables.CT_DIRECTION, bytes([1]))]
    for each in plan.addresses:
        offset = 12 if each.version == 4 else 8
        reply += nftables.payload(nftables.NETWORK, offset, each.ip.packed, equal=False)
    replies = ((*reply, *nftables.set_mark(MARK)), answers.answered())""",
)
"""Every reply from another address than the tunnel's is taken for one to a client."""
NO_KILL_SWITCH = Leak(
    name="no-kill-switch",
    module="model/namespace.py",
    text='yield Route(net, TABLE, "unreachable", _UNREACHABLE | plan.owner)',
    instead="pass",
)
TAKEN_FOR_ANOTHER = Leak(
    name="taken-for-another",
    module="kernel/firewall.py",
    text="""    begun = (
        *_from_others(),""",
    instead="""    begun = (
        *nftables.meta(nftables.META_IIFTYPE, nftables.ETHERNET),""",
)
"""A veth to a router is taken for another network's device."""
OPEN_ROUTER = Leak(
    name="open-router",
    module="kernel/router_table.py",
    text="yield (*_in_by(BRIDGE), *_out_by(DEVICE), *_ACCEPT)",
    instead="yield (*_in_by(BRIDGE), *_ACCEPT)",
)
OPEN_LOOPBACK = Leak(
    name="open-loopback",
    module="kernel/firewall.py",
    text="*nftables.address_type(nftables.FIB_DADDR | nftables.FIB_IIF, _LOCAL, equal=False),",
    instead="*nftables.meta(nftables.META_NFPROTO, bytes([255])),",
)
OPEN_TO_PEERS = Leak(
    name="open-to-peers",
    module="kernel/router_table.py",
    text="wanted = redirected() if plan.nat else ()",
    instead="wanted = ()",
)
ADVERTISEMENTS = Leak(
    name="advertisements",
    module="kernel/firewall.py",
    text="if any(net.version == 6 for net in plan.inside):",
    instead="if False:",
)

LINK_EXITS = Leak(
    name="link-exits",
    module="kernel/answers.py",
    text="others = (*out_by_link(), *_COUNTED_DROP)",
    instead="others = out_by_link()",
)
LINK_FRAMES = Leak(
    name="link-frames",
    module="kernel/answers.py",
    text="rules = ((*answer, *_ACCEPT), _COUNTED_DROP)",
    instead="rules = ((*answer, *_ACCEPT),)",
)
ALL_ARE_ANSWERS = Leak(
    name="all-are-answers",
    module="kernel/answers.py",
    text="""        *nftables.ct(nftables.CT_DIRECTION, _REPLY),
        *nftables.ct(nftables.CT_MARK, _MARK),""",
    instead="",
)
"""What comes from a container is led to the link of its router."""
HOST_S_END = Leak(
    name="host-s-end",
    module="kernel/port_table.py",
    text="""        (*_FROM_LINK, *_DROP),
    )""",
    instead="    )",
)


def _refusal(name: str, module: str, text: str) -> Leak:
    """Have the kernel refuse what begins with a text, as long as a file of that name is there."""
    line = text.rpartition("\n")[2]
    indent = " " * (len(line) - len(line.lstrip()))
    refuse = f'if __import__("os").path.exists("/etc/wireguard/{name}"):'
    instead = (
        text[: len(text) - len(line)]
        + f'{indent}{refuse}\n{indent}    raise OSError(95, "{name}")\n{line}'
    )
    return Leak(name, module, text, instead)


NO_NFTABLES = _refusal("no-nftables", "kernel/netfilter.py", '        batch = b"".join(messages)')
NO_DEVICE = _refusal(
    "no-device",
    "kernel/router.py",
    "    yield from tunnels.set_wireguard(space, link, config, moved)",
)
NO_PORT = _refusal(
    "no-port",
    "kernel/router.py",
    "    list(_set_port(space, existing(space.route, port), bridge, wanted))",
)
NO_WAY_IN = _refusal(
    "no-way-in", "kernel/apply.py", "            links.tune()\n            done += _set("
)
REFUSALS = (NO_NFTABLES, NO_DEVICE, NO_PORT, NO_WAY_IN)
"""Not leaks, but what fails half-way, and mustn't leak: each as long as a file of its name is in
the configuration folder."""
