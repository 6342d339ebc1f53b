"""``wgplugin check``: reads files as the plugin does, and shows the container's network."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from wgplugin.cli.report import Report, container_text, report, settings_text
from wgplugin.codes import Code
from wgplugin.conf import parser, settings_file
from wgplugin.conf.settings import FILE_NAME, MAX_FILE_SIZE, Settings
from wgplugin.errors import ConfigError, Fault, FileError, PluginError
from wgplugin.files import read_file
from wgplugin.model.attachment import check_tunnel, probe_trouble
from wgplugin.model.configuration import TunnelSettings
from wgplugin.model.device import Key, clamped
from wgplugin.model.pool import CONFIGURATION_NAME

FINE, ERRORS, UNREADABLE = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Result:
    """The result for one file; a fault in line 0 concerns the whole file.

    ``status``: `FINE`, `ERRORS` or `UNREADABLE`. ``container`` and ``private_key`` are for a
    configuration, ``settings`` is for a file of settings; with errors, all of them are None.
    """

    file: str
    status: int
    errors: tuple[Fault, ...] = ()
    warnings: tuple[Fault, ...] = ()
    container: Report | None = None
    settings: Settings | None = None
    private_key: Key | None = None


def run(files: Iterable[str], as_json: bool) -> int:
    """Check files, print the results, and return the exit status: the highest of any file.

    0: no errors. 1: a file has errors. 2: a file can't be read. Errors and warnings go to standard
    error, the container's network and the settings to standard output. With ``as_json``, everything
    goes to standard output, as one document (see `document`).
    """
    results = check_all(files)
    if as_json:
        print(json.dumps(document(results), indent=2))
    else:
        for result in results:
            _print(result)
    return max((result.status for result in results), default=FINE)


def check_all(files: Iterable[str]) -> list[Result]:
    """Check files: .yaml and .yml files as settings, all others as configurations.

    The wgplugin.yaml beside a configuration applies, too; its errors get a result of their own.
    Configurations with one private key get a warning each.
    """
    results: dict[str, Result] = {}
    for file in files:
        path = Path(file)
        if path.suffix in (".yaml", ".yml"):
            results[file] = check_settings(path)
            continue
        settings, beside = Settings(), path.with_name(FILE_NAME)
        if _exists(beside):
            found = check_settings(beside)
            settings = found.settings or settings
            if found.status != FINE:
                results[str(beside)] = found
        results[file] = check_configuration(path, settings)
    return [_with_others(result, results.values()) for result in results.values()]


def _with_others(result: Result, results: Iterable[Result]) -> Result:
    """Return a result with a warning if other files have the same private key."""
    if result.private_key is None:
        return result
    key, entry = clamped(result.private_key), _entry(result.file)
    same = [each for each in results if each.private_key and clamped(each.private_key) == key]
    others = [each.file for each in same if _entry(each.file) != entry]
    if not others:
        return result
    message = f"this is the private key of {', '.join(others)}, too: they can't be used at once"
    fault = Fault.of_file(Code.SAME_KEY, message, "give each file a key of its own")
    return replace(result, warnings=(fault, *result.warnings))


def _entry(file: str) -> Path:
    """Return a file's one path; a link is a file of its own, as it has a name of its own."""
    path = Path(file)
    return path.parent.resolve() / path.name


def check_configuration(path: Path, settings: Settings) -> Result:
    """Check one .conf file with the settings that apply to it."""
    fine = Result(_shown(path), FINE)
    try:
        parsed = parser.parse(_read(path, parser.MAX_SIZE), fine.file)
        container = report(parsed, settings.tunnel(path.stem))
    except PluginError as error:
        return _failed(fine, error)
    warnings = parsed.warnings
    if trouble := probe_trouble(parsed, settings.tunnel(path.stem)):
        message = trouble.removesuffix(f" [{Code.NOT_PROBED}]")
        warnings = (*warnings, Fault.of_file(Code.NOT_PROBED, message))
    if path.suffix != ".conf" or not CONFIGURATION_NAME.fullmatch(path.stem):
        hint = "rename it to NAME.conf, with up to 64 letters, digits and _ = + . -"
        message = "no network can be given this file's name"
        warnings = (Fault.of_file(Code.FILE_NAME, message, hint), *warnings)
    return replace(fine, warnings=warnings, container=container, private_key=parsed.private_key)


