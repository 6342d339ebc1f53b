#!/bin/sh
# Have docker wireguard not installed, unless a plugin of this project is left that it is for.
set -eu
. plugin/command.sh

left=$(plugins)
if [ -n "$left" ]; then
	say "docker wireguard stays, as there is $left."
	exit
fi
for script in "$SYSTEM/docker-wireguard" "$OWN/docker-wireguard"; do
	if is_ours "$script"; then
		rm -f "$script" || refuse "$script can't be removed: run this as who may, such as root (sudo)."
		say "Removed docker wireguard: $script"
	fi
done
if docker image inspect "$IMAGE" >/dev/null 2>&1; then
	docker image rm "$IMAGE" >/dev/null
	say "Removed the image $IMAGE."
fi
