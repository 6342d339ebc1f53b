"""The plugin as an ASGI application: each of Docker's HTTP calls runs a method of the driver."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from wgplugin.codes import Code
from wgplugin.docker import protocol
from wgplugin.docker.driver import Driver
from wgplugin.errors import PluginError, RequestError
from wgplugin.networks import status
from wgplugin.networks.status import Status
from wgplugin.timings import Timings

log = logging.getLogger(__name__)

MAX_BODY = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Call:
    """A call of the protocol: its type of request, and its handler. `Empty` means no body."""

    request: type[Any]
    serve: Callable[[Any], Awaitable[protocol.Message]]


def calls(driver: Driver) -> dict[str, Call]:
    """Return every call that Docker makes, by its path."""
    return {
        "/Plugin.Activate": Call(protocol.Empty, driver.activate),
        "/NetworkDriver.GetCapabilities": Call(protocol.Empty, driver.get_capabilities),
        "/NetworkDriver.GwAllocCheck": Call(protocol.GwAllocCheckRequest, driver.gw_alloc_check),
        "/NetworkDriver.CreateNetwork": Call(protocol.CreateNetworkRequest, driver.create_network),
        "/NetworkDriver.DeleteNetwork": Call(protocol.NetworkRequest, driver.delete_network),
        "/NetworkDriver.CreateEndpoint": Call(
            protocol.CreateEndpointRequest, driver.create_endpoint
        ),
        "/NetworkDriver.DeleteEndpoint": Call(protocol.EndpointRequest, driver.delete_endpoint),
        "/NetworkDriver.EndpointOperInfo": Call(
            protocol.EndpointRequest, driver.endpoint_oper_info
        ),
        "/NetworkDriver.Join": Call(protocol.JoinRequest, driver.join),
        "/NetworkDriver.Leave": Call(protocol.EndpointRequest, driver.leave),
        "/NetworkDriver.ProgramExternalConnectivity": Call(
            protocol.EndpointRequest, driver.acknowledge
        ),
        "/NetworkDriver.RevokeExternalConnectivity": Call(
            protocol.EndpointRequest, driver.acknowledge
        ),
        "/NetworkDriver.DiscoverNew": Call(protocol.DiscoveryRequest, driver.acknowledge),
        "/NetworkDriver.DiscoverDelete": Call(protocol.DiscoveryRequest, driver.acknowledge),
        "/NetworkDriver.AllocateNetwork": Call(
            protocol.AllocateNetworkRequest, driver.allocate_network
        ),
        "/NetworkDriver.FreeNetwork": Call(protocol.NetworkRequest, driver.acknowledge),
    }


def create_app(
    driver: Driver, report: Callable[[], Awaitable[Status]], timings: Timings | None = None
) -> Starlette:
    """Return the application: Docker's calls go to ``driver``, status and metrics to ``report``.

    Every error in a call is returned to Docker as ``{"Err": …}``.
    """
    deadline = (timings or Timings()).call

    async def show(request: Request) -> Response:
        return Response(status.encode(await report()), media_type="application/json")

    async def measure(request: Request) -> Response:
        # Few users collect metrics, so their library is loaded on first need.
        from wgplugin.networks import metrics

        return Response(metrics.encode(await report()), media_type=metrics.CONTENT_TYPE)

    return Starlette(
        routes=[
            *(
                Route(path, _endpoint(path, call, deadline), methods=["POST"])
                for path, call in calls(driver).items()
            ),
            Route("/status", show, methods=["GET"]),
            Route("/metrics", measure, methods=["GET"]),
        ]
    )


def _endpoint(path: str, call: Call, deadline: float) -> Callable[[Request], Awaitable[Response]]:
    name = path.rpartition("/")[2]

    async def endpoint(request: Request) -> Response:
        try:
            async with asyncio.timeout(deadline):
                body = await _body(request)
                log.debug("%s %s", name, body.decode(errors="replace"))
                return _response(200, await call.serve(_message(body, call.request)))
        except RequestError as error:
            return _refusal(400, name, error)
        except PluginError as error:
            return _refusal(500, name, error)
        except TimeoutError:
            message = f"not done within {deadline:g} s; try again"
            return _refusal(500, name, PluginError(Code.TOO_LATE, message))
        except Exception:
            log.exception("%s failed unexpectedly", name)
            message = "the plugin failed; its log (in Docker's) says where"
            return _refusal(500, name, PluginError(Code.FAILED, message))

    return endpoint


async def _body(request: Request) -> bytes:
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY:
                message = f"the request is larger than {MAX_BODY} bytes"
                raise RequestError(Code.BAD_REQUEST, message)
    except ClientDisconnect:
        raise RequestError(Code.BAD_REQUEST, "the request breaks off") from None
    return bytes(body)


def _message(body: bytes, kind: type[protocol.Message]) -> protocol.Message:
    return protocol.Empty() if kind is protocol.Empty else protocol.decode(body, kind)


def _refusal(http_status: int, name: str, error: PluginError) -> Response:
    log.warning("%s refused: %s", name, error)
    return _response(http_status, protocol.ErrorResponse(err=str(error)))


def _response(http_status: int, message: protocol.Message) -> Response:
    return Response(protocol.encode(message), http_status, media_type=protocol.CONTENT_TYPE)
