#!/bin/sh
# run.sh [FOLDER]: all tests of an edition, and those of the live edition's own in any case; or
# those in FOLDER, which are of both editions.
export EDITION="${EDITION:-base}"
python3 -m pytest -p no:cacheprovider "${1:-tests/e2e}"
status=$?
if [ "$EDITION" = base ]; then
	EDITION=live python3 -m pytest -p no:cacheprovider "${1:-tests/e2e/live}" || status=$?
fi
exit $status
