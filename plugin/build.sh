#!/bin/sh
# Build the plugin's root file system with Docker: plugin/build.sh OUTPUT.tar [amd64|arm64]
# BASE names the base image. The same base, lock file and SOURCE_DATE_EPOCH give the same bytes.
# Another architecture than the machine's runs where the kernel is told how, by qemu-user-static.
set -eu
output=$1
arch=${2-}
image=wireguard-docker-plugin:build${arch:+-$arch}

build() {
	docker build --network host ${arch:+"--platform=linux/$arch"} \
		--build-arg "BASE=${BASE:-debian:trixie-slim}" \
		--build-arg "SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-0}" --file plugin/Dockerfile "$@" .
}

build --tag "$image"
# The archive is the builder's: one of docker export has times, and files of Docker's own.
build --target build --tag "$image-stage"
container=$(docker create ${arch:+"--platform=linux/$arch"} "$image-stage" true)
trap 'docker rm "$container" >/dev/null' EXIT
docker cp "$container:/build/rootfs.tar" "$output"
# The archive has the time of its build, which may be older than what make compares it with.
touch "$output"
