#!/bin/sh
# What Docker has under the name PLUGIN; for install.sh and uninstall.sh, which read this file.

say() { echo "$*"; }

refuse() {
	echo "$*" >&2
	exit 1
}

inspect() { docker plugin inspect --format "$1" "$PLUGIN"; }

is_there() { inspect '{{.Id}}' >/dev/null 2>&1; }

is_enabled() { [ "$(inspect '{{.Enabled}}')" = true ]; }

description() { inspect '{{.Config.Description}}'; }

# Print CONFIG_DIR and LOG_LEVEL as they are set.
settings() {
	inspect '{{range .Settings.Mounts}}{{if eq .Name "config"}}{{.Source}}{{end}}{{end}}'
	inspect '{{range .Settings.Env}}{{println .}}{{end}}' | sed -n 's/^LOG_LEVEL=//p'
}

refuse_if_used() {
	networks=$(docker network ls --filter "driver=$PLUGIN" --format '{{.Name}}' | paste -s -d ' ' -)
	[ -z "$networks" ] || refuse "$PLUGIN has networks; remove their containers and them, and run" \
		"this again: docker network rm $networks"
}
