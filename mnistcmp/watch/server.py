"""A small server for the page: on this machine alone, unless it is told otherwise."""

import asyncio
import errno
import ipaddress
import json
import os
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import asdict
from importlib.resources import files
from urllib.parse import urlsplit

from aiohttp import web

from mnistcmp.cluster.address import is_loopback
from mnistcmp.errors import UserError
from mnistcmp.watch.state import Watched

HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
GRACE = 30.0
"""Seconds that the page can still be had after the launch has ended, where the server is to end
with it."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def is_address(host: str) -> bool:
    """Whether a host is named by its number."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


class Server:
    """Shows what is watched at a host and port, until it is closed.

    Args:
        watched: The folder.
        host: An address of this machine.
        port: 0 takes one that is free.
        ends: Whether it ends with the launch, or with the process that started this one.

    Raises:
        UserError: The host is not this machine's, or the port is in use.
    """

    def __init__(self, watched: Watched, host: str, port: int, *, ends: bool = False) -> None:
        self._watched, self._host, self._port, self._ends = watched, host, port, ends
        self._seen_to_its_end, self._parent = asyncio.Event(), os.getppid()

    def serve(self, on_ready: Callable[[str], None]) -> None:
        """Serves until it is interrupted, or the launch has ended; tells the URL when it begins."""
        asyncio.run(self._serve(on_ready))

    async def _serve(self, on_ready: Callable[[str], None]) -> None:
        application = web.Application(middlewares=[self._guard])
        application.add_routes(
            [
                web.get("/", self._page),
                web.get("/live", self._live),
                web.get("/report", self._report),
                web.get("/watch.js", self._script),
            ]
        )
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        try:
            await self._start(runner)
            address, self._port, *_ = runner.addresses[0]
            host = f"[{address}]" if ":" in address else address
            on_ready(f"http://{host}:{self._port}/")
            await self._keep_fresh()
        finally:
            await runner.cleanup()

    async def _start(self, runner: web.AppRunner) -> None:
        try:
            await web.TCPSite(runner, self._host, self._port).start()
        except OSError as error:
            reason = f"cannot be had: {error.strerror}"
            if error.errno == errno.EADDRINUSE:
                reason = "is in use, by another page perhaps: choose another with --port"
            raise UserError(f"port {self._port} of {self._host} {reason}.") from error

    async def _keep_fresh(self) -> None:
        """Draws the report again as runs come in, while somebody looks."""
        has_begun = False
        while not self._ends or os.getppid() == self._parent:
            goes_on = self._watched.goes_on
            if self._ends and has_begun and not goes_on:
                break
            has_begun = has_begun or goes_on
            if self._watched.is_looked_at and goes_on:
                # It is said where somebody asks for it.
                with suppress(Exception):
                    await asyncio.to_thread(self._watched.refresh_report)
            await asyncio.sleep(1)
        # Open pages turn to the report now; whoever comes later has the file.
        with suppress(TimeoutError):
            await asyncio.wait_for(self._seen_to_its_end.wait(), GRACE)

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answers to an address or a name of this machine: other sites' names may lead here too."""
        try:
            named = urlsplit(f"//{request.host}").hostname or ""
        except ValueError:
            named = ""
        ours = is_loopback(named)
        if not is_loopback(self._host):
            ours = ours or is_address(named) or named in {self._host, socket.gethostname()}
        if not ours:
            raise web.HTTPForbidden(text="Not by this name: use this machine's address.\n")
        try:
            answer = await handler(request)
        except UserError as error:
            answer = web.Response(text=f"{error}\n", status=500)
        answer.headers.update(HEADERS)
        return answer

    async def _page(self, _: web.Request) -> web.Response:
        if self._watched.goes_on:
            return _html(self._watched.page())
        self._seen_to_its_end.set()
        return await self._whole_report()

    async def _live(self, _: web.Request) -> web.Response:
        shown = await asyncio.to_thread(self._watched.look, asked=True)
        return web.json_response(text=json.dumps(asdict(shown)))

    async def _report(self, _: web.Request) -> web.Response:
        report = self._watched.report()
        return _html(report) if report else await self._whole_report()

    async def _whole_report(self) -> web.Response:
        """All that is stored now."""
        await asyncio.to_thread(self._watched.refresh_report)
        return _html(self._watched.report() or self._watched.page())

    async def _script(self, _: web.Request) -> web.Response:
        script = files("mnistcmp.report.html") / "templates" / "watch.js"
        return web.Response(text=script.read_text("utf-8"), content_type="text/javascript")


def _html(text: str) -> web.Response:
    return web.Response(text=text, content_type="text/html")
