#!/bin/sh
# Run the demo where it can be run: on this host's Docker and WireGuard, or else in the lab.
set -eu

if [ -t 0 ] && plugin/needs.sh docker wireguard 2>/dev/null && command -v wg >/dev/null; then
	printf 'The demo can run on the Docker of this host: it installs a plugin and removes it again.\n'
	printf 'Run it here (yes), or in the lab, a virtual machine of its own (no)? '
	read -r answer
	case $answer in
	y | yes) exec demo/demo.sh ;;
	esac
fi
make --no-print-directory rootfs
exec python3 -m tests.lab run --docker 28.5 -- demo/demo.sh
