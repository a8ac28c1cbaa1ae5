"""`mqttlab fit`: a simulated link of known parameters is captured at one end, fitted and compared.

Tolerances: rates 5 %, delay 10 %, jitter a quarter, loss a third (of some 1,000 packets), bursts a
half (after a timeout TCP repeats more than was lost), silences 1 s at their begin and what the fit
itself says at their end.
"""

from __future__ import annotations

import asyncio
import csv
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mqttlab._sim")

import mqttlab
from mqttlab import Lab, cli
from mqttlab.fit import broker_logs, captures
from mqttlab.fit.broker_logs import Absences
from mqttlab.fit.estimates import Fit, fit
from mqttlab.fit.exchanges import exchanges
from mqttlab.fit.log_lines import Happened
from running import Running, program
from test_link import exit_code


def captured(
    path: Path,
    side: str,
    link: str | dict[str, Any],
    *,
    big: int = 0,
    small: int = 0,
    outages: Sequence[tuple[float, float]] = (),
) -> None:
    """A device sends itself `big` messages of 60 kB, then `small` ones, one every two seconds."""

    async def scenario(lab: Lab) -> None:
        await lab.broker()
        via = lab.link(link) if isinstance(link, str) else lab.link(**link)
        device = lab.device("device", via=via)

        async def cut() -> None:
            for begin, end in outages:
                await asyncio.sleep(begin - lab.now())
                async with lab.outage(device):
                    await asyncio.sleep(end - begin)

        async def send() -> None:
            async with device.client(keep_alive_s=20, clean_session=False) as client:
                await client.subscribe("big", qos=1)
                for _ in range(big):
                    await client.publish("big", bytes(60_000), qos=1)
                    await asyncio.sleep(10)
                for _ in range(small):
                    await client.publish("small", bytes(40), qos=1)
                    await asyncio.sleep(2)

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(cut())
            tasks.create_task(send())

    mqttlab.run(scenario, seed=7, until="2h", pcap=path, pcap_side=side)  # type: ignore[arg-type]


def fitted(path: Path) -> Fit:
    capture = captures.read(path)
    found = [exchanges(client, of) for client, _, of in captures.connections(capture.segments)]
    return fit(found, capture.segments[-1].at_s)


@pytest.mark.parametrize("side", ["device", "broker", "sender"])
def test_rates_of_a_busy_link(tmp_path: Path, side: str) -> None:
    path = tmp_path / "busy.pcap"
    rates = {"up": {"rate": "256kbit/s"}, "down": {"rate": "1Mbit/s"}}
    captured(path, side, {"delay": "60ms", "jitter": "10ms", **rates}, big=3)
    found = fitted(path)
    assert found.rate_bps == (pytest.approx(256e3, rel=0.05), pytest.approx(1e6, rel=0.05))
    assert found.delay_s == pytest.approx(0.06, abs=0.006)
    assert found.silences == ()
    assert [one.share for one in found.loss] == [0, 0]


def test_a_window_is_not_taken_for_the_link(tmp_path: Path) -> None:
    path = tmp_path / "wide.pcap"
    captured(path, "device", {"delay": "60ms", "jitter": "10ms"}, big=3)
    up, _ = fitted(path).rate_bps
    # A window of ten segments in each round trip is 1 Mbit/s; what limits them is jitter.
    assert up is None or up > 5e6


@pytest.mark.parametrize("side", ["device", "broker", "sender"])
def test_delay_jitter_and_loss_of_both_ways(tmp_path: Path, side: str) -> None:
    path = tmp_path / "lossy.pcap"
    link = {"delay": "60ms", "jitter": "20ms", "up": {"loss": "6%"}, "down": {"loss": "2%"}}
    captured(path, side, link, small=1000)
    found = fitted(path)
    up, down = found.loss
    assert up.share == pytest.approx(0.06, rel=0.33)
    assert down.share == pytest.approx(0.02, rel=0.4)
    assert up.packets >= 1000
    if side == "broker":  # what answers there at once is the handshake alone
        assert found.delay_s == pytest.approx(0.07, abs=0.01)
    else:
        assert found.delay_s == pytest.approx(0.06, abs=0.006)
        assert found.jitter_s == pytest.approx(0.02, rel=0.25)
        assert found.round_trips > 900
    assert found.rate_bps == (None, None), "it was never busy"
    assert found.silences == ()


