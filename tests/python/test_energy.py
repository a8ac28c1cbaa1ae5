"""Energy of radios: exact where the sum can be done by hand, and of a run with all its packets."""

from __future__ import annotations

import asyncio
import csv
import itertools
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

pytest.importorskip("mqttlab._sim")

import mqttlab
from mqttlab import Lab, Radio, UsageError, cli, energy, trace
from mqttlab.energy import Air, Spent, Tail, air_of, of_period, spent
from test_link import exit_code

NOTHING = Air(np.zeros(0), np.zeros(0), 0.0)


def air(*packets: tuple[float, float], mbit: float = 0.0) -> Air:
    """Packets as (start, length)."""
    starts, lengths = np.array(packets).T
    return Air(starts + lengths, lengths, mbit)


@pytest.mark.parametrize("radio", mqttlab.radios().values(), ids=lambda radio: radio.name)
def test_one_packet_every_period_takes_the_sum_of_its_states(radio: Radio) -> None:
    count, period, length = 10, 60.0, 0.02
    sent = air(*((5 + period * k, length) for k in range(count)), mbit=0.008 * count)
    took = spent(radio, sent, NOTHING, count * period)
    tail_s = sum(tail.duration_s for tail in radio.tails)
    each = (
        radio.promotion_j
        + (radio.active_w + radio.up_w) * length
        + 0.008 * radio.up_j_per_mbit
        + sum(tail.duration_s * tail.power_w for tail in radio.tails)
    )
    idle_s = count * (period - length - tail_s - radio.promotion_s)
    assert took.promotions == count
    assert took.total_j == pytest.approx(count * each + idle_s * radio.idle_w, rel=1e-12)


STEPS = Radio(
    "steps", idle_w=0.001, promotion_s=0.5, promotion_j=1.0, tails=(Tail(4.0, 0.8), Tail(2.0, 0.3)),
    active_w=1.0, up_w=0.5, down_w=0.25, up_j_per_mbit=2.0, down_j_per_mbit=3.0,
)  # fmt: skip


def test_packets_within_the_tail_cut_it_short_and_wake_nobody() -> None:
    # In the air from 1 to 1.5 and 6.5 to 7: 4 s and 1 s of tail, then all of it, then idle.
    took = spent(STEPS, air((1.0, 0.5), (6.5, 0.5)), NOTHING, 20.0)
    assert took.promotions == 1
    assert took.tail_j == pytest.approx(2 * 4 * 0.8 + (1 + 2) * 0.3)
    assert took.transfer_j == pytest.approx(2 * 0.5 * 1.5)
    assert took.idle_j == pytest.approx((1.0 - 0.5 + 20 - 7 - 6) * 0.001)


def test_ways_overlap_and_the_run_cuts_off() -> None:
    up, down = air((2.0, 2.0), mbit=4.0), air((3.0, 2.0), mbit=1.0)
    took = spent(STEPS, up, down, 7.0)
    assert took == Spent(
        promotions=1, promotion_j=1.0,
        transfer_j=pytest.approx(3 * 1.0 + 2 * 0.5 + 2 * 0.25 + 4 * 2.0 + 1 * 3.0),
        tail_j=pytest.approx(2 * 0.8), idle_j=pytest.approx(1.5 * 0.001),
    )  # fmt: skip
    within = spent(STEPS, air((1.0, 3.0)), air((2.0, 0.5), (3.0, 0.5)), 5.0)
    assert within.transfer_j == pytest.approx(3 * 1.0 + 3 * 0.5 + 1 * 0.25)
    assert within.tail_j == pytest.approx(1 * 0.8)
    at_once = spent(STEPS, air((0.1, 0.1)), NOTHING, 0.2)
    assert at_once.idle_j == 0, "a promotion takes no more time than there is"
    assert spent(STEPS, NOTHING, NOTHING, 100.0).total_j == pytest.approx(0.1)


def test_packets_go_one_after_the_other_at_the_links_rate() -> None:
    log = np.zeros(4, trace.RADIO)
    log["at"] = [1e9, 1e9, 5e9, 6e9]
    log["bytes"] = [1000, 500, 1000, 250]
    log["direction"] = [0, 0, 0, 1]
    rates = {"rate_bps": 8000.0, "capacity": None, "recording": None}
    link = {"up": rates, "down": rates}
    up, down = (air_of(log, way, link) for way in trace.Direction)
    assert up.ends.tolist() == [2.0, 2.5, 6.0]
    assert up.lengths.tolist() == [1.0, 0.5, 1.0]
    assert down.ends.tolist() == [6.0], "it has arrived then"
    assert up.mbit == pytest.approx(0.02)
    recorded = {"up": {**rates, "capacity": "x.up"}, "down": rates}
    assert air_of(log, trace.Direction.UP, recorded).lengths.tolist() == [0, 0, 0]


