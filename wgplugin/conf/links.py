"""Where links of the configuration folder lead: through which names, in which folders.

Kubernetes, for one, has NAME.conf -> ..data/NAME.conf and ..data -> ..2024_01_01/, and replaces
..data to change all files at once.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

MAX_LINKS = 40
"""As many as the kernel follows (path_resolution(7))."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a change can be one of the configurations.

    ``folders``: the paths of the configuration folder, and of the folders in it that links lead
    through. ``through``: by the name of a link, folder or file there, the files of the
    configuration folder that lead through it; without those that are no links.
    """

    folders: frozenset[str]
    through: Mapping[str, Collection[str]]


def layout(folder: Path, links: Iterable[str]) -> Layout:
    """Return the layout of a folder whose links have these names. Reads the links."""
    root = Path(os.path.realpath(folder))
    places, through = set(), defaultdict(set)
    for link in links:
        for place, name in _steps(root, link):
            places.add(place)
            through[name].add(link)
    inside = {str(place) for place in places if root in place.parents and place.is_dir()}
    return Layout(frozenset({str(folder), *inside}), through)


def _steps(place: Path, name: str) -> Iterator[tuple[Path, str]]:
    """Follow a link; yield each folder in which a name is looked up, and that name.

    ``place`` is the folder of the link, without links in its own path.
    """
    names, links = [name], 0
    while names and links <= MAX_LINKS:
        name = names.pop()
        if name == "..":
            place = place.parent
            continue
        yield place, name
        try:
            target = (place / name).readlink()
        except OSError:
            # It is no link, or missing. The part "/" of an absolute path leads to the root.
            place /= name
        else:
            names += reversed(target.parts)
            links += 1