def test_bursts_are_told_from_chance(tmp_path: Path) -> None:
    path = tmp_path / "bursts.pcap"
    burst = {"good_to_bad": 0.02, "bad_to_good": 0.25}
    captured(path, "device", {"rate": "2Mbit/s", "delay": "30ms", "up": {"burst": burst}}, big=30)
    up, down = fitted(path).loss
    # TCP repeats more than was lost: both come out too high, by up to twice.
    assert 0.9 < up.burst / 4 < 2.1
    assert 0.9 < up.share / (0.02 / 0.27) < 2.1
    assert down.burst is None
    assert down.share < 0.01


def test_silences_and_the_circle_closes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, out = tmp_path / "field.pcap", tmp_path / "field.toml"
    outages = ((30, 50), (120, 180))
    captured(path, "device", {"delay": "60ms", "jitter": "20ms"}, small=140, outages=outages)
    assert exit_code("fit", str(path), "--out", str(out)) == cli.OK
    said = capsys.readouterr().out
    assert "2 silences" in said
    assert "never busy" in said
    first = fitted(path)
    for silence, (begin, end) in zip(first.silences, outages, strict=True):
        assert silence.begin_s == pytest.approx(begin, abs=1)
        assert silence.end_s == pytest.approx(end, abs=silence.uncertain_s + 1)

    # The same traffic over the fitted link, on which nobody cuts anything, has the same silences.
    again = tmp_path / "again.pcap"
    captured(again, "device", str(out), small=140)
    second = fitted(again)
    assert second.delay_s == pytest.approx(first.delay_s, abs=0.002)
    assert len(second.silences) == 2
    for one, other in zip(first.silences, second.silences, strict=True):
        assert other.begin_s == pytest.approx(one.begin_s, abs=2.1)
        assert other.end_s == pytest.approx(one.end_s, abs=other.uncertain_s + 1)
    with out.with_suffix(".up.csv").open() as file:
        rows = [(float(row["time_s"]), float(row["loss"])) for row in csv.DictReader(file)]
    assert [loss for _, loss in rows] == [0, 1, 0, 1, 0, 0]
    assert 2 * rows[-1][0] - rows[-2][0] == pytest.approx(first.span_s, abs=0.01)


