#!/bin/sh
# Push a release: plugin/release.sh VERSION REPOSITORY ARCH…
# Takes build/rootfs-ARCH.tar, and prints each tag with its digest. A tag is one plugin for one
# architecture, as Docker would unpack all that a tag for several has into one root.
set -eu
plugin/releasable.sh "$1" "$2"
version=$1
repository=$2
shift 2

made=
trap '[ -z "$made" ] || docker plugin rm "$made" >/dev/null' EXIT

# push TAG EDITION ARCH; what has several tags is the same to the byte, and is signed once.
push() {
	plugin/create.sh "$repository:$1" "$2" "build/rootfs-$3.tar" "$2" >/dev/null
	made=$repository:$1
	docker plugin push "$made" >&2
	digest=$(digest)
	echo "$1 ${digest:?has no digest that Docker tells}"
	docker plugin rm "$made" >/dev/null
	made=
}

# Docker's client doesn't say it; the daemon has it in its own record of the plugin.
digest() {
	folder=$(docker info --format '{{.DockerRootDir}}')/plugins
	record=$folder/$(docker plugin inspect --format '{{.Id}}' "$made")/config.json
	sed -n 's/.*"Manifest":"\(sha256:[0-9a-f]*\)".*/\1/p' "$record"
}

for arch; do
	push "$version-$arch" base "$arch"
	push "$version-live-$arch" live "$arch"
done
# Last, so that these move to a release that is there as a whole.
case " $* " in
*" amd64 "*)
	push "$version" base amd64
	push "$version-live" live amd64
	case $version in
	*-*) ;; # a release to be tried is nobody's latest
	*)
		push latest base amd64
		push live live amd64
		;;
	esac
	;;
esac
