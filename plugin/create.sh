#!/bin/sh
# Make a plugin, disabled as yet: plugin/create.sh NAME base|live ROOTFS.tar
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
plugin/config.sh "$2" "$3" >"$folder/config.json"
mkdir "$folder/rootfs"
tar -C "$folder/rootfs" -xf "$3"
# Docker 20.10 refuses a second plugin whose files are all the same: the other edition.
echo "$2" >"$folder/rootfs/edition"
touch --reference "$folder/rootfs/usr" "$folder/rootfs/edition" "$folder/rootfs"
docker plugin create "$1" "$folder"
