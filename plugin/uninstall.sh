#!/bin/sh
# Have PLUGIN not installed, whatever is there.
set -eu
. plugin/installed.sh

if ! is_there; then
	say "$PLUGIN isn't installed."
	exit
fi
refuse_if_used
if is_enabled; then
	docker plugin disable "$PLUGIN" >/dev/null
fi
docker plugin rm "$PLUGIN" >/dev/null
say "Removed $PLUGIN; the folder of the configurations is left as it is."
