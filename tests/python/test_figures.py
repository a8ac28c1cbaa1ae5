"""Figures of run.json, over traces written by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from handmade import BROKER, VIOLATION, Handmade
from mqttlab.figures import UNEXPLAINED, Analysis, figures
from mqttlab.figures.view import topic_matches
from mqttlab.result import ClientInfo
from mqttlab.trace import CloseCause, Death, Direction, DropReason, End, Kind, Packet


@pytest.fixture
def trial() -> tuple[Handmade, int, int]:
    """A publisher and a persistent subscriber to site/#: (run, publisher's, subscriber's link)."""
    run = Handmade()
    meter, desk = run.device("meter"), run.device("desk")
    inward = run.open(0.0, desk, clean=False)
    run.subscribe(0.5, inward, "site/#")
    return run, run.open(1.0, meter), inward


def level(run: Handmade, qos: int, **changes: object) -> dict:
    return figures(Analysis(run.result(**changes)))["qos"][str(qos)]


def through(run: Handmade, outward: int, inward: int, name: str, qos: int, at: float = 2.0) -> None:
    """A message from call to delivery, a second after the call."""
    run.call(at, run.owner[outward], name, qos)
    run.publish(at, outward, name, qos, up=True)
    run.publish(at + 0.5, inward, name, qos, up=False)
    run.deliver(at + 1.0, run.owner[inward], name, qos)


def test_topic_filters_match_as_in_section_4_7() -> None:
    yes = [("#", "a"), ("a/#", "a"), ("a/#", "a/b/c"), ("+/b", "a/b"), ("a/+", "a/"), ("/+", "/a")]
    no = [("+", "a/b"), ("a/+", "a"), ("#", "$SYS/a"), ("+/a", "$SYS/a"), ("a", "a/b"), ("+", "/a")]
    assert all(topic_matches(*pair) for pair in [*yes, ("$SYS/#", "$SYS/a")])
    assert not any(topic_matches(*pair) for pair in no)


def test_a_message_that_arrives_is_counted_once_with_its_latency(trial: tuple) -> None:
    run, outward, inward = trial
    through(run, outward, inward, "m", 1)
    run.deliver(3.5, run.owner[inward], "m", 1)
    found = level(run, 1)
    assert (found["published"], found["accepted"], found["delivered"]) == (1, 1, 1)
    assert (found["duplicates"], found["lost"], found["lost_by_reason"]) == (1, 0, {})
    assert found["latency_s"] == {"p50": 1.0, "p90": 1.0, "p99": 1.0, "max": 1.0}
    assert level(run, 2)["latency_s"]["p50"] is None


def test_what_another_subscriber_got_does_not_count(trial: tuple) -> None:
    run, outward, _ = trial
    wall = run.device("wall")
    elsewhere = run.open(1.0, wall)
    run.subscribe(1.5, elsewhere, "site/#")
    run.call(2.0, run.owner[outward], "m", 1)
    run.publish(2.0, outward, "m", 1, up=True)
    run.publish(2.3, elsewhere, "m", 1, up=False)
    run.deliver(2.5, wall, "m", 1)
    assert (level(run, 1)["delivered"], level(run, 1)["lost"]) == (0, 1)


def test_a_retained_copy_for_a_new_subscription_is_no_duplicate(trial: tuple) -> None:
    run, outward, inward = trial
    through(run, outward, inward, "m", 1)
    run.deliver(9.0, run.owner[inward], "m", 1, retain=1)
    assert level(run, 1)["duplicates"] == 0


def never_sent(run: Handmade, outward: int, inward: int) -> None:
    run.call(2.0, run.owner[outward], "m", 0)


def died(run: Handmade, outward: int, inward: int) -> None:
    never_sent(run, outward, inward)
    run.add(3.0, Kind.DIED, run.owner[outward], code=Death.SILENT)


def cut_inbound(run: Handmade, outward: int, inward: int) -> None:
    never_sent(run, outward, inward)
    run.publish(2.0, outward, "m", 0, up=True, lost=True)


def dropped(reason: DropReason) -> Callable[[Handmade, int, int], None]:
    def script(run: Handmade, outward: int, inward: int) -> None:
        accepted(run, outward, inward)
        run.add(2.2, Kind.DROPPED, BROKER, text=run.text("desk"), code=reason,
                message=run.message("m"))  # fmt: skip

    return script


def dropped_for_another(run: Handmade, outward: int, inward: int) -> None:
    accepted(run, outward, inward)
    run.add(2.2, Kind.DROPPED, BROKER, text=run.text("wall"), message=run.message("m"))


def accepted(run: Handmade, outward: int, inward: int) -> None:
    never_sent(run, outward, inward)
    run.publish(2.0, outward, "m", 0, up=True)