async def meters(lab: Lab) -> None:
    """A report every minute over LTE, over NB-IoT, and over a cable."""
    await lab.broker()

    async def report(device: mqttlab.Device) -> None:
        async with device.client(keep_alive_s=0) as client:
            for minute in itertools.count(1):
                await asyncio.sleep(60 * minute - lab.now())
                await client.publish("m/kwh", bytes(100), qos=1)

    async with asyncio.TaskGroup() as tasks:
        for name in ("lte", "nb-iot", "ethernet"):
            link = lab.link(name, name="far" if name == "lte" else name)
            tasks.create_task(report(lab.device(f"on-{name}", via=link)))


def test_a_run_tells_joules_and_days() -> None:
    result = mqttlab.run(meters, seed=7, until="1h", radio=True)
    assert result.radio is not None
    counted = result.counters
    for info in result.devices:
        log = result.radio[info.name]
        for way in trace.Direction:
            mine = counted[(counted["actor"] == info.actor) & (counted["direction"] == way)]
            what = "packets" if way == trace.Direction.UP else "delivered"
            assert (log["direction"] == way).sum() == mine[what][0]
        assert (np.diff(log["at"]) >= 0).all()
    lte, nb_iot = result.energy(battery_wh=5)
    assert (lte.device, nb_iot.device) == ("on-lte", "on-nb-iot")
    # 59 reports, and the connection: woken, 11.6 s of tail, little else.
    assert lte.spent.promotions == 60
    assert lte.spent.tail_j == pytest.approx(60 * 11.576 * 1.06, rel=0.02)
    assert lte.battery_days == pytest.approx(5 / 24 / lte.mean_w)
    assert nb_iot.mean_w < lte.mean_w / 5
    device, radio = result.devices[0], mqttlab.radios()["lte"]
    between = of_period(result, device, radio, 90.0, 110.0)
    assert between == Spent(0, 0.0, 0.0, 0.0, pytest.approx(20 * radio.idle_w))
    ten = of_period(result, device, radio, 330.0, 930.0)
    assert ten.promotions == 10
    assert of_period(result, device, radio, 0.0, result.virtual_s) == lte.spent
    own = result.energy({"ethernet": STEPS})
    assert [row.device for row in own] == ["on-ethernet"]
    assert own[0].battery_days is None
    assert len(result.energy("wifi")) == 3
    again = mqttlab.run(meters, seed=7, until="1h")
    assert again.fingerprint == result.fingerprint, "to look on changes nothing"
    assert again.radio is None


