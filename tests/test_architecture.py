"""The rules of who may know whom, which keep each module's purpose single."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "wgplugin"
MODULES = sorted(path.stem for path in PACKAGE.glob("*.py"))

INPUT_AND_OUTPUT = {"asyncio", "os", "pathlib", "socket", "subprocess", "logging", "threading"}
HTTP = {"starlette", "uvicorn", "httptools"}
NETLINK = {"pyroute2"}

# For the host's namespace, and for those of containers.
KERNEL = ["inside", "links", "netlink", "nlrequest", "sandbox", "wgsocket"]

PURE = (
    "addresses",
    "codes",
    "config",
    "dns",
    "errors",
    "health",
    "hints",
    "metrics",
    "nft",
    "nlattr",
    "options",
    "plan",
    "protocol",
    "records",
    "report",
    "routes",
    "sandboxes",
    "sections",
    "settings",
    "settings_file",
    "status",
    "translation",
    "values",
    "wireguard",
    "yaml_tree",
)
FORBIDDEN = {
    **dict.fromkeys(PURE, INPUT_AND_OUTPUT | HTTP | NETLINK),
    **dict.fromkeys(("filters", "wgmsg"), (INPUT_AND_OUTPUT - {"socket"}) | HTTP | NETLINK),
    "driver": HTTP | NETLINK | {"wgplugin.app", "wgplugin.netlink"},
    "endpoints": HTTP | NETLINK | {"wgplugin.protocol", "wgplugin.config"},
    "peers": HTTP | NETLINK | {"wgplugin.protocol"},
    "store": HTTP | NETLINK | {"wgplugin.wireguard", "wgplugin.config"},
    "app": NETLINK | {"wgplugin.wireguard", "wgplugin.netlink", "wgplugin.config"},
    "check": HTTP | NETLINK | {"wgplugin.driver", "wgplugin.app", "wgplugin.netlink"},
    **dict.fromkeys(KERNEL, HTTP | {"wgplugin.protocol", "wgplugin.driver", "wgplugin.config"}),
    **dict.fromkeys(
        ("live", "search", "tunnel"),
        HTTP
        | NETLINK
        | {"wgplugin.app", "wgplugin.netlink", "wgplugin.protocol", "wgplugin.sandbox"},
    ),
    "monitor": NETLINK | {"wgplugin.driver", "wgplugin.app", "wgplugin.netlink"},
}


def imports_of(module: str) -> set[str]:
    """Return what a module imports: whole names, and the packages that they are in."""
    names = set()
    for node in ast.walk(ast.parse((PACKAGE / f"{module}.py").read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names | {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("module", FORBIDDEN)
def test_module_imports_nothing_that_is_not_its_business(module: str) -> None:
    assert not imports_of(module) & FORBIDDEN[module]


def test_the_kernel_s_side_alone_imports_pyroute2() -> None:
    assert [module for module in MODULES if imports_of(module) & NETLINK] == KERNEL


def test_main_alone_picks_a_backend() -> None:
    for kernel in ("wgplugin.netlink", "wgplugin.sandbox"):
        users = [module for module in MODULES if kernel in imports_of(module)]
        assert users == ["__main__"]
