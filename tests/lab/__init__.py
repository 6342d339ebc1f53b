"""The lab: a real Docker on a real kernel WireGuard, on machines that have neither."""
