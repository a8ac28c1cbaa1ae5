"""The drivers that conformance ships: a few cases come to the verdicts that are committed, and a
driver ends well whatever its client is doing.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import node
from mqttlab import conformance
from mqttlab.conformance.clients import HOST, SHIPPED, clients
from mqttlab.conformance.runner import Settings, run
from mqttlab.conformance.wire import encode
from running import program

RESULTS = Path(__file__).parents[2] / "results/conformance/clients"
CASES = (
    "connect.will", "quality.qos_2_first", "quality.once", "redelivery.publish_1",
    "subscribe.identifier", "disconnect.closes", "connect.once_maximum_packet_size",
)  # fmt: skip
WITHIN_S, STUCK_S = 20.0, 1.0


@pytest.mark.parametrize("name", ["paho", "gmqtt", "mqttjs", "mosquitto", "mqttlab-pub"])
def test_a_driver_comes_to_the_verdicts_that_are_committed(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name == "mqttjs":
        node.program()
        monkeypatch.setenv("NODE_PATH", node.environment()["NODE_PATH"])
    elif name == "mosquitto":
        program("mosquitto_sub")
    committed = json.loads((RESULTS / name / "conformance.json").read_text())["cases"]
    wanted = {
        one["name"]: one["verdict"]
        for one in committed
        if one["version"] == "5.0" and one["name"] in CASES
    }
    pairs = [(one, 5) for one in conformance.load("client") if one.name in CASES]
    with clients(name, None, 1, None, None) as target:
        outcomes = asyncio.run(run(pairs, target, Settings(target.times, at_once=4)))
    told = {one.case.name: one for one in outcomes if str(one.verdict) == "error"}
    assert not told  # says why
    assert {one.case.name: str(one.verdict) for one in outcomes} == wanted
    assert len(wanted) == len(CASES)


@pytest.mark.parametrize("name", ["paho", "mosquitto"])
def test_a_driver_quits_while_a_thread_of_it_is_amid_a_word(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name == "mosquitto":
        program("mosquitto_sub")
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)  # under it nothing can hold the output
    pipe = subprocess.PIPE
    connect = {"client_id": "a", "version": "5.0", "clean": True, "keep_alive_s": 60}
    messages = encode("PUBLISH", 5, topic="t", payload=b"x" * 1000) * 2**15
    with contextlib.ExitStack() as ends:
        server = ends.enter_context(socket.create_server((HOST, 0)))
        server.settimeout(WITHIN_S)
        port = server.getsockname()[1]
        words = [one.format(python=sys.executable, host=HOST, port=port) for one in SHIPPED[name]]
        driver = ends.enter_context(subprocess.Popen(words, stdin=pipe, stdout=pipe))
        ends.callback(driver.kill)
        _order(driver, "connect", **connect)
        client = ends.enter_context(server.accept()[0])
        client.sendall(encode("CONNACK", 5))
        client.settimeout(STUCK_S)
        with pytest.raises(TimeoutError):  # as nobody reads what the driver says
            client.sendall(messages)
        _order(driver, "quit")
        assert driver.wait(WITHIN_S) == 0


def _order(driver: subprocess.Popen[bytes], do: str, **fields: Any) -> None:
    assert driver.stdin
    driver.stdin.write(json.dumps({"do": do, **fields}).encode() + b"\n")
    driver.stdin.flush()
