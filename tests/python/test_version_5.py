"""What MQTT 5.0 adds, as a scenario uses it: in the simulated world, against our own broker."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mqttlab._sim")

import mqttlab
from chat import run
from mqttlab import (
    ConnectionLostError,
    Lab,
    Properties,
    PublishError,
    Reason,
    RefusedError,
    Scram,
    SubscribeError,
    Subscription,
    UsageError,
)
from mqttlab.trace import Kind, Packet

V5 = {"version": 5}


def lab_with(
    story: Callable[..., Awaitable[None]], until: str = "10min", **broker: Any
) -> mqttlab.Result:
    """Runs story(lab, device...) with devices a, b and c."""

    async def scenario(lab: Lab) -> None:
        await lab.broker(**broker)
        await story(lab, *(lab.device(name) for name in "abc"))

    result = run(scenario, until=until)
    assert result.violations == ()
    return result


async def taken(client: mqttlab.Client, within: float = 5) -> list[mqttlab.Message]:
    """What arrives within so many seconds."""
    messages = []
    try:
        async with asyncio.timeout(within):
            while True:
                messages.append(await anext(client.messages))
    except TimeoutError:
        return messages


def test_delayed_wills_arrive_at_their_own_due_times() -> None:
    """6 s and 4 s, started 5 s apart: a list in order of intervals would send the second first."""
    arrivals: dict[str, float] = {}

    async def story(lab: Lab, watcher: Any, slow: Any, quick: Any) -> None:
        async def note(client: mqttlab.Client) -> None:
            async for message in client.messages:
                arrivals[message.topic] = lab.now()

        def will(topic: str, delay: str) -> mqttlab.Will:
            return mqttlab.Will(topic, "gone", qos=1, delay=delay)

        keeps = {"clean_session": False, "reconnect": False, **V5}
        reader = watcher.client(**V5)
        async with asyncio.TaskGroup() as tasks, reader:
            await reader.subscribe("will/#", qos=1)
            tasks.create_task(note(reader))
            await slow.client(will=will("will/6s", "6s"), **keeps).__aenter__()
            await quick.client(will=will("will/4s", "4s"), **keeps).__aenter__()
            died = lab.now()
            slow.die("reset")
            await asyncio.sleep(5)
            quick.die("reset")
            await asyncio.sleep(10)
            arrivals.update({topic: at - died for topic, at in arrivals.items()})

    result = lab_with(story)
    assert arrivals == {
        "will/6s": pytest.approx(6, abs=0.2),
        "will/4s": pytest.approx(9, abs=0.2),
    }
    result.check("WILL-IFF", "WILL-ONCE")


def test_a_message_keeps_its_properties_and_loses_the_time_it_waited() -> None:
    async def story(lab: Lab, a: Any, b: Any, c: Any) -> None:
        options: dict[str, Any] = {
            "content_type": "text/plain",
            "response_topic": "answers",
            "correlation_data": b"\x00\x01",
            "payload_is_text": True,
            "user_properties": [("k", "1"), ("k", "2"), ("", "é")],
        }
        async with a.client(clean_session=False, **V5) as reader:
            await reader.subscribe("t", qos=1, identifier=77)
        async with b.client(**V5) as writer:
            await writer.publish("t", "x", qos=1, expiry="1min", **options)
            await writer.publish("t", "short", qos=1, expiry="10s")
        await asyncio.sleep(20)
        async with a.client(clean_session=False, **V5) as reader:
            assert reader.session_present
            [message] = await taken(reader)
        assert message.properties == Properties(
            expiry_s=40,
            content_type="text/plain",
            response_topic="answers",
            correlation_data=b"\x00\x01",
            payload_is_text=True,
            user_properties=(("k", "1"), ("k", "2"), ("", "é")),
            subscription_ids=(77,),
        )

    lab_with(story).check("EXPIRY", "SESS-QUEUE")


def test_subscription_options() -> None:
    async def story(lab: Lab, a: Any, b: Any, c: Any) -> None:
        async with a.client(**V5) as one, b.client(**V5) as other:
            await other.publish("old", "kept", qos=1, retain=True)
            await one.subscribe(
                [
                    Subscription("mine", 1, no_local=True),
                    Subscription("flags", 1, retain_as_published=True),
                    Subscription("old", 1, retain_handling="never"),
                ]
            )
            await one.publish("mine", "own", qos=1)
            await other.publish("mine", "other's", qos=1)
            await other.publish("flags", "flag", qos=1, retain=True)
            got = await taken(one)
            assert [(m.topic, m.payload, m.retain) for m in got] == [
                ("mine", b"other's", False),
                ("flags", b"flag", True),
            ]
            await one.subscribe(Subscription("old", 1, retain_handling="if new"))
            assert await taken(one) == []
            await one.subscribe(Subscription("old", 1))
            assert [(m.topic, m.retain) for m in await taken(one)] == [("old", True)]

    lab_with(story).check("RET-SET", "RET-FLAG")


def test_a_shared_subscription_gives_each_message_to_one_member() -> None:
    async def story(lab: Lab, a: Any, b: Any, c: Any) -> None:
        async with a.client(**V5) as one, b.client(**V5) as two, c.client() as writer:
            await one.subscribe("$share/crew/jobs", qos=1)
            await two.subscribe("$share/crew/jobs", qos=1)
            for number in range(10):
                await writer.publish("jobs", str(number), qos=1)
            first, second = await taken(one), await taken(two)
            assert sorted(int(m.payload) for m in first + second) == list(range(10))
            assert len(first) == len(second) == 5

    lab_with(story)


def test_a_session_outlives_its_link_by_its_expiry_interval_and_a_week_costs_nothing() -> None:
    async def story(lab: Lab, a: Any, b: Any, c: Any) -> None:
        day = 86_400

        async def present(**options: Any) -> bool:
            async with a.client(clean_session=False, **V5, **options) as client:
                return client.session_present

        assert not await present(session_expiry="7d")
        await asyncio.sleep(7 * day - 5)
        assert await present(session_expiry="7d")
        await asyncio.sleep(7 * day + 5)
        assert not await present()
        await asyncio.sleep(70 * day)
        assert await present(session_expiry=0)  # the one before was never to expire
        assert not await present()
        async with a.client(clean_session=False, **V5) as client:
            await client.disconnect(session_expiry=10)
        await asyncio.sleep(11)
        assert not await present()

    result = lab_with(story, until="100d")
    result.check("SP-TRUTH", "SESS-EXPIRY")
    assert len(result.events) < 100  # days in which nothing happens leave nothing


def test_the_broker_tells_its_limits_and_the_client_keeps_to_them() -> None:
    async def story(lab: Lab, a: Any, b: Any, c: Any) -> None:
        async with a.client(client_id="", keep_alive_s=100, session_expiry="1h", **V5) as client:
            told = client.connack
            assert told["maximum_qos"] == 1
            assert told["retain_available"] == 0
            assert told["server_keep_alive"] == 33
            assert told["session_expiry_interval"] == 60
            assert told["receive_maximum"] == 5
            assert told["assigned_client_identifier"]
            with pytest.raises((PublishError, UsageError)):
                await client.publish("t", qos=2)
            with pytest.raises((PublishError, UsageError)):
                await client.publish("t", retain=True)
            assert await client.subscribe("t", qos=2) == (1,)

    lab_with(
        story,
        maximum_qos=1,
        retain_available=False,
        server_keep_alive_s=33,
        max_session_expiry="1min",
        receive_window=5,
    )


def test_clients_of_both_versions_meet_on_one_broker() -> None:
    async def story(lab: Lab, a: Any, b: Any, c: Any) -> None:
        old: dict[str, Any] = {"version": "3.1.1"}
        for writes, reads in ((old, V5), (V5, old), (V5, V5), (old, old)):
            async with a.client(**writes) as writer, b.client(**reads) as reader:
                await reader.subscribe("t", qos=2)
                for qos in (0, 1, 2):
                    carried = {"content_type": "c", "expiry": 60} if writes is V5 else {}
                    await writer.publish("t", str(qos), qos=qos, **carried)
                got = await taken(reader)
                assert [m.payload for m in got] == [b"0", b"1", b"2"]
                passed_on = writes is V5 and reads is V5
                assert {m.properties.content_type for m in got} == {"c" if passed_on else None}

    lab_with(story)


def test_scram_proves_a_user_and_refuses_another(tmp_path: Path) -> None:
    users = tmp_path / "users"
    users.write_text(mqttlab.scram_line("ada", "secret", salt=b"0123456789abcdef") + "\n")

    async def story(lab: Lab, a: Any, b: Any, c: Any) -> None:
        async with a.client(authentication=Scram("ada", "secret"), **V5) as client:
            await client.publish("t", qos=1)
            before = lab.now()
            await client.reauthenticate()
            assert lab.now() > before, "it takes two round trips"
            assert client.connected
        for wrong in (Scram("ada", "Secret"), Scram("eve", "secret")):
            with pytest.raises(RefusedError, match=r"0x8[67]"):
                await b.client(authentication=wrong, **V5).__aenter__()

    result = lab_with(story, passwords=users, scram=True)
    packets = result.events[result.events["kind"] == Kind.ARRIVED]["packet"]
    assert (packets == Packet.AUTH).sum() >= 5


def test_a_slow_identity_system_harms_nobody_else(tmp_path: Path) -> None:
    connected_after: list[float] = []

    async def story(lab: Lab, a: Any, b: Any, c: Any) -> None:
        async def connect(device: Any) -> None:
            begun = lab.now()
            async with device.client():
                connected_after.append(lab.now() - begun)

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(connect(a))
            await asyncio.sleep(1)
            tasks.create_task(connect(b))

    lab_with(story, decision_delay="3s")
    assert connected_after == [pytest.approx(3, abs=0.1)] * 2

    async def never(lab: Lab, a: Any, b: Any, c: Any) -> None:
        with pytest.raises(RefusedError, match=r"3 \(|0x03|0x88"):
            await a.client().__aenter__()

    lab_with(never, decision_delay={"authenticate": "never"}, connect_timeout="5s")


def test_every_connect_is_sent_to_another_server() -> None:
    async def story(lab: Lab, a: Any, b: Any, c: Any) -> None:
        client = a.client(**V5)
        with pytest.raises(RefusedError, match=r"0x9d \(Server moved\); go to else") as caught:
            await client.__aenter__()
        reason = Reason(0x9D, "Server moved", server_reference="elsewhere:1883")
        assert caught.value.reason == client.refusal == reason
        with pytest.raises(RefusedError, match="0x03") as caught:
            await b.client().__aenter__()
        assert caught.value.reason == Reason(3, "server unavailable")

    lab_with(story, redirect="server moved", server_reference="elsewhere:1883")


def test_two_clients_of_one_id_hear_of_each_other_less_and_less_often() -> None:
    async def story(lab: Lab, a: Any, b: Any, c: Any) -> None:
        twin = {"client_id": "twin", **V5}
        async with a.client(**twin) as one, b.client(**twin) as other:
            await asyncio.sleep(540)
            assert one.ended_by_broker == Reason(0x8E, "Session taken over")
            assert other.ended_by_broker == one.ended_by_broker
        async with a.client(reconnect=False, **twin) as one:
            async with b.client(**twin) as other:
                with pytest.raises(ConnectionLostError, match=r"0x8e \(Session taken") as caught:
                    await anext(one.messages)
            assert caught.value.reason == one.ended_by_broker
            assert other.ended_by_broker is None

    result = lab_with(story)
    packets = result.events[result.events["kind"] == Kind.ARRIVED]["packet"]
    assert 10 < (packets == Packet.CONNECT).sum() < 40


def test_what_is_refused_is_refused_with_reasons(tmp_path: Path) -> None:
    acl = tmp_path / "acl"
    acl.write_text("topic readwrite public/#\n")

    async def story(lab: Lab, a: Any, b: Any, c: Any) -> None:
        async with a.client(**V5) as client:
            with pytest.raises(SubscribeError, match=r"refused private with 0x87") as caught:
                await client.subscribe([("public/b", 1), "private"])
            assert [(one.code, one.name) for one in caught.value.reasons] == [
                (1, "Granted QoS 1"),
                (0x87, "Not authorized"),
            ]
            assert "number 2" in (caught.value.reasons[1].reason_string or "")
            assert await client.unsubscribe(["public/b", "private"]) == (0, 0x11)
            with pytest.raises(PublishError, match="0x87") as told:
                await client.publish("private", qos=1)
            assert told.value.reason_code == 0x87
            assert "not allow this topic" in (told.value.reason.reason_string or "")
        async with b.client() as old:
            assert await old.subscribe(["public/b"]) == (0,)
            assert await old.unsubscribe(["public/b"]) == ()
            with pytest.raises(SubscribeError) as caught:
                await old.subscribe("private")
            assert [one.code for one in caught.value.reasons] == [0x80]

    lab_with(story, acl=acl)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"version": 4}, "version: 4 is none of 3.1, 3.1.1, 5"),
        ({"session_expiry": 10}, "session_expiry: MQTT 5.0 only; add version=5"),
        ({"will": mqttlab.Will("t", delay=3)}, "the will's delay and properties: MQTT 5.0 only"),
        ({"session_expiry": "1.5s", **V5}, "session_expiry: '1.5s' is no whole number of seconds"),
        ({"receive_maximum": 0, **V5}, "receive_maximum: must be 1 or more, got 0"),
        ({"user_properties": "ab", **V5}, "user_properties: 'ab' is no mapping and no list"),
        ({"authentication": "ada", **V5}, "authentication: 'ada' is no mqttlab.Scram"),
        (
            {"will": mqttlab.Will("t", properties={"expires": 3}), **V5},  # type: ignore
            "unknown option 'expires'; known are expiry,",
        ),
    ],
)
def test_wrong_options_of_a_client(options: dict[str, Any], message: str) -> None:
    async def story(lab: Lab, a: Any, b: Any, c: Any) -> None:
        with pytest.raises(UsageError, match=message):
            a.client(**options)

    lab_with(story)


@pytest.mark.parametrize(
    ("broker", "call", "message"),
    [
        ({}, lambda c: c.publish("t", response_topic="a/#"), "without wildcards"),
        ({}, lambda c: c.subscribe(Subscription("$share/g/t", no_local=True)), "no_local: not on"),
        ({"max_packet_size": 60}, lambda c: c.publish("t", b"x" * 100), "than the broker takes"),
        ({"wildcard_available": False}, lambda c: c.subscribe("#"), "announced that it does not"),
        ({}, lambda c: c.publish("t", expiry=2**32), "must be at most 4294967295"),
    ],
)
def test_wrong_calls_name_the_remedy(broker: dict[str, Any], call: Any, message: str) -> None:
    async def story(lab: Lab, a: Any, b: Any, c: Any) -> None:
        async with a.client(**V5) as client:
            with pytest.raises(mqttlab.Error, match=message):
                await call(client)

    lab_with(story, **broker)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"user_name": "a:b"}, "user_name: 'a:b' has a colon"),
        ({"user_name": "a\nb"}, r"user_name: 'a\\nb' has"),
        ({"salt": b""}, "salt: b'' is no bytes, or none"),
        ({"salt": "salt"}, "salt: 'salt' is no bytes"),
        ({"iterations": 1}, "iterations: must be 4096 or more, got 1"),
    ],
)
def test_wrong_credentials_are_refused_by_name(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        mqttlab.scram_line(**{"user_name": "ada", "password": "secret", **arguments})


def test_a_session_that_ends_with_its_link_cannot_be_kept_by_disconnect() -> None:
    async def story(lab: Lab, a: Any, b: Any, c: Any) -> None:
        async with a.client(**V5, session_expiry=0) as client:
            with pytest.raises(UsageError, match="session_expiry cannot change that"):
                await client.disconnect(session_expiry=10)
            assert client.connected, "nothing has happened"
        await asyncio.sleep(1)
        assert not client.connected

    lab_with(story)


def test_what_3_1_1_cannot_carry_is_refused_by_name() -> None:
    async def story(lab: Lab, a: Any, b: Any, c: Any) -> None:
        async with a.client() as client:
            for call, words in (
                (client.publish("t", expiry=5), "properties are MQTT 5.0's"),
                (client.subscribe("t", identifier=5), "properties are MQTT 5.0's"),
                (client.subscribe(Subscription("t", no_local=True)), "no_local"),
                (client.disconnect(with_will=True), "with_will"),
                (client.reauthenticate(), "reauthenticate by"),
            ):
                with pytest.raises(UsageError, match=words):
                    await call

    lab_with(story)
