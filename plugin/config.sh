#!/bin/sh
# Print a plugin's config.json: plugin/config.sh base|live ROOTFS.tar
# Its description, which docker plugin ls and inspect show, says the version and the build; the
# same file of the same edition is the same build.
set -eu
case $1 in
base) config=plugin/config.json ;;
live) config=plugin/config.live.json ;;
*) echo "there is no edition '$1': base or live" >&2 && exit 1 ;;
esac
build=$(cat "$config" "$2" | sha256sum | cut -c 1-12)
sed "s/@VERSION@/$(plugin/version.sh)/; s/@BUILD@/$build/" "$config"