def test_captures_of_every_kind_and_broken_ones(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path("some.pcap")
    captured(path, "device", {"delay": "40ms"}, small=5)
    whole = fitted(path)
    subprocess.run(["editcap", "-F", "pcapng", "some.pcap", "other.pcapng"], check=True)
    assert fitted(Path("other.pcapng")).delay_s == pytest.approx(whole.delay_s, abs=1e-6)
    # Headers alone are enough.
    subprocess.run(["editcap", "-s", "60", "some.pcap", "short.pcap"], check=True)
    assert fitted(Path("short.pcap")).loss == whole.loss

    Path("cut.pcap").write_bytes(path.read_bytes()[:-9])
    assert exit_code("fit", "cut.pcap") == cli.OK
    assert Path("cut.toml").read_text().startswith("# Fitted to cut.pcap: ")
    Path("none.pcap").write_bytes(path.read_bytes()[:24])
    Path("noise").write_bytes(bytes(range(256)))
    capsys.readouterr()
    for words, says in (
        (["none.pcap"], "'none.pcap' has no TCP in it"),
        (["noise"], "'noise' is neither a capture (pcap, pcapng) nor a log"),
        (["missing"], "cannot read 'missing'"),
        (["some.pcap", "--device", "1.2.3.4"], "--device 1.2.3.4: opens no connection there; "),
        (["some.pcap", "--client", "x"], "--client x: a capture knows devices"),
        (["some.pcap", "--out", "x.csv"], "link files end in .toml; write x.toml"),
        (["some.pcap", "--out", "no/x.toml"], "cannot write 'no/x.toml'"),
        (["some.pcap", "--profile", "5g"], "unknown profile '5g'"),
    ):
        assert exit_code("fit", *words) == cli.USAGE
        said = capsys.readouterr().err
        assert says in said
        assert said.count("\n") == 1


LOG = """\
1700000000: mosquitto version 2.0.11 starting
1700000010: New client connected from 10.0.0.7:50000 as meter 7 (p2, c0, k60).
1700000015: New client connected from 10.0.0.8:50000 as desk (p2, c1, k60).
1700000100: Client meter 7 closed its connection.
1700000130: New client connected from 10.0.0.7:50001 as meter 7 (p2, c0, k60).
1700000200: Client desk disconnected.
1700000290: Client meter 7 has exceeded timeout, disconnecting.
1700000310: New client connected from 10.0.0.7:50002 as meter 7 (p2, c0, k60).
1700000400: Saving in-memory database to /var/lib/mosquitto/mosquitto.db.
"""


def absences(
    name: str, client_id: str | None = None, keep_alive_s: float | None = None
) -> Absences:
    kind = broker_logs.kind_of(Path(name))
    assert kind is not None
    return broker_logs.read(Path(name), kind, client_id, keep_alive_s)


def times(absent: Absences) -> list[tuple[float, float, float]]:
    return [
        (round(one.begin_s, 3), round(one.end_s, 3), one.uncertain_s) for one in absent.silences
    ]


def test_a_log_tells_when_a_client_was_away(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mosquitto.log").write_text(LOG)
    absent = absences("mosquitto.log")
    assert (absent.client_id, absent.span_s) == ("meter 7", 390)
    # Missed after 90 s of silence, of which the middle is taken.
    assert [(one.begin_s, one.end_s, one.uncertain_s) for one in absent.silences] == [
        (90, 120, 0), (235, 300, 45),
    ]  # fmt: skip
    assert exit_code("fit", "mosquitto.log", "--profile", "lte") == cli.OK
    assert "client meter 7: 2 silences in 390.0 s" in capsys.readouterr().out
    links: list[mqttlab.Link] = []

    async def scenario(lab: Lab) -> None:
        links.append(lab.link("mosquitto.toml"))

    mqttlab.run(scenario, until="1s")
    up = links[0].describe()["up"]
    assert isinstance(up, dict)
    assert (up["rate_bps"], up["recording"]) == (5e6, "mosquitto.csv")
    assert absences("mosquitto.log", "desk").silences == ()

    Path("iso.log").write_text(LOG.replace("1700000", "2023-11-14T22:13:20+00:00: #"))
    for words, says in (
        (["mosquitto.log", "--client", "x"], "--client 'x' is not in 'mosquitto.log'; meter 7, "),
        (["mosquitto.log", "--device", "x"], "--device x: a log knows clients"),
        (["iso.log"], "'iso.log' names no client that connected"),
    ):
        assert exit_code("fit", *words) == cli.USAGE
        assert says in capsys.readouterr().err


OURS = """\
2026-12-01T03:17:20.000Z notice  listening on tcp://127.0.0.1:1883
2026-12-01T03:17:30.500Z info    10.0.0.7:40716 connected to tcp://127.0.0.1:1883
2026-12-01T03:17:30.500Z info    10.0.0.7:40716 is client 'meter 7'
2026-12-01T03:17:40.500Z info    [fe80::1]:40724 is client 'o'brien'
2026-12-01T03:17:50.500Z info    10.0.0.7:40716 reset after 20 s
2026-12-01T03:18:00.500Z info    10.0.0.7:40717 is client 'meter 7'
2026-12-01T03:18:10.500Z info    10.0.0.7:40718 is client 'meter 7'
2026-12-01T03:18:10.500Z info    10.0.0.7:40717 ended by the broker: Session taken over after 10 s
2026-12-01T03:19:30.500Z info    10.0.0.7:40718 ended by the broker: Keep Alive timeout after 80 s
2026-12-01T03:19:40.500Z info    10.0.0.7:40719 is client 'meter 7'
2026-12-01T03:19:50.500Z info    10.0.0.7:40719 ended by the broker: Server shutting down after 9 s
2026-12-01T03:20:00.500Z info    10.0.0.7:40720 is client 'meter 7'
2026-12-01T03:20:10.500Z info    10.0.0.7:40720 disconnected after 10 s
2026-12-01T03:20:20.500Z info    10.0.0.7:40721 refused: no CONNECT in time after 5 s
2026-12-01T03:20:25.500Z info    [fe80::1]:40724 closed by the client after 165 s
2026-12-01T03:20:30.500Z notice  stopped
"""

TAKEN_OVER = """\
2026-12-01T03:17:30.500Z info    10.0.0.7:40716 is client 'meter 7'
2026-12-01T03:18:00.500Z info    10.0.0.7:40717 is client 'meter 7'
2026-12-01T03:18:00.500Z info    10.0.0.7:40716 TLS: stream truncated after 30 s
2026-12-01T03:18:30.500Z info    10.0.0.7:40717 disconnected after 30 s
"""


def test_our_own_log_tells_it_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("ours.log").write_text(OURS)
    absent = absences("ours.log")
    assert (absent.client_id, absent.span_s, absent.undated) == ("meter 7", 180, 1)
    # Neither who was taken over nor whom the broker or the client itself let go was cut off.
    assert times(absent) == [(20, 30, 0), (120, 130, 0)]
    assert times(absences("ours.log", keep_alive_s=40)) == [(20, 30, 0), (90, 130, 30)]
    assert times(absences("ours.log", "o'brien")) == [(165, 170, 0)]
    assert exit_code("fit", "ours.log") == cli.OK
    assert (
        "Noticed only by the keep alive: 1, which began up to 1.5 times it earlier"
        in capsys.readouterr().out
    )
    assert exit_code("fit", "ours.log", "--keep-alive", "40s") == cli.OK
    said = capsys.readouterr().out
    assert "90.0 s to 130.0 s, give or take 30.0 s" in said
    assert "--keep-alive" not in said
    Path("over.log").write_text(TAKEN_OVER)
    assert absences("over.log").silences == (), "what it had before ends when it is back"
    Path("ours.log").write_text("\n".join(OURS.splitlines()[:2]))
    assert exit_code("fit", "ours.log") == cli.USAGE
    assert (
        "names no client that connected; `mqttlab broker` says so with" in capsys.readouterr().err
    )


def test_the_log_that_our_broker_writes_is_read(tmp_path: Path) -> None:
    """What protocol/live/broker_server.cc says today, of a client that closes without a word."""
    broker = Running(
        tmp_path, program("mqttlab-broker"), "--listen", "tcp://127.0.0.1:0",
        "--allow-anonymous", "--log-level", "info",
    )  # fmt: skip
    try:
        port = int(broker.until(r"listening on tcp://127\.0\.0\.1:(\d+)")[1])
        for count in (1, 2):
            with socket.create_connection(("127.0.0.1", port)) as client:
                client.sendall(bytes.fromhex("100e 0004 4d515454 04 02 003c 0002 6d37"))
                client.recv(4)
            broker.until(rf"(?:closed by the client after [\s\S]*){{{count}}}")
    finally:
        broker.kill()
    (tmp_path / "ours.log").write_text(broker.said)
    kind = broker_logs.kind_of(tmp_path / "ours.log")
    assert kind is not None
    events = [one for one in kind.events(broker.said.splitlines()) if one.client_id == "m7"]
    assert [one.what for one in events] == [Happened.CONNECTED, Happened.CLOSED] * 2


TABLE = """\
time,client,event
2023-11-14T22:13:20Z,meter 7,connected
1700000100, meter 7 ,closed

1700000300,meter 7,timeout
1700000130,meter 7,connected
"a,b",x
"""


def test_any_log_can_be_brought_to_a_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    table = TABLE.replace('"a,b",x', '1700000320,meter 7,connected\n1700000400,"a,b",connected')
    Path("emqx.csv").write_text(table)
    absent = absences("emqx.csv")
    assert (absent.client_id, absent.span_s) == ("meter 7", 400)
    assert times(absent) == [(100, 130, 0), (300, 320, 0)], "in the order of time"
    assert times(absences("emqx.csv", keep_alive_s=60)) == [(100, 130, 0), (255, 320, 45)]
    assert absences("emqx.csv", "a,b").silences == ()
    Path("emqx.log").write_text("2023-11-14T22:13:20 [info] clientid: m7, msg: terminate\n" * 99)
    Path("when.csv").write_text(table.replace("1700000300", "noon"))
    Path("inf.csv").write_text(table.replace("1700000300", "inf"))
    Path("word.csv").write_text(table.replace("timeout", "kicked"))
    Path("cells.csv").write_text(TABLE)
    Path("empty.log").touch()
    wanted = "has none of the lines that are wanted: mosquitto's log (1700000010: "
    for name, says in (
        ("emqx.log", wanted),
        ("inf.csv", "'inf.csv', line 5: 'inf' is no time"),
        ("when.csv", "'when.csv', line 5: 'noon' is no time; write seconds, or ISO 8601"),
        ("word.csv", "'word.csv', line 5: 'kicked' is none of connected, closed, timeout, "),
        ("cells.csv", """'cells.csv', line 7: '"a,b",x' is not time,client,event"""),
        ("empty.log", "'empty.log' is empty"),
    ):
        assert exit_code("fit", name) == cli.USAGE
        said = capsys.readouterr().err
        assert says in said
        assert said.count("\n") == 1
        assert "pcap" not in said
    assert exit_code("fit", "emqx.log") == cli.USAGE
    said = capsys.readouterr().err
    assert "`mqttlab broker --log-level info` (" in said
    assert "CSV (time,client,event with connected, closed, timeout, disconnected as" in said
