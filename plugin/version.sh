#!/bin/sh
# Print the version, which stands in the package and nowhere else.
sed -n 's/^__version__ = "\(.*\)"$/\1/p' wgplugin/__init__.py