def cut_outbound(run: Handmade, outward: int, inward: int) -> None:
    accepted(run, outward, inward)
    run.publish(2.3, inward, "m", 0, up=False, lost=True)
    run.close(3.0, inward, CloseCause.TIMEOUT, CloseCause.TIMEOUT)


def cut_before_sent(run: Handmade, outward: int, inward: int) -> None:
    accepted(run, outward, inward)
    run.close(3.0, inward, CloseCause.TIMEOUT, CloseCause.TIMEOUT)


def never_taken(run: Handmade, outward: int, inward: int) -> None:
    accepted(run, outward, inward)
    run.publish(2.3, inward, "m", 0, up=False)


def session_over(run: Handmade, outward: int, inward: int) -> None:
    run.add(1.5, Kind.SESSION_ENDED, BROKER, text=run.text("desk"))
    accepted(run, outward, inward)


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (never_sent, "publisher offline"),
        (died, "publisher died before it was sent"),
        (cut_inbound, "cut on the way to the broker"),
        (dropped(DropReason.OFFLINE_QOS0), "subscriber offline"),
        (dropped(DropReason.QUEUE_FULL), "broker's queue for the subscriber was full (messages)"),
        (cut_outbound, "cut on the way to the subscriber"),
        (cut_before_sent, "cut before the broker could send it"),
        (never_taken, "arrived, but the subscriber's application never took it"),
        (session_over, "subscriber offline"),
        (accepted, UNEXPLAINED),
        (dropped_for_another, UNEXPLAINED),
    ],
)
def test_a_lost_qos_0_message_names_the_place_where_it_ended(
    trial: tuple, script: Callable, reason: str
) -> None:
    run, outward, inward = trial
    script(run, outward, inward)
    found = level(run, 0)
    assert (found["published"], found["delivered"], found["lost"]) == (1, 0, 1)
    assert found["lost_by_reason"] == {reason: 1}


def test_what_an_interrupted_run_had_under_way_is_said_to_be_so(trial: tuple) -> None:
    run, outward, inward = trial
    accepted(run, outward, inward)
    found = level(run, 0, interrupted=True)
    assert found["lost_by_reason"] == {"under way when the run was interrupted": 1}


def test_qos_1_is_lost_only_if_accepted_while_subscribed(trial: tuple) -> None:
    run, outward, _ = trial
    meter = run.owner[outward]
    run.call(2.0, meter, "never accepted", 1)
    run.call(2.0, meter, "elsewhere", 1, topic="other")
    run.publish(2.0, outward, "elsewhere", 1, up=True, topic="other")
    run.call(2.0, meter, "owed", 1)
    run.publish(2.0, outward, "owed", 1, up=True)
    found = level(run, 1)
    assert (found["published"], found["accepted"], found["lost"]) == (3, 2, 1)
    assert found["lost_by_reason"] == {UNEXPLAINED: 1}
    assert sum(found["not_accepted_by_reason"].values()) == 1


@pytest.mark.parametrize(
    ("qos", "client_id", "ended", "lost"),
    [
        (2, "desk", False, {}),
        (0, "desk", False, {}),
        (0, "desk", True, {"subscriber offline": 1}),
        (0, "wall", False, {UNEXPLAINED: 1}),
    ],
)
def test_what_a_session_got_at_another_device_is_not_lost(
    trial: tuple, qos: int, client_id: str, ended: bool, lost: dict
) -> None:
    run, outward, inward = trial
    run.close(1.5, inward, CloseCause.RESET, CloseCause.RESET)
    if ended:
        run.add(2.1, Kind.SESSION_ENDED, BROKER, text=run.text("desk"))
    wall = run.device("wall")
    elsewhere = run.open(2.2, wall, clean=ended, client_id=client_id)
    run.call(3.0, run.owner[outward], "m", qos)
    run.publish(3.0, outward, "m", qos, up=True)
    run.publish(3.5, elsewhere, "m", qos, up=False)
    run.deliver(4.0, wall, "m", qos)
    found = level(run, qos)
    assert (found["accepted"], found["delivered"], found["lost_by_reason"]) == (1, 0, lost)
    assert found["lost"] == len(lost)


@pytest.mark.parametrize("qos", [0, 1])
def test_what_arrives_at_a_program_that_is_no_client_of_ours_is_not_lost(
    trial: tuple, qos: int
) -> None:
    run, outward, inward = trial
    for name, lost in (("m", False), ("n", True)):
        run.call(3.0, run.owner[outward], name, qos)
        run.publish(3.0, outward, name, qos, up=True)
        run.publish(3.5, inward, name, qos, up=False, lost=lost)
    assert level(run, qos)["lost"] == 2
    unnamed = ClientInfo(run.owner[inward], "", False, 60, "")
    assert level(run, qos, clients=(unnamed,))["lost"] == 2
    found = level(run, qos, clients=())
    assert (found["delivered"], found["lost"], found["lost_by_reason"]) == (0, 1, {UNEXPLAINED: 1})


