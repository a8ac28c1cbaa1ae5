"""Links from files: recordings, and link files for the lab and for `mqttlab link`."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

pytest.importorskip("mqttlab._sim")

import mqttlab
from mqttlab import Lab, UsageError, cli, link_files
from running import program
from test_link import Linked, exit_code, interrupt, linked

__all__ = ["linked"]  # a fixture

CSV = "time_s,kbit/s,delay_ms,loss\n0,800,20,0\n10,80,200,0\n20,800,20,1\n"
TOML = """
profile = "umts"
delay = "80ms"
cycle = { up = "30s", down = "5s" }
[up]
trace = "was.csv"
trace_start = 3
[down]
rate = "1Mbit/s"
burst = { good_to_bad = 0.01, bad_to_good = "20%" }
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "was.csv").write_text(CSV)
    (tmp_path / "outage.toml").write_text(TOML)
    return tmp_path / "outage.toml"


def described(*arguments: str, **options: object) -> mqttlab.Link:
    made: list[mqttlab.Link] = []

    async def scenario(lab: Lab) -> None:
        made.append(lab.link(*arguments, **options))  # type: ignore[arg-type]

    mqttlab.run(scenario, until="1s")
    return made[0]


def test_a_recorded_table_decides_over_what_a_message_goes(tmp_path: Path) -> None:
    path = tmp_path / "was.csv"
    path.write_text(CSV)
    took: list[float] = []

    async def scenario(lab: Lab) -> None:
        await lab.broker()
        link = lab.link(up={"trace": path, "trace_start": 0}, down={"delay": "20ms"})
        async with lab.device("meter", via=link).client() as client:
            for at in (1, 11, 18):
                await asyncio.sleep(at - lab.now())
                await client.publish("a/b", bytes(960), qos=1)
                took.append(lab.now() - at)

    result = mqttlab.run(scenario, seed=7, until="1min")
    result.check()
    # A packet of some 1,010 bytes: 10 ms and 20 ms there, 101 ms and 200 ms later; 20 ms back.
    assert took[0] == pytest.approx(0.050, abs=0.002)
    assert took[1] == pytest.approx(0.321, abs=0.005)
    assert took[2] == pytest.approx(0.321, abs=0.005)


def test_all_is_lost_where_the_table_says_so(tmp_path: Path) -> None:
    path = tmp_path / "was.csv"
    path.write_text(CSV)
    done: list[float] = []

    async def scenario(lab: Lab) -> None:
        await lab.broker()
        link = lab.link(up={"trace": path, "trace_start": "15s"})
        async with lab.device("meter", via=link).client(keep_alive_s=60) as client:
            await asyncio.sleep(6 - lab.now())  # a second into what was lost, which is from 5 to 15
            await client.publish("a/b", b"1", qos=1)
            done.append(lab.now())

    result = mqttlab.run(scenario, seed=7, until="1min")
    assert done[0] >= 15
    assert result.links["link-1"]["up"]["recording"] == str(path)  # type: ignore[index]
    assert result.counters["lost_random"].sum() > 0


def test_a_link_file_refines_a_profile_and_is_refined(file: Path) -> None:
    link = described(str(file))
    assert link.name == "outage"
    told = link.describe()
    up, down = told["up"], told["down"]
    assert isinstance(up, dict)
    assert isinstance(down, dict)
    assert up["recording"] == str(file.parent / "was.csv")
    assert up["recording_start_s"] == 3
    assert down["rate_bps"] == 1e6
    assert down["delay_s"] == up["delay_s"] == 0.08
    assert down["jitter_s"] == 0.04, "umts's"
    assert told["cycle"] == {"up_s": 30, "down_s": 5, "spread": 0.5}
    more = described(str(file), rate="2Mbit/s", name="mine", up={"loss": "3%"}).describe()
    assert more["down"]["rate_bps"] == 2e6  # type: ignore[index]
    assert more["up"]["loss"] == 0.03  # type: ignore[index]
    assert more["up"]["recording"] == up["recording"]  # type: ignore[index]


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("rate = ", "outage.toml' is no TOML: "),
        ("pace = 1", "link 'outage': unknown option 'pace'"),
        ("up = 3", "link 'outage': up=3 is no mapping"),
        ('profile = "5g"', "unknown profile '5g'"),
        ("profile = 5", "outage.toml': profile: 5 is no text"),
        ('[up]\ntrace = "none.csv"', "up: trace: cannot read '.*none.csv'"),
        ('trace = "was.csv"\nloss = 2', "loss: 2 is over 1"),
        ('name = "x"\ntrace_start = -1', "link 'x': trace_start: -1 is"),
    ],
)
def test_what_is_wrong_in_a_link_file_is_one_line(file: Path, toml: str, message: str) -> None:
    file.write_text(toml)
    with pytest.raises(UsageError, match=message) as caught:
        described(str(file))
    assert "\n" not in str(caught.value)


def test_a_bad_recording_names_line_and_remedy(tmp_path: Path) -> None:
    path = tmp_path / "was.csv"
    path.write_text("time,Mbit\n0,1\n")
    with pytest.raises(
        UsageError, match=r"was.csv', line 1: 'time,Mbit' names no columns.*write t"
    ):
        described(trace=str(path))
    path.write_text("time_s,loss\n0,0\n1,many\n")
    with pytest.raises(UsageError, match="line 3: '1,many' has no number from 0 on under loss"):
        described(trace=str(path))
    with pytest.raises(UsageError, match=r"cannot read 'no\.toml'"):
        described("no.toml")


def test_a_link_file_is_the_same_for_the_program(
    linked: Linked, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = link_files.program_options(str(file))
    assert f"up:{file.parent / 'was.csv'}" in words
    assert "up:3000000000ns" in words
    linked.mosquitto()
    link = linked.start(
        program("mqttlab"), "link", f"--profile={file}", "--cycle", "up=1h,down=1s",
        "--listen", "tcp://127.0.0.1:0", "--to", f"127.0.0.1:{linked.port}",
    )  # fmt: skip
    linked.port = int(link.until(r"listening on .*?:(\d+)\n")[1])
    started = time.monotonic()
    assert "received PUBACK" in linked.publish_lines(1, "-q", "1")
    # Round trips of 100 ms: to connect, CONNECT and PUBLISH.
    assert time.monotonic() - started >= 0.3
    interrupt(link)

    assert exit_code("link", "--profile", "no.toml", "--to", "127.0.0.1:1") == cli.USAGE
    assert "cannot read 'no.toml'" in capsys.readouterr().err
