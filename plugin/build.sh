#!/bin/sh
# Build the plugin's root file system with Docker: plugin/build.sh OUTPUT.tar
# BASE names the base image.
set -eu
output=$1
image=wireguard-docker-plugin:build

docker build --network host --build-arg "BASE=${BASE:-debian:trixie-slim}" \
	--tag "$image" --file plugin/Dockerfile .
container=$(docker create "$image")
trap 'docker rm "$container" >/dev/null' EXIT
docker export --output "$output" "$container"