def test_clients_without_an_id_are_not_in_one_session() -> None:
    run = Handmade()
    meter, desk, wall = run.device("meter"), run.device("desk"), run.device("wall")
    outward = run.open(0.0, meter)
    for device in (desk, wall):
        run.subscribe(1.0, run.open(0.5, device, clean=False, client_id=""), "site/#")
    run.call(3.0, meter, "m", 1)
    run.publish(3.0, outward, "m", 1, up=True)
    run.deliver(4.0, wall, "m", 1)
    assert level(run, 1)["lost"] == 1


def test_a_clean_subscriber_is_only_owed_what_its_connection_covered() -> None:
    run = Handmade()
    meter, wall = run.device("meter"), run.device("wall")
    outward, inward = run.open(0.0, meter), run.open(0.0, wall)
    run.subscribe(0.5, inward, "site/+")
    run.close(2.0, inward, CloseCause.FIN, CloseCause.FIN)
    run.call(4.0, meter, "m", 1)
    run.publish(4.0, outward, "m", 1, up=True)
    everything = figures(Analysis(run.result()))
    assert everything["qos"] is None
    assert everything["clean_subscriber"] == "wall"
    assert everything["qos_clean_subscriber"]["1"]["lost"] == 0


def test_bytes_add_up_to_the_ip_packets_and_are_exact_for_one_level(trial: tuple) -> None:
    run, outward, inward = trial
    through(run, outward, inward, "m", 1)
    run.packet(2.1, outward, Packet.PUBACK, up=False)
    meter = run.owner[outward]
    # 20 CONNECT + 4 CONNACK + 50 PUBLISH + 4 PUBACK, and 10 + 36 of WebSocket and TLS beside them,
    # of which 8 bytes never left; 30 sent again
    run.count(meter, Direction.UP, packets=4, header_bytes=160, payload_bytes=116,
              retransmitted_bytes=30, bytes=276, web_socket_bytes=8, tls_bytes=16)  # fmt: skip
    run.count(meter, Direction.DOWN, packets=3, header_bytes=120, payload_bytes=30, bytes=150,
              web_socket_bytes=2, tls_bytes=20)  # fmt: skip
    found = level(run, 1)
    assert found["wire_bytes_by_leg"]["publisher_leg"] == {
        "mqtt": 54.0,
        "mqtt_session": 24.0,
        "web_socket": 10.0,
        "tls": 36.0,
        "tcp_ip": 280.0,
        "retransmitted": 30.0,
        "unsent": -8.0,
        "total": 426.0,
        "tcp_timestamps_of_linux": 84.0,
    }
    assert found["wire_bytes_exact_on_publisher_leg"]
    through(run, outward, inward, "n", 2, at=5.0)
    assert not level(run, 1)["wire_bytes_exact_on_publisher_leg"]


def test_a_due_will_counts_once_and_a_second_copy_is_extra(trial: tuple) -> None:
    run, _, inward = trial
    desk = run.owner[inward]
    run.subscribe(1.5, inward, "will")
    for name in ("fin", "goodbye", "twice"):
        doomed = run.device(name)
        connection = run.open(2.0, doomed, will=name)
        if name == "goodbye":
            run.packet(3.0, connection, Packet.DISCONNECT, up=True)
        run.close(4.0, connection, CloseCause.LOCAL, CloseCause.FIN)
    run.deliver(5.0, desk, "fin", 2)
    run.deliver(5.0, desk, "twice", 2)
    run.deliver(5.5, desk, "twice", 2)
    found = figures(Analysis(run.result()))
    assert (found["wills_due"], found["wills_delivered"], found["wills_extra"]) == (2, 2, 1)


@pytest.mark.parametrize(
    ("version", "present", "told", "violations", "due"),
    [
        (5, True, None, (), 0),
        (4, True, None, (), 1),  # has no delay
        (5, False, None, (), 1),  # its session had ended before
        (5, True, Kind.WRITTEN, (), 1),  # it went out, and was lost on the way
        (5, True, Kind.DROPPED, (), 1),
        (5, True, None, (replace(VIOLATION, invariant="WILL-IFF"),), 1),
    ],
)
def test_a_will_that_a_return_to_its_session_called_off_is_not_due(
    trial: tuple, version: int, present: bool, told: Kind | None, violations: tuple, due: int
) -> None:
    run, _, inward = trial
    run.subscribe(1.5, inward, "will")
    doomed = run.device("doomed")
    first = run.open(2.0, doomed, clean=False, will="last words", version=version)
    run.close(4.0, first, CloseCause.LOCAL, CloseCause.RESET)
    if told == Kind.WRITTEN:
        run.publish(4.5, inward, "last words", 0, up=False, lost=True, topic="will")
    elif told == Kind.DROPPED:
        run.add(4.5, told, BROKER, text=run.text("desk"), message=run.message("last words"))
    again = run.open(6.0, doomed, clean=False, version=version, present=present)
    run.packet(7.0, again, Packet.DISCONNECT, up=True)
    run.open(8.0, doomed, clean=False, version=version, present=not present)  # the next one decides
    found = figures(Analysis(run.result(violations=violations)))
    assert (found["wills_due"], found["wills_delivered"]) == (due, 0)


