"""Links with a NAT: what a newcomer reads of one, and what is refused."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

import mqttlab
from mqttlab.figures import Analysis, figures
from mqttlab.report import summary, write
from test_path_faults import texts


async def phone(
    lab: mqttlab.Lab, nat: Any, keep_alive_s: int, count: int, version: Any, broker: Any
) -> None:
    """Phones that are told something now and then."""
    lab.broker(**broker)
    umts = lab.link("umts", nat=nat)
    desk = lab.device("desk")
    async with asyncio.TaskGroup() as tasks:
        for device in lab.devices(count, "phone-{:03d}", via=umts):
            tasks.create_task(listen(lab, device, keep_alive_s, version))
        async with desk.client() as client:
            for _ in range(5):
                await asyncio.sleep(100)
                await client.publish("news", lab.stamp(), qos=1)


async def listen(lab: mqttlab.Lab, device: mqttlab.Device, keep_alive_s: int, version: Any) -> None:
    """Until the end."""
    options: Any = {"keep_alive_s": keep_alive_s, "reconnect": True, "clean_session": False}
    options |= {"version": version}
    async with device.client(drain=True, **options) as client:
        await client.subscribe("news", qos=1)
        await asyncio.sleep(590 - lab.now())


def nat_run(
    nat: Any, keep_alive_s: int, count: int = 1, version: str = "3.1.1", **broker: Any
) -> mqttlab.Result:
    async def scenario(lab: mqttlab.Lab) -> None:
        await phone(lab, nat, keep_alive_s, count, version, broker)

    return mqttlab.run(scenario, until="10min")


def test_a_newcomer_reads_that_the_nat_is_more_impatient_than_the_keep_alive(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from rich.console import Console

    result = nat_run(mqttlab.Nat(idle="1min"), 300, count=2)
    page = write(result, tmp_path)
    forgot = [at for at, text in texts(result, "fault") if text.startswith("NAT forgot")]
    assert len(forgot) >= 2
    note = (tmp_path / "run.json").read_text("utf-8")
    summary.show(result, page, Console(width=1000, highlight=False))
    for place in (page.read_text("utf-8"), note, capsys.readouterr().out):
        assert "its NAT forgets a connection after 60 s without a packet" in place
        assert "its keep alive is 300 s" in place
        assert "until its next PINGREQ (keep alive) found out" in place
        assert "(as 1 more on" in place
        assert "A keep alive under 60 s would have kept the connection." in place
    assert ("NAT forgot" in page.read_text("utf-8")) is True


@pytest.mark.parametrize(
    ("version", "keep_alive_s", "brokers", "said"),
    [
        ("5", 20, 300, "its keep alive is 300 s, which is the broker's choice. "),
        ("5", 20, 0, "it has no keep alive, which is the broker's choice. "),
        ("3.1.1", 300, 20, "its keep alive is 300 s. "),
    ],
)
def test_a_newcomer_reads_of_the_keep_alive_that_is_in_force(
    version: str, keep_alive_s: int, brokers: int, said: str
) -> None:
    result = nat_run({"idle": "1min"}, keep_alive_s, 1, version, server_keep_alive_s=brokers)
    assert said in figures(Analysis(result))["observations"][0]


def test_a_keep_alive_under_the_nats_patience_has_nothing_to_note(tmp_path: Path) -> None:
    result = nat_run({"idle": "1min"}, 50)
    assert texts(result, "fault") == []
    assert "Note." not in write(result, tmp_path).read_text("utf-8")


def test_a_nat_is_part_of_the_links_description() -> None:
    result = nat_run({"idle": "1min", "on_expiry": "reset", "rebind": False}, 50)
    assert result.links["umts"]["nat"] == {
        "idle_s": 60.0, "on_expiry": "reset", "rebind": False, "refreshed_by": "both",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("nat", "told"),
    [
        ({"idle": 0}, "must be over 0"),
        ({"idle": "1min", "on_expiry": "shout"}, "'shout' is neither 'drop' nor 'reset'"),
        ({"refreshed_by": "down"}, "neither 'both' nor 'up'"),
        ({"patience": 3}, "see mqttlab.Nat"),
    ],
)
def test_a_wrong_nat_is_named(nat: dict[str, object], told: str) -> None:
    with pytest.raises(mqttlab.UsageError, match="link 'umts': nat") as caught:
        nat_run(nat, 50)
    assert told in str(caught.value)


def test_on_real_sockets_a_link_with_a_nat_is_not_applicable() -> None:
    async def scenario(lab: mqttlab.Lab) -> None:
        lab.broker()
        lab.device("meter", via=lab.link("umts", nat={"idle": "1min"}, corrupt="1%"))

    result = mqttlab.run(scenario, until="1s", target="live")
    assert [one.what for one in result.not_applicable] == ["link 'umts' with corrupt, nat"]
