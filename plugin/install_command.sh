#!/bin/sh
# Have docker wireguard installed: plugin/install_command.sh COMMANDS.tar
# The image goes to Docker, the script to the folder of plugins of Docker's client.
set -eu
. plugin/command.sh
archive=$1

# The image.
build=$(sha256sum <"$archive" | cut -c 1-12)
if [ "$(image_build)" != "$build" ]; then
	before=$(docker image inspect --format '{{.Id}}' "$IMAGE" 2>/dev/null) || before=
	docker import --change 'ENTRYPOINT ["/usr/bin/python3", "-I", "-B", "-m", "wgplugin"]' \
		--change "LABEL $LABEL=$build" "$archive" "$IMAGE" >/dev/null
	[ -z "$before" ] || docker image rm "$before" >/dev/null 2>&1 || true
	say "Made the image $IMAGE."
fi

# The script, which is there only whole.
folder=$SYSTEM
if ! mkdir -p "$folder" 2>/dev/null || ! [ -w "$folder" ]; then
	folder=$OWN
	mkdir -p "$folder"
fi
script=$folder/docker-wireguard
if [ -e "$script" ] || [ -L "$script" ]; then
	is_ours "$script" || refuse "$script is there, and isn't of this project: move it away," \
		"and run this again. The plugin itself is installed."
fi
new=$(mktemp "$folder/.docker-wireguard.XXXXXX")
trap 'rm -f "$new"' EXIT
sed "s/@VERSION@/$(plugin/version.sh)/" plugin/docker-wireguard >"$new"
if cmp -s "$new" "$script"; then
	say "docker wireguard is installed already: $script"
	exit
fi
chmod 755 "$new"
mv -f "$new" "$script"
say "Installed: docker wireguard --help ($script)"
