#!/bin/sh
# docker wireguard: where it is, and what it is made of; for the scripts that install and remove it,
# which read this file.

# Used where this file is read.
# shellcheck disable=SC2034
{
	SYSTEM=/usr/local/lib/docker/cli-plugins
	OWN=${DOCKER_CONFIG:-${HOME:-/root}/.docker}/cli-plugins
}
IMAGE=wireguard-docker-plugin:commands
LABEL=wireguard-docker-plugin.build
MARK="^# Installed by wireguard-docker-plugin's"

say() { echo "$*"; }

refuse() {
	echo "$*" >&2
	exit 1
}

# is_ours FILE: whether this project has installed it.
is_ours() { [ -f "$1" ] && grep -q "$MARK" "$1"; }

# Print the build of the image that is there, if it is.
image_build() {
	docker image inspect --format "{{index .Config.Labels \"$LABEL\"}}" "$IMAGE" 2>/dev/null
}

# Print the names of all plugins of this project that are installed.
plugins() {
	found=$(docker plugin ls --quiet)
	[ -n "$found" ] || return 0
	# The ids have no spaces.
	# shellcheck disable=SC2086
	docker plugin inspect $found --format \
		'{{if eq .Config.Interface.Socket "wireguard.sock"}}{{.Name}}{{end}}' | paste -s -d ' ' -
}
