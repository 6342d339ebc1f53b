"""The plugin as an ASGI application: each of Docker's HTTP calls runs a method of the driver.

Beside Docker's there are the plugin's own: for its status, and for what ``wgplugin`` does by hand.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from wgplugin.codes import Code
from wgplugin.docker import protocol
from wgplugin.docker.driver import Driver
from wgplugin.errors import PluginError, RequestError
from wgplugin.networks import status
from wgplugin.networks.calls import (
    LONGEST_WAIT,
    SwitchAnswer,
    SwitchRequest,
    WaitAnswer,
    WaitRequest,
)
from wgplugin.networks.insides import Insides
from wgplugin.networks.status import Status
from wgplugin.timings import Timings

log = logging.getLogger(__name__)

MAX_BODY = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Call:
    """A call: its type of request, and its handler. `Empty` means no body.

    ``longer``: the seconds that it may take beside the limit for any call. ``ends_with_client``:
    whether it is given up when the client goes away; Docker's calls are done all the same.
    """

    request: type[Any]
    serve: Callable[[Any], Coroutine[Any, Any, msgspec.Struct]]
    longer: float = 0
    ends_with_client: bool = False


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


def own_calls(insides: Insides) -> dict[str, Call]:
    """Return the plugin's own calls that change or await something, by their paths."""

    async def switch(request: SwitchRequest) -> SwitchAnswer:
        return SwitchAnswer(await insides.switch(request.endpoint, request.configuration))

    async def wait(request: WaitRequest) -> WaitAnswer:
        return WaitAnswer(await insides.wait(request.endpoint, request.timeout))

    return {
        "/switch": Call(SwitchRequest, switch),
        "/wait": Call(WaitRequest, wait, LONGEST_WAIT, ends_with_client=True),
    }


def create_app(
    driver: Driver,
    report: Callable[[], Awaitable[Status]],
    insides: Insides,
    timings: Timings | None = None,
) -> Starlette:
    """Return the application: Docker's calls go to ``driver``, the plugin's own to the others.

    Every error in a call is returned as ``{"Err": …}``.
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
                for path, call in (calls(driver) | own_calls(insides)).items()
            ),
            Route("/status", show, methods=["GET"]),
            Route("/metrics", measure, methods=["GET"]),
        ]
    )


def _endpoint(path: str, call: Call, deadline: float) -> Callable[[Request], Awaitable[Response]]:
    name = path.rpartition("/")[2]

    async def endpoint(request: Request) -> Response:
        try:
            async with asyncio.timeout(deadline + call.longer):
                body = await _body(request)
                log.debug("%s %s", name, body.decode(errors="replace"))
                serving = call.serve(_message(body, call.request))
                if call.ends_with_client:
                    serving = _while_there(request, serving)
                return _response(200, await serving)
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


async def _while_there(
    request: Request, work: Coroutine[Any, Any, msgspec.Struct]
) -> msgspec.Struct:
    """Return what ``work`` returns; give it up when the client goes away, who gets no answer."""
    serving, leaving = asyncio.create_task(work), asyncio.create_task(_end(request))
    try:
        await asyncio.wait({serving, leaving}, return_when=asyncio.FIRST_COMPLETED)
        return await serving if serving.done() else protocol.Empty()
    finally:
        serving.cancel()
        leaving.cancel()
        await asyncio.wait({serving, leaving})


async def _end(request: Request) -> None:
    """Wait until the client goes away; the request's body has been read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _message(body: bytes, kind: type[msgspec.Struct]) -> msgspec.Struct:
    return protocol.Empty() if kind is protocol.Empty else protocol.decode(body, kind)


def _refusal(http_status: int, name: str, error: PluginError) -> Response:
    log.warning("%s refused: %s", name, error)
    return _response(http_status, protocol.ErrorResponse(err=str(error)))


def _response(http_status: int, message: msgspec.Struct) -> Response:
    return Response(protocol.encode(message), http_status, media_type=protocol.CONTENT_TYPE)
