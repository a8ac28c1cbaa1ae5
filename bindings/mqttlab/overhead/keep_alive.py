"""Which keep alive fits: phones behind a NAT that are sent pushes, and whose links go dark then."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

import mqttlab
from mqttlab import energy
from mqttlab.client_options import Transport
from mqttlab.errors import Error
from mqttlab.faults.path import Blackhole
from mqttlab.figures.view import TraceView
from mqttlab.overhead.cell import counters, lab_link
from mqttlab.trace import End, Kind

__all__ = ["DAY_S", "KEEP_ALIVES_S", "LATE_S", "Standby", "measure", "push", "waits_s"]

KEEP_ALIVES_S = (30, 60, 110, 240, 480, 840, 1800)
LATE_S = 60.0
"""A push that took longer is missed: who was called has been given up."""
DAY_S = 86_400.0
_WARM_UP_S = 60.0


@dataclass(frozen=True)
class Standby:
    """What is measured: phones that wait for pushes behind a NAT, some for each keep alive.

    `link`, `rtt_ms`: as of `Cell`. `nat_s`: how long the NAT remembers an idle connection.
    `phones`: with each keep alive. `every_s`: between two pushes to a phone, on average.
    """

    link: str = "lte"
    rtt_ms: float = 0.0
    transport: Transport = "tcp"
    version: str = "3.1.1"
    nat_s: float = 300.0
    keep_alives_s: tuple[int, ...] = KEEP_ALIVES_S
    phones: int = 6
    hours: float = 6.0
    every_s: float = 1800.0

    def describe(self) -> dict[str, Any]:
        """As in the tables."""
        return asdict(self)

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> Standby:
        """The inverse of `describe`."""
        values = {one.name: given[one.name] for one in fields(cls)}
        return cls(**{**values, "keep_alives_s": tuple(given["keep_alives_s"])})


@dataclass
class _Phone:
    """One phone, and when its link went dark; `listened`: whether its client was connected then."""

    device: mqttlab.Device
    keep_alive_s: int
    used: Mapping[str, int] | None = None
    dark_s: float = math.inf
    listened: bool = False


def measure(standby: Standby, seed: int) -> list[dict[str, Any]]:
    """Plays it once and returns one row of figures per keep alive.

    A row has `keep_alive_s`, `pushes`, `missed` (later than LATE_S or never), `waits_s` (seconds
    from the publish call to the phone, sorted; those that came), `bytes_per_day` and
    `packets_per_day` of a phone's link, both ways, `joules_per_day` of its radio (absent if that
    is not known), and `client_noticed_s`, `broker_noticed_s`: from the link going dark, at an
    instant drawn from a keep alive, until each end gave the connection up, by phone.
    """
    phones: list[_Phone] = []
    span: list[float] = []  # from when until when phones were sent pushes

    async def wait_for_pushes(lab: mqttlab.Lab) -> None:
        lab.broker("broker")
        link = lab_link(lab, standby.link, standby.rtt_ms, "phones", nat={"idle": standby.nat_s})
        for keep_alive_s in standby.keep_alives_s:
            for number in range(standby.phones):
                device = lab.device(f"phone-{keep_alive_s}-{number}", via=link)
                phones.append(_Phone(device, keep_alive_s))
        service = lab.device("service", via=lab.link(name="service"))
        async with service.client(keep_alive_s=0) as sender, AsyncExitStack() as stack:
            clients = [await stack.enter_async_context(_client(standby, one)) for one in phones]
            for client in clients:
                await client.subscribe(f"push/{client.client_id}", qos=1)
            await asyncio.sleep(_WARM_UP_S)
            span.append(lab.now())
            before = [counters(lab, one.device) for one in phones]
            await push(lab, sender, clients, standby.hours * 3600, standby.every_s)
            span.append(lab.now())
            for one, had in zip(phones, before, strict=True):
                has = counters(lab, one.device)
                one.used = {name: has[name] - had[name] for name in has}
            await asyncio.sleep(LATE_S)  # what has not come by then is missed
            await asyncio.gather(
                *(_go_dark(lab, one, client) for one, client in zip(phones, clients, strict=True))
            )

    patience_s = 4 * max(standby.keep_alives_s) + 3600
    until = _WARM_UP_S * 10 + standby.hours * 3600 + patience_s
    result = mqttlab.run(wait_for_pushes, seed=seed, until=until, radio=True)
    result.check()
    return _rows(result, standby, phones, (span[0], span[1]))


def _client(standby: Standby, phone: _Phone) -> mqttlab.Client:
    return phone.device.client(
        drain=True,
        transport=standby.transport,
        version=standby.version,
        keep_alive_s=phone.keep_alive_s,
        clean_session=False,
    )


async def _go_dark(lab: mqttlab.Lab, phone: _Phone, client: mqttlab.Client) -> None:
    """At some time of a keep alive; long enough for both ends to notice."""
    await asyncio.sleep(lab.random.uniform(0, phone.keep_alive_s))
    phone.dark_s, phone.listened = lab.now(), client.connected
    lab.inject(Blackhole("both"), phone.device, "dark")
    await asyncio.sleep(2 * phone.keep_alive_s + 60)


async def push(
    lab: mqttlab.Lab,
    service: mqttlab.Client,
    phones: Sequence[mqttlab.Client],
    seconds: float,
    every_s: float,
) -> None:
    """Sends to each phone on "push/" and its client id, to each as often, at times of its own that
    are uniform in so many seconds; lasts as long.
    """
    times = sorted(
        (lab.random.uniform(0, seconds), phone.client_id)
        for phone in phones
        for _ in range(round(seconds / every_s))
    )
    start = lab.now()
    for at, name in times:
        await asyncio.sleep(start + at - lab.now())
        await service.publish(f"push/{name}", lab.stamp(), qos=1)
    await asyncio.sleep(start + seconds - lab.now())


def waits_s(events: np.ndarray, texts: Sequence[str]) -> dict[str, list[float]]:
    """By phone: from each push to its first delivery; infinite if there was none.

    `events`: rows of `trace.EVENT`; `texts`: what their `text` column is an index of.
    """
    came: dict[int, int] = {}
    for row in events[events["kind"] == Kind.DELIVERED]:
        came.setdefault(int(row["message"]), int(row["at"]))
    found: dict[str, list[float]] = {}
    for row in events[events["kind"] == Kind.PUBLISH_CALLED]:
        message, phone = int(row["message"]), texts[row["text"]].removeprefix("push/")
        wait = (came[message] - int(row["at"])) / 1e9 if message in came else math.inf
        found.setdefault(phone, []).append(wait)
    return found


def _rows(
    result: mqttlab.Result, standby: Standby, phones: Sequence[_Phone], span_s: tuple[float, float]
) -> list[dict[str, Any]]:
    waits = waits_s(result.events, result.texts)
    view = TraceView(result)
    model = energy.model_of("phones", result.links["phones"]["profile"])
    infos = {device.name: device for device in result.devices}
    per_day = DAY_S / (span_s[1] - span_s[0]) / standby.phones
    rows = []
    for keep_alive_s in standby.keep_alives_s:
        mine = [one for one in phones if one.keep_alive_s == keep_alive_s]
        took = [wait for one in mine for wait in waits.get(one.device.name, [])]
        row: dict[str, Any] = {
            "keep_alive_s": keep_alive_s,
            "pushes": len(took),
            "missed": sum(wait > LATE_S for wait in took),
            "waits_s": sorted(wait for wait in took if wait < math.inf),
        }
        for name in ("bytes", "packets"):
            row[f"{name}_per_day"] = per_day * sum(one.used[name] for one in mine if one.used)
        if model is not None:
            joules = (
                energy.of_period(result, infos[one.device.name], model, *span_s).total_j
                for one in mine
            )
            row["joules_per_day"] = per_day * sum(joules)
        noticed = [_noticed_s(view, one) for one in mine if one.listened]
        row["client_noticed_s"], row["broker_noticed_s"] = (
            [one[end] for one in noticed if one] for end in End
        )
        rows.append(row)
    return rows


def _noticed_s(view: TraceView, phone: _Phone) -> dict[End, float] | None:
    """From the link going dark until each end gave up the connection that the phone's client had;
    None if the broker's end was gone before. Errors: Error if an end never did.
    """
    events = view.events
    opened = view.of(Kind.OPENED, end=End.CLIENT)
    before = opened[view.device(opened) == phone.device.actor]
    connection = events["connection"][before[events["at"][before] / 1e9 <= phone.dark_s][-1]]
    after_s = {}
    for end in End:
        closed = view.of(Kind.CLOSED, end=end)
        at = events["at"][closed[events["connection"][closed] == connection]]
        if len(at) == 0:
            raise Error(
                f"{phone.device.name}: nobody closed the {end.name.lower()}'s end after the link "
                f"went dark; a keep alive of {phone.keep_alive_s} s does not watch it"
            )
        after_s[end] = float(at.min()) / 1e9 - phone.dark_s
    return after_s if min(after_s.values()) >= 0 else None
