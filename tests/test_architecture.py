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
    "driver": HTTP | NETLINK | {"wgplugin.docker.http", "wgplugin.kernel.host"},
    "endpoints": HTTP | NETLINK | {"wgplugin.docker.protocol", "wgplugin.conf.parser"},
    "peers": HTTP | NETLINK | {"wgplugin.docker.protocol"},
    "store": HTTP | NETLINK | {"wgplugin.model.device", "wgplugin.conf.parser"},
    "app": NETLINK | {"wgplugin.model.device", "wgplugin.kernel.host", "wgplugin.conf.parser"},
    "check": HTTP
    | NETLINK
    | {"wgplugin.docker.driver", "wgplugin.docker.http", "wgplugin.kernel.host"},
    **dict.fromkeys(
        KERNEL,
        HTTP | {"wgplugin.docker.protocol", "wgplugin.docker.driver", "wgplugin.conf.parser"},
    ),
    **dict.fromkeys(
        ("live", "search", "tunnel"),
        HTTP
        | NETLINK
        | {
            "wgplugin.docker.http",
            "wgplugin.kernel.host",
            "wgplugin.docker.protocol",
            "wgplugin.kernel.containers",
        },
    ),
    "monitor": NETLINK | {"wgplugin.docker.driver", "wgplugin.docker.http", "wgplugin.kernel.host"},
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
    for kernel in ("wgplugin.kernel.host", "wgplugin.kernel.containers"):
        users = [module for module in MODULES if kernel in imports_of(module)]
        assert users == ["__main__"]
