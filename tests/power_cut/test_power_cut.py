"""Docker's promise across a power cut at any moment, on each of its releases."""

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.lab.releases import RELEASES
from tests.power_cut.inside import READY

CHECKOUT = Path(__file__).parents[2]
LONGEST = 5.0


def on_machine(release: str, edition: str, disk: Path, phase: str) -> list[str]:
    lab = (sys.executable, "-m", "tests.lab", "run", "--docker", release, "--disk", str(disk))
    inside = ("python3", "-m", "tests.power_cut.inside", phase)
    return [*lab, "--env", f"EDITION={edition}", "--", *inside]


def cut(release: str, edition: str, disk: Path, phase: str) -> None:
    """Cut the power some time after the phase has got as far as it goes."""
    command = on_machine(release, edition, disk, phase)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=CHECKOUT) as machine:
        assert machine.stdout
        try:
            assert READY in (line.strip() for line in machine.stdout)
            # Any moment may be the one.
            time.sleep(random.uniform(0, LONGEST))
        finally:
            machine.terminate()


@pytest.mark.parametrize("edition", ["base", "live"])
@pytest.mark.parametrize("release", RELEASES)
def test_containers_come_back_after_power_cuts(
    release: str, edition: str, tmp_path: Path, cuts: int
) -> None:
    disk = tmp_path / "disk"
    cut(release, edition, disk, "install")
    for _ in range(cuts - 1):
        cut(release, edition, disk, "check")
    subprocess.run(on_machine(release, edition, disk, "remove"), check=True, cwd=CHECKOUT)
