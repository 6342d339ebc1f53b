#!/bin/sh
# Have a plugin installed and enabled, whatever is there already: plugin/install.sh ROOTFS.tar
# PLUGIN, EDITION, CONFIG_DIR and LOG_LEVEL say which, and how.
set -eu
. plugin/installed.sh
archive=$1
wanted=$(plugin/config.sh "$EDITION" "$archive" | sed -n 's/^  "description": "\(.*\)",$/\1/p')

if is_there && [ "$(description)" != "$wanted" ]; then
	say "$PLUGIN is there in another build: $(description)"
	plugin/uninstall.sh
fi
if ! is_there; then
	say "Making the plugin $PLUGIN: $wanted"
	plugin/create.sh "$PLUGIN" "$EDITION" "$archive" >/dev/null
elif is_enabled; then
	if [ "$(settings)" = "$(printf '%s\n%s' "$CONFIG_DIR" "$LOG_LEVEL")" ]; then
		say "$PLUGIN is installed and enabled already, in this build, with $CONFIG_DIR."
		exit
	fi
	say "$PLUGIN is there in this build, with other settings."
	refuse_if_used
	docker plugin disable "$PLUGIN" >/dev/null
fi
say "Enabling $PLUGIN with CONFIG_DIR=$CONFIG_DIR LOG_LEVEL=$LOG_LEVEL"
docker plugin set "$PLUGIN" config.source="$CONFIG_DIR" LOG_LEVEL="$LOG_LEVEL"
docker plugin enable "$PLUGIN" >/dev/null
say "Installed: docker network create --driver $PLUGIN …"
