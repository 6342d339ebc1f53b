#!/bin/sh
# Refuse what isn't to be released, with the reason: plugin/releasable.sh VERSION REPOSITORY
set -eu

refuse() {
	echo "No release: $*" >&2
	exit 1
}

[ -n "$1" ] && [ -n "$2" ] || refuse "name both, VERSION=1.2.3 and REPOSITORY=HOST/PATH."
version=$(plugin/version.sh)
[ "$1" = "$version" ] || refuse "VERSION is $1, and wgplugin/__init__.py says $version."
# An unpacked archive of the sources has no .git, and nothing to compare it with.
if [ -e .git ]; then
	changes=$(git status --porcelain) || refuse "git doesn't tell whether something was changed."
	[ -z "$changes" ] || refuse "these files aren't as they were committed:
$changes"
fi
[ "$(id -u)" = 0 ] || refuse "run it as root, so that the plugin's files are root's for everyone."
