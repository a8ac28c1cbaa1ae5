"""TLS and WebSocket in simulated networks: the same promises, exact accounts, one seed, one run."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mqttlab._sim")

import mqttlab
from mqttlab import ConnectionLostError, Lab, PublishError, RefusedError, UsageError
from mqttlab.client_options import TRANSPORTS, ClientOptions, Transport
from mqttlab.figures import Analysis, figures
from mqttlab.figures.bytes import LAYERS

UNSENT = LAYERS.index("unsent")


async def talk(lab: Lab, *, transport: str) -> None:
    await lab.broker()
    meter, desk = lab.devices(2)
    lab.fleet(meter, qos=1, interval="5s", transport=transport)
    async with desk.client(transport=transport) as client:
        await client.subscribe("fleet/#", qos=2)
        message = await anext(client.messages)
        assert message.topic == f"fleet/{meter.name}"
        await asyncio.sleep(60)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_clients_and_fleets_speak_over_each(transport: str) -> None:
    result = mqttlab.run(talk, seed=1, until="5min", parameters={"transport": transport})
    assert result.passed
    assert {client.transport for client in result.clients} == {transport}
    assert ("openssl" in result.versions) == (transport in ("tls", "wss"))
    assert figures(Analysis(result))["transports"] == {transport: 2}
    added = {name: int(result.counters[f"{name}_bytes"].sum()) for name in ("tls", "web_socket")}
    assert (added["tls"] > 0) == (transport in ("tls", "wss"))
    assert (added["web_socket"] > 0) == (transport in ("ws", "wss"))


def test_what_a_level_costs_adds_up_to_the_packets_of_each_link() -> None:
    parameters = {"devices": 60, "transport": "mixed", "faults": "3min", "settle": "2min"}
    result = mqttlab.run("field_trial", seed=3, parameters=parameters)
    assert result.passed
    accounts = Analysis(result).bytes
    carried = dict.fromkeys(range(len(result.actors)), 0)
    for row in result.counters:
        carried[int(row["actor"])] += int(row["bytes"])
    published = accounts.mqtt[:, :3].sum(axis=1) > 0
    assert published.sum() > 50
    for actor in published.nonzero()[0].tolist():
        layers = accounts.layers[actor].sum(axis=0)
        assert layers.sum() == pytest.approx(carried[actor], abs=1e-6), result.actors[actor]
        assert layers[:UNSENT].min() >= 0
        assert layers[UNSENT] <= 0


def test_a_transport_that_does_not_exist_is_refused() -> None:
    with pytest.raises(UsageError, match="transport: 'quic' is none of tcp, tls, ws, wss"):
        mqttlab.run(talk, until="1min", parameters={"transport": "quic"})
    with pytest.raises(UsageError, match="parameter transport: must be tcp or tls or ws or wss or"):
        mqttlab.run("field_trial", parameters={"transport": "quic"})


@pytest.mark.parametrize("transport", ["tls", "wss"])
def test_clients_are_known_by_their_certificates(transport: Transport, tmp_path: Path) -> None:
    """Who has none, or one that has ended, is not let in; the name in it is the user's."""
    acl = tmp_path / "acl"
    acl.write_text("pattern readwrite of/%u\n")
    got: list[str] = []

    async def scenario(lab: Lab) -> None:
        await lab.broker(certificates=True, acl=acl)
        meter, clock, thief, stranger, plain = map(
            lab.device, ("meter", "clock", "thief", "s", "p")
        )
        over: ClientOptions = {"transport": transport, "version": 5, "reconnect": False}
        async with meter.client(certificate=True, **over) as known:
            await known.subscribe("of/meter", qos=1)
            async with thief.client(certificate=True, **over) as client:
                with pytest.raises(PublishError, match="0x87"):
                    await client.publish("of/meter", "stolen", qos=1)
            await known.publish("of/meter", "own", qos=1)
            got.append((await anext(known.messages)).payload.decode())
        async with clock.client(certificate="20s", **over):
            await asyncio.sleep(25)
        for client in (
            clock.client(certificate="20s", client_id="clock-2", **over),
            stranger.client(**over),
        ):
            with pytest.raises(ConnectionLostError):
                await client.__aenter__()
        with pytest.raises(RefusedError, match="0x87"):
            await plain.client(version=5, reconnect=False).__aenter__()

    runs = [mqttlab.run(scenario, seed=2, until="4min") for _ in range(2)]
    assert runs[0].fingerprint == runs[1].fingerprint
    assert runs[0].passed
    assert got == ["own", "own"]


def test_certificates_end_by_the_clock_on_the_wall() -> None:
    """Who is connected stays; who comes while the clocks are wrong is not let in."""

    async def scenario(lab: Lab) -> None:
        await lab.broker(certificates=True)
        over: ClientOptions = {"transport": "tls", "certificate": "90d", "reconnect": False}
        async with lab.device("meter").client(**over) as meter:
            lab.step_clock("+91d")
            with pytest.raises(ConnectionLostError):
                await lab.device("clock").client(**over).__aenter__()
            lab.step_clock("-2d")
            async with lab.device("later").client(**over) as later:
                assert later.connected
            lab.step_clock("-180d")  # its certificates are a year old
            async with lab.device("earlier").client(**over):
                assert meter.connected

    mqttlab.run(scenario, until="4min").check()


def test_a_certificate_needs_tls_and_a_name() -> None:
    def client(**options: Any) -> None:
        async def scenario(lab: Lab) -> None:
            await lab.broker(certificates=True)
            await lab.device("meter").client(**options).__aenter__()

        mqttlab.run(scenario, until="1min")

    with pytest.raises(UsageError, match="certificate: it takes TLS; add transport='tls'"):
        client(certificate=True)
    with pytest.raises(UsageError, match=r"certificate: '1\.5s' is no whole number of seconds"):
        client(certificate="1.5s", transport="tls")
    with pytest.raises(UsageError, match="64"):
        client(certificate=True, transport="tls", client_id="x" * 65)