def check_settings(path: Path) -> Result:
    """Check one file of settings."""
    fine = Result(_shown(path), FINE)
    try:
        settings = settings_file.parse(_read(path, MAX_FILE_SIZE), fine.file)
        for tunnel in (settings.defaults, *settings.configurations.values()):
            check_tunnel(tunnel)
    except PluginError as error:
        return _failed(fine, error)
    missing = [
        Fault.of_file(
            Code.NO_FILE_FOR_SETTINGS,
            f"there is no {name}.conf beside it for the settings of {name}",
        )
        for name in settings.configurations
        if not _exists(path.with_name(f"{name}.conf"))
    ]
    return replace(fine, warnings=tuple(missing), settings=settings)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False


def _read(path: Path, max_size: int) -> bytes:
    try:
        return read_file(path, max_size)
    except FileNotFoundError:
        fault = Fault.of_file(Code.NO_SUCH_FILE, "no such file")
    except FileError as error:
        fault = Fault.of_file(error.code, error.message)
    raise ConfigError(_shown(path), [fault])


def _failed(fine: Result, error: PluginError) -> Result:
    if not isinstance(error, ConfigError):
        return replace(fine, status=ERRORS, errors=(Fault.of_file(error.code, error.message),))
    unreadable = not error.faults[0].line
    return replace(fine, status=UNREADABLE if unreadable else ERRORS, errors=error.faults)


def _shown(path: Path) -> str:
    """Return a path as printable text, whatever bytes it has."""
    return str(path).encode(errors="backslashreplace").decode()


def _print(result: Result) -> None:
    for kind, faults in (("", result.errors), ("warning: ", result.warnings)):
        for fault in faults:
            print(fault.within(result.file, kind), file=sys.stderr)
    if result.container:
        print(f"{result.file}\n{container_text(result.container)}")
    if result.settings:
        print(f"{result.file}\n{settings_text(result.settings)}")


def document(results: Iterable[Result]) -> dict[str, Any]:
    """Return results as a document for programs.

    ``{"files": [{"file", "status", "errors", "warnings", "container", "settings"}, …]}``:

    - ``status``: "fine", "errors" or "unreadable";
    - ``errors``, ``warnings``: ``{"line", "column", "code", "message", "hint"}``, where line and
      column count from 1, or are null for the file as a whole, and the hint may be empty;
    - ``container``: the fields of `report.Report`, or null for a file of settings or with errors;
    - ``settings``: ``{"log-level", "resolve-timeout", "re-resolve-after", "defaults",
      "configurations"}`` in the form of wgplugin.yaml, each configuration with all settings that
      apply to it; or null.

    The only keys in it are the peers' public keys.
    """
    return {"files": [_file(result) for result in results]}


def _file(result: Result) -> dict[str, Any]:
    return {
        "file": result.file,
        "status": ("fine", "errors", "unreadable")[result.status],
        "errors": [_fault(fault) for fault in result.errors],
        "warnings": [_fault(fault) for fault in result.warnings],
        "container": asdict(result.container) if result.container else None,
        "settings": _settings(result.settings) if result.settings else None,
    }


def _fault(fault: Fault) -> dict[str, Any]:
    return {
        "line": fault.line or None,
        "column": fault.column or None,
        "code": fault.code,
        "message": fault.message,
        "hint": fault.hint,
    }


def _settings(settings: Settings) -> dict[str, Any]:
    return {
        "log-level": settings.log_level,
        "resolve-timeout": settings.resolve_timeout,
        "re-resolve-after": settings.re_resolve_after,
        "defaults": _tunnel(settings.defaults),
        "configurations": {name: _tunnel(of) for name, of in settings.configurations.items()},
    }


def _tunnel(tunnel: TunnelSettings) -> dict[str, Any]:
    values = {
        **asdict(tunnel),
        "bypass": [str(net) for net in tunnel.bypass],
        "interface": tunnel.device_prefix,
        "forward": [str(forward) for forward in tunnel.forward],
        "probe": str(tunnel.probe or "off"),
        "failback": tunnel.failback or "off",
        "wait": tunnel.wait or "off",
    }
    return {name.replace("_", "-"): value for name, value in values.items()}
