#!/bin/sh
# Make a plugin, disabled as yet: plugin/create.sh NAME base|live ROOTFS.tar [MARK]
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
plugin/config.sh "$2" "$3" >"$folder/config.json"
mkdir "$folder/rootfs"
tar -C "$folder/rootfs" -xf "$3"
# Docker refuses a second plugin whose files are all the same, so each has its name, or MARK.
echo "${4-$1}" >"$folder/rootfs/mark"
touch --reference "$folder/rootfs/usr" "$folder/rootfs/mark" "$folder/rootfs"
docker plugin create "$1" "$folder"