def test_a_will_that_nobody_came_back_for_is_due(trial: tuple) -> None:
    run, _, inward = trial
    run.subscribe(1.5, inward, "will")
    doomed = run.open(2.0, run.device("doomed"), clean=False, will="last words", version=5)
    run.close(4.0, doomed, CloseCause.LOCAL, CloseCause.RESET)
    run.open(6.0, run.device("other"), clean=False, version=5, present=True)
    assert figures(Analysis(run.result()))["wills_due"] == 1


@pytest.mark.parametrize(
    ("silence_s", "cause", "version", "closes"),
    [
        (90.0, CloseCause.LOCAL, 4, 1),
        (89.0, CloseCause.LOCAL, 4, 0),
        (90.0, CloseCause.RESET, 4, 0),
        (30.0, CloseCause.LOCAL, 5, 1),  # Server Keep Alive is 20 s
        (29.0, CloseCause.LOCAL, 5, 0),
    ],
)
def test_a_keep_alive_close_is_the_brokers_own_after_1_5_keep_alives(
    trial: tuple, silence_s: float, cause: CloseCause, version: int, closes: int
) -> None:
    run, _, _ = trial
    quiet = run.open(10.0, run.device("quiet"), keep_alive_s=60, version=version)
    heard = 10.1  # CONNECT's arrival
    run.add(heard + silence_s, Kind.CLOSED, BROKER, end=End.BROKER, connection=quiet, code=cause)
    result = run.result(server_keep_alive_s=20)
    assert figures(Analysis(result))["keepalive_closes"] == closes


def test_packets_are_counted_at_both_ends(trial: tuple) -> None:
    run, outward, _ = trial
    run.publish(2.0, outward, "m", 0, up=True, lost=True)
    counted = figures(Analysis(run.result()))["packets"]
    assert counted["PUBLISH"]["to_broker"] == {"written": 1, "arrived": 0}
    assert counted["CONNACK"]["to_client"] == {"written": 2, "arrived": 2}
    assert counted["CONNACK"]["to_broker"] == {"written": 0, "arrived": 0}


def test_a_packet_cut_by_a_fault_is_named_at_its_receiver(trial: tuple) -> None:
    run, outward, _ = trial
    ends = {"connection": outward, "bytes": 9}
    run.add(5.0, Kind.TAIL, run.owner[outward], end=End.CLIENT, flags=0, **ends)
    run.add(5.5, Kind.TAIL, BROKER, end=End.BROKER, flags=1, **ends)
    assert figures(Analysis(run.result()))["tails"] == [
        {"at_s": 5.5, "device": "meter", "direction": "to_broker", "bytes": 9}
    ]


def test_reconnects_are_connects_beyond_each_devices_first(trial: tuple) -> None:
    run, outward, _ = trial
    run.open(8.0, run.owner[outward])
    found = figures(Analysis(run.result()))
    assert (found["connects"], found["reconnects"]) == (3, 1)


def test_outages_pair_up_and_the_last_may_stay_open(trial: tuple) -> None:
    run, outward, inward = trial
    meter, desk = run.owner[outward], run.owner[inward]
    run.add(2.0, Kind.LINK_DOWN, meter)
    run.add(3.0, Kind.LINK_DOWN, desk)
    run.add(5.0, Kind.LINK_UP, meter)
    run.add(6.0, Kind.DIED, meter, code=Death.SILENT)
    run.add(6.0, Kind.LINK_DOWN, meter)  # part of its death
    run.add(10.0, Kind.PHASE, BROKER)
    spans = Analysis(run.result()).outages
    assert spans.actor.tolist() == [meter, desk]
    assert list(zip(spans.start_s, spans.end_s, strict=True)) == [(2.0, 5.0), (3.0, 10.0)]
    link = figures(Analysis(run.result()))["links"]["lte"]
    assert (link["devices"], link["outages"], link["down_s"]) == (2, 2, 10.0)


def test_an_empty_run_has_figures_too() -> None:
    found = figures(Analysis(Handmade().result()))
    assert (found["connects"], found["wills_due"], found["qos"]) == (0, 0, None)
