#!/bin/sh
# Refuse, and say what to do, where something is missing: plugin/needs.sh docker wireguard config_dir
set -eu

refuse() {
	echo "$*" >&2
	exit 1
}

is_root() { [ "$(id -u)" = 0 ]; }

docker_answers() {
	command -v docker >/dev/null || refuse "There is no docker command: install Docker 20.10 or newer."
	answer=$(docker version 2>&1 >/dev/null) && return
	is_root || refuse "No Docker daemon answers: is it running, and may you use it?" \
		"Root may (sudo), and the group docker. It says: $answer"
	refuse "No Docker daemon answers: is it running? It says: $answer"
}

# Root can see for sure; others can look whether the module is loaded, or there to be loaded.
wireguard() {
	[ -d /sys/module/wireguard ] && return
	PATH=$PATH:/usr/sbin:/sbin
	if ! is_root; then
		modprobe --dry-run --quiet wireguard 2>/dev/null || refuse "No WireGuard is seen in this" \
			"kernel, $(uname -r), which Linux has from 5.6 on; root can look closer (sudo)."
	elif ip link add wg-probe type wireguard 2>/dev/null; then
		ip link delete wg-probe
	else
		modprobe wireguard || refuse "This kernel, $(uname -r), has no WireGuard: Linux has it" \
			"from 5.6 on, some distributions in a package of further modules."
	fi
}

config_dir() {
	case $CONFIG_DIR in
	/*) ;;
	*) refuse "CONFIG_DIR=$CONFIG_DIR doesn't begin with a /: name the folder in full." ;;
	esac
	[ -d "$CONFIG_DIR" ] || refuse "There is no folder $CONFIG_DIR for the configurations: make it" \
		"(sudo mkdir -p -m 700 $CONFIG_DIR), or name another: CONFIG_DIR=…"
}

for need; do
	case $need in
	docker) docker_answers ;;
	wireguard) wireguard ;;
	config_dir) config_dir ;;
	esac
done
