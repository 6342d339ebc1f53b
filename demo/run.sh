#!/bin/sh
# Run the demo where it can be run: on this host's Docker and WireGuard, or else in the lab.
set -eu

wireguard() {
	[ -d /sys/module/wireguard ] || modprobe --dry-run wireguard 2>/dev/null
}

if docker info >/dev/null 2>&1 && wireguard && command -v wg >/dev/null && [ -t 0 ]; then
	printf 'The demo can run on the Docker of this host: it installs a plugin and removes it again.\n'
	printf 'Run it here (yes), or in the lab, a virtual machine of its own (no)? '
	read -r answer
	case $answer in
	y | yes) exec demo/demo.sh ;;
	esac
fi
make --no-print-directory rootfs
exec python3 -m tests.lab run --docker 28.5 -- demo/demo.sh
