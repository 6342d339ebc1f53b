#!/bin/sh
# Build the root file systems with Docker: plugin/build.sh ROOTFS.tar COMMANDS.tar [amd64|arm64]
# The first is the plugin's, the second that of the commands for a person.
# BASE names the base image. The same base, lock files and SOURCE_DATE_EPOCH give the same bytes.
# Another architecture than the machine's runs where the kernel is told how, by qemu-user-static.
set -eu
rootfs=$1
commands=$2
arch=${3-}
image=wireguard-docker-plugin:build${arch:+-$arch}

docker build --network host ${arch:+"--platform=linux/$arch"} \
	--build-arg "BASE=${BASE:-debian:trixie-slim}" \
	--build-arg "SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-0}" --file plugin/Dockerfile \
	--tag "$image" .
# The archives are the builder's: one of docker export has times, and files of Docker's own.
container=$(docker create ${arch:+"--platform=linux/$arch"} "$image" true)
trap 'docker rm "$container" >/dev/null' EXIT
docker cp "$container:/build/rootfs.tar" "$rootfs"
docker cp "$container:/build/commands.tar" "$commands"
# An archive has the time of its build, which may be older than what make compares it with.
touch "$rootfs" "$commands"
