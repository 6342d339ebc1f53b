#!/bin/sh
# All tests of an edition, and those of the live edition's own in any case.
export EDITION="${EDITION:-base}"
python3 -m pytest -p no:cacheprovider tests/e2e
status=$?
if [ "$EDITION" = base ]; then
	EDITION=live python3 -m pytest -p no:cacheprovider tests/e2e/live || status=$?
fi
exit $status