def test_of_a_radios_cell_the_rows_say_what_is_not_known(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def station(lab: Lab) -> None:
        await lab.broker()
        hall = lab.link("wifi", name="hall", radio="80211n")
        for link in (hall, lab.link("wifi", name="by-profile")):
            async with lab.device(f"in-{link.name}", via=link).client() as client:
                await client.publish("t", bytes(1000), qos=1)

    hall, by_profile = mqttlab.run(station, until="10s", radio=True).energy()
    assert (hall.radio, by_profile.radio) == ("wifi", "wifi"), "which is looked up by its name"
    assert (hall.has_air_time, by_profile.has_air_time) == (False, True)
    energy.write((hall, by_profile), tmp_path / "energy.csv")
    with (tmp_path / "energy.csv").open() as file:
        rows = [(row["radio"], row["has_air_time"]) for row in csv.DictReader(file)]
    assert rows == [("wifi", "false"), ("wifi", "true")]
    energy.show((hall, by_profile), None, Console(width=200))
    said = capsys.readouterr().out
    assert "hall (wifi, no time in the air)" in said
    assert "by-profile (wifi) " in said
    assert hall.spent.tail_j > 0


@pytest.mark.parametrize(
    ("radio", "battery_wh", "message"),
    [
        ("6g", None, "unknown radio '6g'; known are gprs, "),
        ({"far": "6g"}, None, "unknown radio '6g'"),
        ({}, None, "no device is on a link whose radio is known"),
        (None, 0, "battery_wh=0 is no number of watt hours over 0"),
        (None, "5", "battery_wh='5' is no number"),
    ],
)
def test_wrong_questions_are_one_line(radio: object, battery_wh: object, message: str) -> None:
    result = mqttlab.run(meters, seed=7, until="1min", radio=True)
    with pytest.raises(UsageError, match=message):
        result.energy(radio, battery_wh)  # type: ignore[arg-type]


def test_without_packets_there_is_no_answer() -> None:
    with pytest.raises(UsageError, match=r"give mqttlab\.run\(radio=True\)"):
        mqttlab.run(meters, seed=7, until="1min").energy()
    live = mqttlab.run(meters, seed=7, until="200ms", target="live", radio=True)
    assert [one.what for one in live.not_applicable] == ["run: radio"]


async def sites(lab: Lab) -> None:
    """Two meters over LTE-M, which has no model, a phone over LTE, and a desk on a cable."""
    await lab.broker()
    lte_m = lab.link("lte-m", name="far")
    lab.fleet([*lab.devices(2, "meter-{}", lte_m), lab.device("phone", "lte")], interval="30s")
    await asyncio.sleep(60)
    await cable(lab)


async def cable(lab: Lab) -> None:
    """A desk, whose link has no radio."""
    if lab.broker_made is None:
        await lab.broker()
    async with lab.device("desk").client() as client:
        await client.publish("t", b"", qos=1)


def test_what_has_no_model_is_named_before_the_run_and_after(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = ("run", f"{__file__}:sites", "--until", "2min", "--out", "r")

    def told(*words: str) -> tuple[str, list[str], dict[str, str]]:
        """Of stderr, of the energy on stdout, and the model of each device."""
        assert exit_code(*run, *words) == cli.OK
        out, err = capsys.readouterr()
        with Path("r/energy.csv").open() as file:
            models = {row["device"]: row["radio"] for row in csv.DictReader(file)}
        return err, [line for line in out.splitlines() if line.startswith("energy: ")], models

    remedy = "; --radio LINK=NAME gives one of gprs, edge, umts, lte, wifi, nb-iot"
    none = "no model for the radio of: "
    err, out, models = told("--battery", "5")
    assert err == f"mqttlab: {none}far (2 devices){remedy}\n", "the cable comes a minute later"
    assert out == [f"energy: {none}far (2 devices), ethernet (1 device){remedy}"]
    assert models == {"phone": "lte", "meter-0": "", "meter-1": "", "desk": ""}

    # A link's own model stays where --radio names another link.
    err, out, models = told("--radio", "far=nb-iot", "--radio", "near=wifi")
    nowhere = "--radio near=wifi: there is no link of this name; links are far, lte"
    assert err == f"mqttlab: {nowhere}\n"
    assert out == [
        f"energy: {none}ethernet (1 device){remedy}", f"energy: {nowhere}, ethernet",
    ]  # fmt: skip
    assert models == {"meter-0": "nb-iot", "meter-1": "nb-iot", "phone": "lte", "desk": ""}
    assert told("--radio", "umts", "--radio", "lte=lte") == (
        "", [], {"meter-0": "umts", "meter-1": "umts", "phone": "lte", "desk": "umts"},
    )  # fmt: skip


def test_a_run_without_any_model_passes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ("--until", "1s", "--battery", "5", "--out", "r")
    assert exit_code("run", f"{__file__}:cable", *words) == cli.OK
    assert "energy: no model for the radio of: ethernet (1 device); " in capsys.readouterr().out
    assert Path("r/energy.csv").read_text().splitlines()[1] == "desk,ethernet" + "," * 11


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["6g"], "--radio '6g': unknown radio '6g'; known are gprs, "),
        (["far=6g"], "--radio 'far=6g': unknown radio '6g'"),
        (["=lte"], "--radio '=lte': write --radio NAME or --radio LINK=NAME"),
        (["lte", "umts"], "--radio 'umts': all has one already; give it once"),
        (["far=lte", "far=umts"], "--radio 'far=umts': far has one already"),
    ],
)
def test_a_wrong_radio_is_one_line(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [word for radio in words for word in ("--radio", radio)]
    assert exit_code("run", "field_trial", *options) == cli.USAGE
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1


def test_links_say_whose_radio_has_a_model(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code("links") == cli.OK
    said = capsys.readouterr().out
    assert "energy of 6lowpan, lte-m, geo-satellite, ethernet: no model; `run --radio`" in said
    assert "energy of lte: Huang" in said


def test_the_command_line_has_a_battery(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ("--until", "10min", "--battery", "5", "--out", "r")
    assert exit_code("run", f"{__file__}:meters", *words) == cli.OK
    said = capsys.readouterr().out
    assert "5 Wh last" in said
    assert " days" in said
    with Path("r/energy.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["device"] for row in rows] == ["on-lte", "on-nb-iot", "on-ethernet"]
    assert float(rows[0]["battery_days"]) < float(rows[1]["battery_days"])
