"""What the report shows of a violation: the ladder of those involved, around what proves it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from handmade import BROKER, Handmade
from mqttlab.figures.view import TraceView
from mqttlab.report.evidence import Evidence, evidence
from mqttlab.result import ClientInfo, Result, Violation
from mqttlab.trace import CloseCause, DropReason, End, Kind, Packet

IDS = ("MQTT-3.3.1-1", "MQTT-3.3.1-2")


def shown(run: Handmade, *events: int, **changes: object) -> Evidence:
    violation = Violation("DUP-RULE", IDS, 10**9, "it <b>broke</b>", events)
    [found] = evidence(TraceView(run.result(violations=(violation,), **changes)))
    return found


def lines(found: Evidence) -> list[str]:
    return [f"{one.css}|{one.lane}|{one.label}|{one.text}" for one in found.rungs]


def two_meters() -> tuple[Handmade, int, int]:
    """Of the second, a PUBLISH that is lost with its connection, and the same again without DUP."""
    run = Handmade()
    first, second = run.device("first"), run.device("second")
    run.open(1, first)
    lost = run.open(2, second)
    run.publish(3, 1, "noise", 0, up=True)
    before = len(run.rows)
    run.packet(4, lost, Packet.PUBLISH, up=True, lost=True, packet_id=7, flags=2,
               text=run.text("t"), payload_bytes=9)  # fmt: skip
    run.add(5, Kind.FAULT, second, text=run.text("cut reset"))
    run.close(5, lost, CloseCause.RESET, CloseCause.RESET)
    again = run.open(6, second, clean=False)
    after = len(run.rows)
    run.packet(7, again, Packet.PUBLISH, up=True, packet_id=7, flags=8 | 2, text=run.text("t"))
    return run, before, after


def test_the_ladder_has_the_device_involved_and_no_other() -> None:
    run, before, after = two_meters()
    found = shown(run, before, after)
    assert found.lanes == ("second",)
    assert [rule.id for rule in found.rules] == list(IDS)
    said = lines(found)
    lost = "sent lost|0|PUBLISH|connection 2, id 7, topic 't', QoS 1, payload of 9 B; never arrives"
    assert lost in said
    assert "fault here|0|fault|second: cut reset" in said
    assert "order here|0|closed|second (connection 2): has lost it: reset" in said
    assert "order here|1|closed|broker (connection 2): has lost it: reset" in said
    assert ("sent|0|PUBLISH|connection 3, id 7, topic 't', QoS 1, DUP, payload of 0 B; "
            "arrives 100 ms later") in said  # fmt: skip
    assert ("sent|0|CONNECT|connection 3, client 'second', goes on with its session, "
            "keep alive 60 s; arrives 100 ms later") in said  # fmt: skip
    assert [one.label for one in found.rungs if one.is_proof] == ["PUBLISH", "PUBLISH"]
    assert not any("noise" in line or "connection 1" in line for line in said)


def test_what_is_far_from_the_proof_is_left_out_but_for_what_turned() -> None:
    run = Handmade()
    device = run.device("meter")
    connection = run.open(1, device)
    first = len(run.rows)
    for number in range(40):
        run.publish(2 + number, connection, f"m{number}", 0, up=True)
    run.add(50, Kind.LINK_DOWN, device)
    for number in range(40):
        run.publish(60 + number, connection, f"n{number}", 0, up=True)
    found = shown(run, first, len(run.rows) - 2)
    labels = [one.label for one in found.rungs]
    assert labels.count("\u22ee") == 2
    every = shown(run, *range(first, len(run.rows)))
    assert sum(one.is_proof for one in every.rungs) == 12
    assert labels.count("link down") == 1
    assert len(labels) < 25


def test_an_arrival_stands_apart_if_something_came_in_between() -> None:
    run = Handmade()
    run.device("meter")
    connection = run.open(1, 1)
    written = run.add(2, Kind.WRITTEN, BROKER, end=End.BROKER, connection=connection,
                      packet=Packet.PUBACK, packet_id=4, code=0x87)  # fmt: skip
    run.add(2.5, Kind.WRITTEN, 1, end=End.CLIENT, connection=connection, packet=Packet.PINGREQ)
    run.add(3, Kind.ARRIVED, 1, end=End.CLIENT, connection=connection, packet=Packet.PUBACK,
            packet_id=4, code=0x87)  # fmt: skip
    said = lines(shown(run, written))
    words = "connection 1, id 4, code 0x87 Not authorized"
    assert f"received|0|PUBACK|{words}; arrives 1.00 s later" in said
    assert f"received late|0|PUBACK|arrives: {words}, written at 2.000 s" in said


def test_what_the_broker_did_with_a_session_is_in_its_devices_ladder() -> None:
    run = Handmade()
    device = run.device("meter")
    run.open(1, device)
    dropped = run.add(3, Kind.DROPPED, BROKER, text=run.text("id"), code=DropReason.QUEUE_FULL)
    client = ClientInfo(device, "id", True, 60, "")
    found = shown(run, dropped, clients=(client,))
    assert found.lanes == ("meter",)
    assert lines(found)[-1] == "order here|1|dropped|broker: of id: queue full"


def test_without_events_there_are_words_only(tmp_path: Path) -> None:
    run, before, after = two_meters()
    assert shown(run).rungs == ()
    violation = Violation("DUP-RULE", IDS, 10**9, "it <b>broke</b>", (before, after))
    result: Result = run.result(violations=(violation, dataclasses.replace(violation, at=2)))
    page = result.write(tmp_path).read_text()
    assert "It &lt;b&gt;broke&lt;/b&gt;. It is the first of 2." in page
    assert page.count('<table class="ladder"') == 1
    assert "A PUBLISH that is being delivered again has DUP 1." in page
